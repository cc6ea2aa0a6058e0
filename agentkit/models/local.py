"""`local:NAME`: a model of this machine behind the same protocol as a remote one.

The one door to the engine. Calls are held to a grammar of the tools offered, so every call parses
and, through living choices, names only what exists.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from agentkit.core.errors import BadRequest, ContextOverflow, ModelError
from agentkit.core.messages import AssistantMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.usage import Usage
from agentkit.models.dialects import Dialect

if TYPE_CHECKING:
    from agentkit_local_models.engine import Completion, Engine, Piece


def local_profile(prompt: str, context: int, most_output: int) -> ModelProfile:
    """How the loop treats a local model: one call at a time, its last word in plain text."""
    return ModelProfile(
        context_window=context,
        max_output_tokens=most_output,
        prompt=prompt,
        calls_per_step=1,
        longest_result=3000,
        answers_in_text=True,
    )


class LocalModel:
    """A loaded checkpoint, spoken to in its dialect."""

    def __init__(self, name: str, engine: "Engine", dialect: Dialect, profile: ModelProfile) -> None:
        self._name = name
        from agentkit_local_models.chat_template import ChatTemplate

        checkpoint = engine.checkpoint
        if checkpoint.chat_template is None:
            raise BadRequest(f"{name} has no chat template, so it cannot be spoken to in turns")
        self._template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
        self._engine = engine
        self._dialect = dialect
        self._profile = profile

    @classmethod
    def load(
        cls,
        name: str,
        path: Path,
        dialect: Dialect,
        prompt: str,
        most_output: int = 512,
        adapter: Path | None = None,
    ) -> "LocalModel":
        """Load the checkpoint at `path` (a GGUF file or a folder from the hub), with an adapter if given.

        Raises:
            BadRequest: it cannot be loaded; the message says why.
        """
        from agentkit_local_models.engine import Engine
        from agentkit_local_models.errors import LocalModelError

        try:
            engine = Engine.load(path, adapter=adapter)
        except LocalModelError as error:
            raise BadRequest(str(error)) from error
        return cls(name, engine, dialect, local_profile(prompt, engine.context, most_output))

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return self._name

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:
        """The input tokens of the request, counted."""
        return len(self._prompt(request))

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """Yield the words meant for a person as they are made, then the whole answer.

        Raises:
            ContextOverflow: the request is longer than the model's window.
            ModelError: the engine could not answer.
        """
        from agentkit_local_models.engine import Completion
        from agentkit_local_models.errors import LocalModelError, PromptTooLong

        shown, text, done = "", "", None
        try:
            async with aclosing(_in_thread(lambda stop: self._generate(request, stop))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        done = piece
                        break
                    text += piece.text
                    visible = self._dialect.visible(text) if request.tools else text
                    if len(visible) > len(shown):
                        yield TextDelta(visible[len(shown) :])
                        shown = visible
        except PromptTooLong as error:
            raise ContextOverflow(str(error)) from error
        except LocalModelError as error:
            raise ModelError(str(error)) from error
        if done is None:
            raise ModelError(f"{self._name} stopped before its answer was complete")
        yield self._answer(request, done)

    async def aclose(self) -> None:
        """Nothing is held open: the weights go with the object."""

    def _prompt(self, request: ModelRequest) -> list[int]:
        from agentkit_local_models.chat_template import encode_chat

        turns = self._dialect.turns(request.messages, request.tools)
        return encode_chat(self._template, self._engine.tokenizer, turns)

    def _generate(self, request: ModelRequest, stop: threading.Event) -> "Iterator[Piece | Completion]":
        from agentkit_local_models.sampling import Sampling

        sampling = Sampling(
            temperature=request.temperature,
            top_k=request.top_k,
            top_p=request.top_p,
            seed=request.seed,
            max_tokens=request.max_tokens,
            stop=request.stop,
        )
        grammar = self._dialect.grammar(request.tools, must_call=request.must_call) if request.tools else None
        return self._engine.generate(self._prompt(request), sampling, grammar=grammar, cancelled=stop.is_set)

    def _answer(self, request: ModelRequest, done: "Completion") -> Answer:
        step = 1 + sum(isinstance(message, AssistantMessage) for message in request.messages)
        message = (
            self._dialect.read(done.text, step, request.tools)
            if request.tools
            else AssistantMessage(done.text)
        )
        usage = Usage(done.prompt_tokens, done.output_tokens, done.reused_tokens)
        finish = "length" if done.finish == "length" else "calls" if message.calls else "stop"
        return Answer(message, usage, finish)


_T = TypeVar("_T")
_END = object()


async def _in_thread(start: Callable[[threading.Event], Iterator[_T]]) -> AsyncGenerator[_T, None]:
    """Draw from an iterator that computes, without holding up the event loop.

    When the consumer is cancelled or leaves early, the event given to `start` is set and the
    computation is waited for, so that it never runs on behind the caller's back.
    """
    stop = threading.Event()
    pieces = await asyncio.to_thread(start, stop)
    try:
        while True:
            drawing = asyncio.ensure_future(asyncio.to_thread(next, pieces, _END))
            try:
                piece = await asyncio.shield(drawing)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.wait([drawing])
                raise
            if piece is _END:
                return
            yield cast("_T", piece)
    finally:
        stop.set()
        if isinstance(pieces, Generator):
            pieces.close()
