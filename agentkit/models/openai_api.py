"""`openai:NAME`: chat completions of OpenAI, and of every server that speaks its protocol.

What is asked, the reading of the stream, and asking again are here, so that a fault is named for what it
is, and an answer is taken whole or not at all.
"""

import json
import math
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Unpack, cast

from msgspec.structs import replace

from agentkit.core.errors import (
    BadRequest,
    ContextOverflow,
    MalformedStream,
    ModelError,
    StreamCut,
)
from agentkit.core.messages import AssistantMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, StreamRestarted, TextDelta
from agentkit.models.estimate import estimated_input, estimated_usage
from agentkit.models.openai_answer import AnswerAssembler
from agentkit.models.openai_faults import Refusal, fault, quoted
from agentkit.models.openai_terms import Terms
from agentkit.models.openai_wire import body
from agentkit.models.retries import retried
from agentkit.models.server_model import HowAsked, ServerModel
from agentkit.models.sse import EventDecoder
from agentkit.models.text_calls import FORMS

OPENED = "opened"
"""The kind of thoughts that begin without a tag."""
PROFILE = ModelProfile(context_window=128_000, max_output_tokens=4096)
DRAIN = 0.1
"""Seconds for the rest of a body whose answer is complete: read to its end, its connection serves again."""


def profile_of(
    context_window: int | None = None,
    max_output_tokens: int | None = None,
    calls_per_step: int | None = None,
    most_tools: int | None = None,
    text_calls: str | None = None,
    thoughts: str = "tagged",
) -> ModelProfile:
    """The profile of a model of which this is known; of a small window, answers get a quarter.

    >>> profile_of(8192).max_output_tokens
    2048
    """
    window = context_window or PROFILE.context_window
    return replace(
        PROFILE,
        context_window=window,
        max_output_tokens=max_output_tokens or max(1, min(PROFILE.max_output_tokens, window // 4)),
        calls_per_step=calls_per_step,
        most_tools=most_tools or PROFILE.most_tools,
        text_calls=text_calls or "",
        thoughts=thoughts,
    )


class OpenAIModel(ServerModel):
    """A model behind the chat completions protocol.

    Args:
        name: The model as its server knows it.
        profile: What the loop should know of the model.
        asking: How the server is asked; see `ServerModel`.

    Raises:
        MissingKey: the server needs a key and none is given.
        UsageError: the address is none.
    """

    def __init__(self, name: str, *, profile: ModelProfile = PROFILE, **asking: Unpack[HowAsked]) -> None:
        super().__init__(name, **asking)
        self._profile = profile
        self._form = FORMS[profile.text_calls] if profile.text_calls else None
        self._terms = Terms(tools_in_text=self._form is not None)
        self._told_of_usage = False

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:
        """An upper estimate of the request's input tokens."""
        return estimated_input(request)

    @property
    def refused(self) -> frozenset[str]:
        """The parameters that the server was found not to take."""
        return self._terms.left_out

    def stream(self, request: ModelRequest) -> AsyncGenerator[TextDelta | StreamRestarted | Answer]:
        """Yield the text as it comes, then the answer; a retry takes back the text before it.

        Raises:
            ModelError: what went wrong, in the server's words, once no retry is left or would help.
        """
        return retried(lambda: self._asked(request), self._retries, self._sleep, self._rng, self._say)

    async def listed(self) -> list[dict[str, Any]]:
        """What the server says of each model that it has.

        Raises:
            ModelError: it does not say.
        """
        return await self._server.listed()

    async def _asked(self, request: ModelRequest) -> AsyncGenerator[TextDelta | StreamRestarted | Answer]:
        """Ask once on terms that the server takes."""
        while True:
            try:
                async with aclosing(self._attempt(request)) as pieces:
                    async for piece in pieces:
                        yield piece
            except ModelError as failure:
                error = self._server.censored(failure)
            else:
                return
            if isinstance(error, ContextOverflow) and 0 < error.window < self._profile.context_window:
                self._say(
                    f"{self._server.host} takes {error.window} tokens, and {self._profile.context_window} "
                    f"were believed; with --context-window {error.window} nothing is refused for that"
                )
            # outside of the handler, because what the client raised holds the key
            if not isinstance(error, Refusal):
                raise error
            if not self._terms.give_in(error.parameter):
                raise BadRequest(str(error))
            self._say(f"asking again without {error.parameter}: {error}")

    async def _attempt(self, request: ModelRequest) -> AsyncGenerator[TextDelta | Answer]:
        """Ask once."""
        taken = {
            call.id
            for message in request.messages
            if isinstance(message, AssistantMessage)
            for call in (*message.calls, *message.malformed)
        }
        names = [tool.name for tool in request.tools]
        answer = AnswerAssembler(
            lambda: f"call_{uuid.uuid4().hex[:16]}",
            taken,
            self._form,
            names,
            opened=self._profile.thoughts == OPENED,
        )
        shown = 0
        async with aclosing(self._chunks(self._body(request), answer)) as chunks:
            async for chunk in chunks:
                if text := answer.add(chunk):
                    shown += len(text)
                    yield TextDelta(text)
        whole = answer.answer(lambda message: estimated_usage(request, message))
        if rest := whole.message.text[shown:]:
            # held back, because it could have become a call
            yield TextDelta(rest)
        if answer.usage is None and not self._told_of_usage:
            self._told_of_usage = True
            self._say(
                f"{self._server.host} reports no usage; tokens are estimated, rather too many than too few"
            )
        yield whole

    def _body(self, request: ModelRequest) -> dict[str, Any]:
        sent = self._terms.applied(body(self._model, request, self._profile))
        if self._form is not None and request.tools and "tools" in self._terms.left_out:
            sent["messages"] = self._form.turns(request.messages, request.tools)
        return sent

    async def _chunks(
        self, sent: Mapping[str, Any], answer: AnswerAssembler
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of one response, up to `[DONE]` or its end."""
        decoder, done = EventDecoder(), False
        borne = self._server.timeouts

        def patience() -> float:
            if done:
                return DRAIN
            return min(borne.after_finish if answer.finish else math.inf, borne.idle)

        try:
            async with aclosing(self._server.pieces(sent, patience, self._say)) as pieces:
                async for piece in pieces:
                    for event in () if done else decoder.feed(piece):
                        done = event.startswith("[DONE]")
                        if done:
                            break
                        yield self._chunk(event, sent, decoder)
            for event in () if done else decoder.close():
                if not event.startswith("[DONE]"):
                    yield self._chunk(event, sent, decoder)
        except StreamCut:
            # with its finish reason the answer is complete: what breaks later costs the usage at most
            if not (done or answer.finish):
                raise

    def _chunk(self, event: str, sent: Mapping[str, Any], decoder: EventDecoder) -> dict[str, Any]:
        safe = self._server.safe
        try:
            value: Any = json.loads(event)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise MalformedStream(f"the stream holds what is not a JSON object: {quoted(safe(event))}")
        chunk = cast("dict[str, Any]", value)
        if chunk.get("error") or chunk.get("object") == "error":
            raise fault(0, safe(event), {}, sent=sent)
        if decoder.whole and "choices" not in chunk:
            raise MalformedStream(f"the server sent what is no chat completion: {quoted(safe(event))}")
        return chunk
