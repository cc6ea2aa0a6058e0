"""Hearing a model out: its words while they come, and the answer that they make."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from agentkit.agents.chanting import Watch, cut_off
from agentkit.core.errors import ModelError
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, Sink, StreamRestarted, TextDelta


class Hearing:
    """What arrives of one answer at a time."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self.arrived = ""
        """The words so far of an answer that is not whole."""

    async def answer(
        self, model: ChatModel, request: ModelRequest, cut: Callable[[str], None] = lambda _reason: None
    ) -> Answer:
        """The answer to a request, held to its schema by the model if it can do that.

        Args:
            model: Asked.
            request: For an answer.
            cut: Told why an answer broke off, before it begins anew; it may refuse with a `ModelError`.

        Raises:
            ModelError: there is none.
        """
        self.arrived = ""
        try:
            return await self._heard(model, request, cut)
        except ModelError as error:
            if request.answer_schema is None or error.retriable:  # its attempts are spent, not for the schema
                raise
            return await self._heard(model, replace(request, answer_schema=None), cut)

    async def _heard(self, model: ChatModel, request: ModelRequest, cut: Callable[[str], None]) -> Answer:
        stream = model.stream(request)
        watch = Watch()
        try:
            async for piece in stream:
                if isinstance(piece, Answer):
                    return piece
                self.arrived = self.arrived + piece.text if isinstance(piece, TextDelta) else ""
                if isinstance(piece, StreamRestarted):
                    cut(piece.reason)
                for sink in self._sinks:
                    if isinstance(piece, TextDelta):
                        sink.on_text(piece.text)
                    else:
                        sink.on_restart(piece.reason)
                if found := watch.found_in(self.arrived):
                    return cut_off(model, request, self.arrived, found)
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()
        raise ModelError(f"{model.name} ended its stream without an answer")
