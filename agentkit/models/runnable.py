"""A model as a step: messages in, the text of its answer out."""

import reprlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

import msgspec

from agentkit.core.errors import BadRequest, StreamCut, UsageError
from agentkit.core.messages import Asked, messages_of
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces, gathered

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agentkit.prompts.library import Library
    from agentkit.prompts.parsers.parser import Schematic

Model = TypeVar("Model", bound="BaseModel")
Value = TypeVar("Value")

_SETTINGS = tuple(
    name for name in ModelRequest.__struct_fields__ if name not in ("messages", "tools", "must_call")
)


def as_runnable(model: ChatModel, *, whole: bool = False, **settings: Any) -> "ModelText":
    """The model as a step of a chain, between a prompt and a parser.

    `settings` are fields of `ModelRequest`, such as `temperature` and `max_tokens`.

    Streamed, the text comes as it is made. What was given on cannot be taken back, so when the model
    begins its answer anew after that, the stream ends with `StreamCut`; with `whole` the text is held
    back until the answer is there, and comes in one piece. `ainvoke` always waits for the whole answer.

    Raises:
        UsageError: it is no model, or a setting is none of a request's or has a value that cannot be.
    """
    return ModelText(model, whole=whole, settings=settings)


class ModelText(Runnable[Asked, str]):
    """What a model answers, as text; `as_runnable` makes it and says how it behaves."""

    def __init__(self, model: ChatModel, *, whole: bool, settings: dict[str, Any]) -> None:
        given: object = model
        if isinstance(given, str) or not hasattr(given, "stream"):
            raise UsageError(
                f"a model is asked here, such as load_model('local:smollm2'); found {reprlib.repr(given)}"
            )
        if lost := sorted(set(settings) - set(_SETTINGS)):
            raise UsageError(f"a request has no setting {', '.join(lost)}; known: {', '.join(_SETTINGS)}")
        try:
            # here, where the setting is written, and not at the first question
            self._request = msgspec.convert({**settings, "messages": ()}, ModelRequest)
        except msgspec.ValidationError as error:
            raise UsageError(f"a setting of a request has a value that cannot be: {error}") from error
        self.model = model
        self.whole = whole
        self.settings = settings

    @property
    def input_window(self) -> int:
        """Tokens that a question can have, so that an answer of the length that is set still has room."""
        return max(0, self.model.profile.context_window - self._request.max_tokens)

    def bind(self, **settings: Any) -> "ModelText":
        """The same model, asked with these settings as well."""
        return ModelText(self.model, whole=self.whole, settings={**self.settings, **settings})

    def structured(self, kind: type[Model]) -> Runnable[Asked, Model]:
        """The same model, whose answers are instances of a pydantic model.

        It is held to the schema where it can be, by its server or by its grammar; a server that knows
        no schemas is told in words. An answer that does not fit goes back once, with what is wrong.
        """
        from agentkit.prompts.parsers import PydanticParser

        return self.parsed_by(PydanticParser(kind))

    def parsed_by(self, parser: "Schematic[Value]", files: "Library | None" = None) -> Runnable[Asked, Value]:
        """The same model, whose answers are the values of a parser that has a schema; as `structured`.

        Args:
            parser: Reads the answers.
            files: Where the words are with which an answer that does not fit goes back; ours by itself.
        """
        held = self.bind(answer_schema=parser.schema).with_fallbacks(self, on=(BadRequest,))
        return parser.asked_of(held, files)

    async def ainvoke(self, value: Asked) -> str:
        """The text of the whole answer.

        Raises:
            ModelError: the model could not answer.
        """
        answer: Answer | None = None
        async with AsyncExitStack() as opened:
            async for part in self._asked(value, opened):
                if isinstance(part, Answer):
                    answer = part
        if answer is None:
            raise self._cut()
        return answer.message.text

    async def transform(self, pieces: AsyncIterator[Asked]) -> Pieces[str]:
        """The text as it is made.

        Raises:
            ModelError: the model could not answer, or began anew when some of its text was given on.
        """
        value = await gathered(pieces)
        if self.whole:
            yield await self.ainvoke(value)
            return
        given = 0
        answered = False
        async with AsyncExitStack() as opened:
            async for part in self._asked(value, opened):
                match part:
                    case TextDelta(text):
                        given += len(text)
                        yield text
                    case StreamRestarted(reason):
                        if given:
                            raise StreamCut(
                                f"{self.model.name} began its answer anew ({reason}) when {given} characters "
                                "of it were given on; as_runnable(model, whole=True) waits until it is whole"
                            )
                    case Answer(message):
                        answered = True
                        if not given:
                            # a model that streams no text says it here, and no text at all is a piece, too
                            yield message.text
                    case _:
                        assert_never(part)
        if not answered:
            raise self._cut()

    def _cut(self) -> StreamCut:
        return StreamCut(f"{self.model.name} ended its stream without an answer")

    def _asked(
        self, value: Asked, opened: AsyncExitStack
    ) -> AsyncIterator[TextDelta | StreamRestarted | Answer]:
        """The model's stream, closed with `opened`."""
        stream = self.model.stream(msgspec.structs.replace(self._request, messages=messages_of(value)))
        closing: Any = getattr(stream, "aclose", None)
        if closing is not None:
            # a generator, as nearly every model's stream is, gives back what it holds open
            opened.push_async_callback(closing)
        return stream
