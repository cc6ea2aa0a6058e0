"""`local:NAME`: a model of this machine behind the same protocol as a remote one.

The one door to the engine. Calls are held to a grammar of the tools offered, so every call parses
and, through living choices, names only what exists or what the person named.
"""

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from agentkit.core.errors import BadRequest, ContextOverflow, ModelError
from agentkit.core.messages import AssistantMessage, Message
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.usage import Usage
from agentkit.models.dialects import BegunCall, Dialect, dialect_of
from agentkit.models.dialects.contract import json_rule, without_system
from agentkit.models.local_options import LocalOptions

if TYPE_CHECKING:
    from agentkit_local_models.answer import Completion, Piece
    from agentkit_local_models.engine import Engine


def local_profile(
    prompt: str, context: int, most_output: int, *, shows_schemas: bool = False
) -> ModelProfile:
    """How the loop treats a local model: one call at a time, its last word in plain text."""
    return ModelProfile(
        context_window=context,
        max_output_tokens=most_output,
        prompt=prompt,
        calls_per_step=1,
        longest_result=3000,
        most_tools=30,
        answers_in_text=True,
        shows_schemas=shows_schemas,
    )


class LocalModel:
    """A loaded checkpoint, spoken to in its dialect."""

    def __init__(self, name: str, engine: "Engine", dialect: Dialect, profile: ModelProfile) -> None:
        self._name = name
        from agentkit_local_models.chat_template import ChatTemplate
        from agentkit_local_models.errors import ChatTemplateError
        from agentkit_local_models.written import Written

        checkpoint = engine.checkpoint
        if checkpoint.chat_template is None:
            is_folder = (checkpoint.path / "config.json").is_file()
            works = "; a chat_template.jinja in its folder works" if is_folder else ""
            raise BadRequest(f"{name} has no chat template, so it cannot be spoken to in turns{works}")
        try:
            self._template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
        except ChatTemplateError as error:
            raise BadRequest(f"{name}: {error}") from error
        self._engine = engine
        self._dialect = dialect
        self._profile = profile
        self._written = Written(engine.tokenizer)

    @classmethod
    def load(
        cls,
        name: str,
        path: Path,
        dialect: Dialect | None,
        prompt: str,
        most_output: int = 512,
        adapter: Path | None = None,
        options: LocalOptions | None = None,
    ) -> "LocalModel":
        """Load the checkpoint at `path` (a GGUF file or a folder from the hub), with an adapter if given.

        Args:
            name: how a person asks for it.
            path: of the checkpoint.
            dialect: that it was trained to write calls in; None asks the checkpoint.
            prompt: that the loop gives it.
            most_output: tokens of an answer.
            adapter: its file or folder; models with different ones share an engine (`Engines`).
            options: in which numbers its weights are kept, and what computes them.

        Raises:
            BadRequest: it cannot be loaded; the message says why.
        """
        from agentkit_local_models.engines import ENGINES
        from agentkit_local_models.errors import LocalModelError

        try:
            engine = ENGINES.get(path, adapter=adapter, **(options or LocalOptions()).of_engine)
        except (LocalModelError, ValueError) as error:
            raise BadRequest(str(error)) from error
        dialect = dialect or dialect_of("", engine.checkpoint.calls)
        profile = local_profile(prompt, engine.context, most_output, shows_schemas=dialect.shows_schemas)
        return cls(name, engine, dialect, profile)

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return self._name

    @property
    def engine(self) -> "Engine":
        """What computes it."""
        return self._engine

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:
        """The input tokens of the request, counted."""
        return len(self.prompt(request))

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """Yield the words meant for a person as they are made, then the whole answer.

        Raises:
            ContextOverflow: the request is longer than the model's window.
            BadRequest: the answer's schema is none that it can be held to.
            ModelError: the engine could not answer.
        """
        from agentkit_local_models.answer import Completion
        from agentkit_local_models.errors import LocalModelError, PromptTooLong
        from agentkit_local_models.grammar import GrammarError

        shown, text, done = "", "", None
        try:
            async with aclosing(_in_thread(lambda stop: self._generate(request, stop))) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        done = piece
                        break
                    text += piece.text
                    visible = self.visible(request, text)
                    if len(visible) > len(shown):
                        yield TextDelta(visible[len(shown) :])
                        shown = visible
        except PromptTooLong as error:
            raise ContextOverflow(str(error)) from error
        except GrammarError as error:
            if request.answer_schema is None:
                raise ModelError(str(error)) from error
            raise BadRequest(f"{self._name} cannot be held to this schema: {error}") from error
        except LocalModelError as error:
            raise ModelError(str(error)) from error
        if done is None:
            raise ModelError(f"{self._name} stopped before its answer was complete")
        answer = self._answer(request, done)
        if rest := _unshown(answer.message.text, shown):
            # held back, because it could have become a call
            yield TextDelta(rest)
        yield answer

    async def aclose(self) -> None:
        """Nothing is held open: the weights go with the object."""

    def prompt(self, request: ModelRequest, *, bounded: bool = False) -> list[int]:
        """The token ids of a request, up to where the answer begins.

        Args:
            request: what is answered.
            bounded: refuse one that is far too long before it is tokenised, which could take seconds.

        Raises:
            PromptTooLong: it is `bounded`, and far too long.
        """
        from agentkit_local_models.chat_template import encode_chat
        from agentkit_local_models.overlong import refuse_overlong

        turns = self._dialect.turns(request.messages, request.tools)
        if bounded:
            texts = [turn["content"] for turn in turns]
            refuse_overlong(texts, self._engine.tokenizer, self._engine.context)
        if not self._template.shows_system:
            turns = without_system(turns)
        return encode_chat(self._template, self._engine.tokenizer, turns, written=self._written)

    def _generate(self, request: ModelRequest, stop: threading.Event) -> "Iterator[Piece | Completion]":
        """The answer as it is made; how it was written is remembered for the next prompt.

        One that calls tools leaves its cache on lease: the next prompt goes on from it when they are done.
        """
        from agentkit_local_models.answer import Completion
        from agentkit_local_models.sampling import Sampling

        sampling = Sampling(
            temperature=request.temperature,
            top_k=request.top_k,
            top_p=request.top_p,
            seed=request.seed,
            max_tokens=request.max_tokens,
            stop=request.stop,
        )
        prompt, grammar = self.prompt(request), self.grammar(request)
        answer = self._engine.generate(prompt, sampling, grammar=grammar, cancelled=stop.is_set)
        with closing(answer):
            for piece in answer:
                if isinstance(piece, Completion):
                    self.wrote(prompt, piece.token_ids)
                    if self.message(request, piece.text).calls:
                        self._engine.lease([*prompt, *piece.token_ids], _TOOL_SECONDS)
                yield piece

    def grammar(self, request: ModelRequest) -> str | None:
        """The Lark text that the answer is held to: of the tools offered, and of the schema of its text."""
        if request.tools:
            return self._dialect.grammar(
                request.tools, must_call=request.must_call, answer_schema=request.answer_schema
            )
        return None if request.answer_schema is None else f"start: {json_rule(request.answer_schema)}"

    def visible(self, request: ModelRequest, text: str) -> str:
        """The part of an unfinished answer that is meant for a person."""
        return self._dialect.visible(text) if request.tools else text

    def begun(self, request: ModelRequest, text: str) -> BegunCall | None:
        """What of an unfinished answer is a call, and stays so."""
        if not request.tools:
            return None
        return self._dialect.begun(text, step_after(request.messages), request.tools)

    def message(self, request: ModelRequest, text: str) -> AssistantMessage:
        """What the text of a whole answer says."""
        if not request.tools:
            return AssistantMessage(text)
        return self._dialect.read(text, step_after(request.messages), request.tools)

    def wrote(self, prompt: Sequence[int], answer: Sequence[int]) -> None:
        """Remember in which tokens an answer was written: the next prompt goes on with them."""
        self._written.add(prompt, answer)

    def _answer(self, request: ModelRequest, done: "Completion") -> Answer:
        message = self.message(request, done.text)
        usage = Usage(done.prompt_tokens, done.output_tokens, done.reused_tokens)
        finish = "length" if done.finish == "length" else "calls" if message.calls else "stop"
        return Answer(message, usage, finish)


def _unshown(text: str, shown: str) -> str:
    """What of an answer's text is still to be shown; space around it is no part of the text."""
    begun = shown.lstrip()
    return text[len(begun) :] if text.startswith(begun) else ""


def step_after(messages: Sequence[Message]) -> int:
    """The number of the next answer, which its calls are named by: that of no call in the conversation.

    Answers that have left the view are not counted, so the number goes on from the latest name in it.
    """
    answers = [message for message in messages if isinstance(message, AssistantMessage)]
    names = (_NAMED.match(call.id) for message in answers for call in message.calls)
    return 1 + max([len(answers), *(int(name[1]) for name in names if name)])


_NAMED = re.compile(r"call_(\d+)(?:_\d+)?$")

_TOOL_SECONDS = 600.0
"""How long a conversation's cache is kept before others' while its tools run."""

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
