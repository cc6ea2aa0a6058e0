"""/v1/completions: going on with a text."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.engine import Engine
from agentkit_local_models.overlong import refuse_overlong
from agentkit_local_models.serving.desk import Question
from agentkit_local_models.serving.faults import refusal
from agentkit_local_models.serving.fields import Fields, wrong
from agentkit_local_models.serving.logprobs import plain_logprobs
from agentkit_local_models.serving.reply import Reply
from agentkit_local_models.serving.sampling_fields import Drawing, drawing
from agentkit_local_models.serving.served import Served
from agentkit_local_models.serving.usage import finish_of, usage_of
from agentkit_local_models.tokenizer import Tokenizer

USUAL_TOKENS = 16
"""Of an answer, where the request does not say: OpenAI's own number."""


@dataclass(frozen=True, slots=True)
class CompletionAsked:
    """A request: which prompts are gone on with, texts or token ids, and how."""

    prompts: tuple[str | list[int], ...]
    drawing: Drawing


def completion_asked(asked: Fields, tokenizer: Tokenizer) -> CompletionAsked:
    """Read a request of which the model was taken.

    Raises:
        ApiError: something in it is wrong, unknown, or cannot be honoured.
    """
    prompts = _prompts(asked.take("prompt"), tokenizer.vocabulary_size)
    most = asked.whole("max_tokens")
    drawn = drawing(
        asked,
        logprobs=asked.whole("logprobs"),
        vocabulary_size=tokenizer.vocabulary_size,
        max_tokens=USUAL_TOKENS if most is None else most,
    )
    asked.text("user")
    asked.only("echo", [False])
    asked.only("suffix")
    asked.only("best_of", [drawn.count])
    asked.close()
    return CompletionAsked(prompts, drawn)


async def completions(served: Served, asked: Fields, reply: Reply) -> None:
    """Go on with one text or several.

    Raises:
        ApiError: it is refused, or the model fails.
    """
    name, decoder = served.decoder(asked.needed_text("model"))
    tokenizer = decoder.engine.tokenizer
    request = completion_asked(asked, tokenizer)
    sent = _Sent(name, request, tokenizer, reply)
    count = request.drawing.count
    with served.gate.admitted(len(request.prompts) * count, "n" if count > 1 else "prompt"):
        try:
            questions = await asyncio.to_thread(_questions, request, decoder.engine)
            async with aclosing(served.desk.answers(decoder.engine, questions)) as events:
                async for number, event in events:
                    await sent.take(number, event)
        except Exception as error:
            raise refusal(error, asked_by="prompt") from error
        for group in sent.groups:
            served.tally.answered(group)
        await sent.close()


def _prompts(value: Any, vocabulary_size: int) -> tuple[str | list[int], ...]:
    """What each prompt is: of a text, ids, or a list of either."""
    works = "a text, a list of token ids, or a list of either,"
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value:
        wrong("prompt", value, works)
    many = cast("list[Any]", value)
    if all(_is_id(one) for one in many):
        many = [many]
    for one in many:
        if isinstance(one, str):
            continue
        if not isinstance(one, list) or not all(map(_is_id, cast("list[Any]", one))):
            wrong("prompt", one, works)
        if not all(0 <= token < vocabulary_size for token in cast("list[int]", one)):
            wrong("prompt", one, f"ids from 0 to {vocabulary_size - 1}")
    if not all(many):
        wrong("prompt", value, "one token or more in each")
    return tuple(cast("list[str | list[int]]", many))


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _questions(request: CompletionAsked, engine: Engine) -> list[Question]:
    """What the engine is asked: the prompts as tokens.

    Raises:
        LocalModelError: a text is none, or far too long.
    """
    drawn = request.drawing
    return [Question(_ids(prompt, engine), drawn.sampling, None, drawn.count) for prompt in request.prompts]


def _ids(prompt: str | list[int], engine: Engine) -> list[int]:
    if not isinstance(prompt, str):
        return prompt
    # who sends a text here writes all of the prompt, special tokens among it
    refuse_overlong([prompt], engine.tokenizer, engine.context, allow_special=True)
    return engine.tokenizer.encode(prompt, allow_special=True)


class _Sent:
    """The answers to a request on their way to the client."""

    def __init__(self, model: str, request: CompletionAsked, tokenizer: Tokenizer, reply: Reply) -> None:
        self._drawing = request.drawing
        self._tokenizer = tokenizer
        self._reply = reply
        self._head = {
            "id": f"cmpl-{uuid.uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }
        self._completions: dict[int, Completion] = {}
        self._lengths = [0] * (len(request.prompts) * request.drawing.count)  # characters sent

    @property
    def groups(self) -> list[list[Completion]]:
        """The whole answers to each prompt."""
        whole, count = self._completions, self._drawing.count
        return [[whole[at] for at in range(start, start + count)] for start in range(0, len(whole), count)]

    async def take(self, number: int, event: Piece | Completion) -> None:
        """Something happened to an answer."""
        if isinstance(event, Completion):
            self._completions[number] = event
        if not self._drawing.stream:
            return
        if isinstance(event, Piece):
            choice = self._choice(number, event, self._lengths[number])
            self._lengths[number] += len(event.text)
        else:
            end = Piece("", ())
            choice = {**self._choice(number, end, 0), "finish_reason": finish_of(event)}
        await self._reply.event({**self._chunk(), "choices": [choice]})

    async def close(self) -> None:
        """All answers are whole."""
        usage = usage_of(self.groups)
        if not self._drawing.stream:
            choices = [
                {**self._choice(number, done, 0), "finish_reason": finish_of(done)}
                for number, done in sorted(self._completions.items())
            ]
            await self._reply.whole({**self._head, "choices": choices, "usage": usage})
            return
        if self._drawing.tells_usage:
            await self._reply.event({**self._chunk(), "choices": [], "usage": usage})
        await self._reply.done()

    def _choice(self, number: int, part: Piece | Completion, start: int) -> dict[str, Any]:
        logprobs = plain_logprobs(part.logprobs, self._tokenizer, start)
        return {"index": number, "text": part.text, "logprobs": logprobs, "finish_reason": None}

    def _chunk(self) -> dict[str, Any]:
        return {**self._head, "usage": None} if self._drawing.tells_usage else self._head
