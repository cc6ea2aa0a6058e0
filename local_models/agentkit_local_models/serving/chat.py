"""/v1/chat/completions."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from typing import Any

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.sampling import TokenLogprobs
from agentkit_local_models.serving.chat_request import ChatAsked, chat_asked
from agentkit_local_models.serving.desk import Question
from agentkit_local_models.serving.faults import ApiError, refusal
from agentkit_local_models.serving.fields import Fields
from agentkit_local_models.serving.logprobs import chat_logprobs
from agentkit_local_models.serving.reply import Reply
from agentkit_local_models.serving.served import Served
from agentkit_local_models.serving.shown import Part, Shown, wire
from agentkit_local_models.serving.speech import Read, Speech
from agentkit_local_models.serving.usage import finish_of, usage_of
from agentkit_local_models.tokenizer import Tokenizer


async def chat_completions(served: Served, asked: Fields, reply: Reply) -> None:
    """Answer a conversation.

    Raises:
        ApiError: it is refused, or the model fails.
    """
    name, decoder = served.decoder(asked.needed_text("model"))
    tokenizer = decoder.engine.tokenizer
    request = chat_asked(asked, tokenizer.vocabulary_size)
    if decoder.speech is None:
        raise ApiError(400, f"{name} has no chat template; /v1/completions goes on with a text")
    speech, drawing = decoder.speech, request.drawing
    with served.gate.admitted(drawing.count):
        try:
            question = await asyncio.to_thread(_question, speech, request)
            sent = _Sent(name, request, speech, tokenizer, reply)
            async with aclosing(served.desk.answers(decoder.engine, [question])) as events:
                async for number, event in events:
                    await sent.take(number, event)
        except Exception as error:
            held_by = "response_format" if request.chat.schema is not None else "tools"
            raise refusal(error, held_by=held_by) from error
        for one in sent.done:
            speech.wrote(question.prompt, one.token_ids)
        served.tally.answered(sent.done)
        await sent.close()


def _question(speech: Speech, request: ChatAsked) -> Question:
    prompt, grammar = speech.prompt(request.chat), speech.grammar(request.chat)
    return Question(prompt, request.drawing.sampling, grammar, request.drawing.count)


class _Sent:
    """The answers to a request on their way to the client."""

    def __init__(
        self, model: str, request: ChatAsked, speech: Speech, tokenizer: Tokenizer, reply: Reply
    ) -> None:
        self._drawing = request.drawing
        self._tokenizer = tokenizer
        self._reply = reply
        self._id = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": model}
        reading = speech.reading(request.chat) if request.chat.functions else None
        self._shown = [Shown(reading, tokenizer) for _ in range(request.drawing.count)]
        self._completions: dict[int, Completion] = {}

    @property
    def done(self) -> list[Completion]:
        """The answers that are whole, in order."""
        return [self._completions[number] for number in sorted(self._completions)]

    async def take(self, number: int, event: Piece | Completion) -> None:
        """Something happened to an answer."""
        if isinstance(event, Completion):
            self._completions[number] = event
        if not self._drawing.stream:
            return
        shown = self._shown[number]
        if not shown.begun:
            shown.begun = True
            await self._delta(number, {"role": "assistant", "content": ""})
        if isinstance(event, Piece):
            await self._parts(number, shown.more(event))
            return
        read = shown.read(event)
        await self._parts(number, shown.rest(event, read))
        await self._delta(number, {}, finish=_finish(event, read))

    async def close(self) -> None:
        """All answers are whole."""
        usage = usage_of([self.done])
        if not self._drawing.stream:
            choices = [self._choice(number, done) for number, done in enumerate(self.done)]
            whole = {"object": "chat.completion", **self._id, "choices": choices, "usage": usage}
            await self._reply.whole(whole)
            return
        if self._drawing.tells_usage:
            await self._reply.event({**self._chunk(), "choices": [], "usage": usage})
        await self._reply.done()

    def _choice(self, number: int, done: Completion) -> dict[str, Any]:
        shown = self._shown[number]
        read = shown.read(done)
        message: dict[str, Any] = {"role": "assistant", "content": read.text, "refusal": None}
        if read.calls:
            message |= {"content": read.text or None, "tool_calls": [wire(call) for call in read.calls]}
        return {
            "index": number,
            "message": message,
            "logprobs": chat_logprobs(shown.logprobs(done, read), self._tokenizer),
            "finish_reason": _finish(done, read),
        }

    async def _parts(self, number: int, parts: Iterable[Part]) -> None:
        for delta, logprobs in parts:
            await self._delta(number, delta, logprobs)

    async def _delta(
        self,
        number: int,
        delta: dict[str, Any],
        told: Sequence[TokenLogprobs] | None = None,
        finish: str | None = None,
    ) -> None:
        logprobs = chat_logprobs(told, self._tokenizer)
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        await self._reply.event({**self._chunk(), "choices": [choice]})

    def _chunk(self) -> dict[str, Any]:
        chunk = {"object": "chat.completion.chunk", **self._id}
        return {**chunk, "usage": None} if self._drawing.tells_usage else chunk


def _finish(done: Completion, read: Read) -> str:
    finish = finish_of(done)
    return "tool_calls" if read.calls and finish == "stop" else finish
