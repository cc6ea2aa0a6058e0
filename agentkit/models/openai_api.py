"""`openai:NAME`: chat completions of OpenAI, and of every server that speaks its protocol.

The official client carries the requests; retries, timeouts and the reading of the stream are here,
so that a fault is named for what it is, and an answer is taken whole or not at all.
"""

import asyncio
import json
import math
import random
import sys
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from agentkit.core.errors import BadRequest, MissingKey, ModelError, ProviderDown, StreamCut, UsageError
from agentkit.core.messages import AssistantMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.usage import Usage
from agentkit.models.estimate import estimated_input, estimated_output
from agentkit.models.openai_answer import AnswerAssembler
from agentkit.models.openai_faults import Refusal, fault, quoted
from agentkit.models.openai_terms import Terms
from agentkit.models.openai_wire import body
from agentkit.models.retries import Retries
from agentkit.models.sse import EventDecoder

if TYPE_CHECKING:
    from openai import AsyncOpenAI

DEFAULT_URL = "https://api.openai.com/v1"
NEEDS_KEY = "api.openai.com"
PLACEHOLDER = "none"
"""Sent where a server wants no key: the client cannot send nothing."""
SHORTEST_SECRET = 8
"""Characters; a shorter part of a key also stands in ordinary words."""
PROFILE = ModelProfile(context_window=128_000, max_output_tokens=4096)

DRAIN = 0.1
"""Seconds for the rest of a body whose answer is complete: read to its end, its connection serves again."""

_T = TypeVar("_T")


class _Response(Protocol):
    """The one thing needed of the client's streamed response."""

    def iter_bytes(self) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of patience with a server."""

    connect: float = 10.0
    idle: float = 120.0
    """Without a byte, before the answer's first and between any two."""
    total: float | None = None
    """For one attempt; `None` leaves it to the run's own budget."""
    after_finish: float = 5.0
    """For the usage, once the answer itself is complete."""


class OpenAIModel:
    """A model behind the chat completions protocol.

    Args:
        name: The model as its server knows it.
        api_key: The key; `None` is fine for a server of one's own.
        base_url: Where the server is; `None` is OpenAI itself.
        profile: What the loop should know of the model.
        timeouts: How long silence is borne.
        retries: How often and how long apart a request is made again.
        on_wait: Told in words of every wait, and of everything the server made us do differently.
        sleep: Waits between attempts.
        rng: Spreads the waits.

    Raises:
        MissingKey: the server needs a key and none is given.
    """

    def __init__(
        self,
        name: str,
        *,
        api_key: str | None,
        base_url: str | None = None,
        profile: ModelProfile = PROFILE,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        on_wait: Callable[[str], None] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._model = name
        self._host = _host(base_url or DEFAULT_URL)
        self._key = _checked_key(api_key, self._host)
        self._profile = profile
        self._timeouts = timeouts or Timeouts()
        self._retries = retries or Retries()
        self._on_wait = on_wait
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._client = _client(self._key, base_url or DEFAULT_URL, self._timeouts)
        self._terms = Terms()
        self._told_of_usage = False

    def __repr__(self) -> str:
        return f"<OpenAIModel {self._model} at {self._host}>"

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return f"openai:{self._model}"

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:
        """An upper estimate of the request's input tokens."""
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | StreamRestarted | Answer]:
        """Yield the text as it comes, then the answer; a retry takes back the text before it.

        Raises:
            ModelError: what went wrong, in the server's words, once no retry is left or would help.
        """
        attempt = 1
        while True:
            shown = False
            try:
                async with aclosing(self._attempt(request)) as pieces:
                    async for piece in pieces:
                        shown = shown or isinstance(piece, TextDelta)
                        yield piece
            except ModelError as failure:
                error = self._censored(failure)
            else:
                return
            # outside of the handler, because what the client raised holds the key
            if isinstance(error, Refusal):
                if self._terms.give_in(error.parameter):
                    self._say(f"asking again without {error.parameter}: {error}")
                    continue
                error = BadRequest(str(error))
            wait = self._retries.wait(attempt, error, self._rng)
            again = f"attempt {attempt + 1} of {self._retries.attempts}"
            self._say(f"{error}; waiting {wait:.1f} s before {again}")
            if shown:
                yield StreamRestarted(str(error))
            await self._sleep(wait)
            attempt += 1

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _attempt(self, request: ModelRequest) -> AsyncGenerator[TextDelta | Answer]:
        """Ask once."""
        taken = {
            call.id
            for message in request.messages
            if isinstance(message, AssistantMessage)
            for call in (*message.calls, *message.malformed)
        }
        answer = AnswerAssembler(lambda: f"call_{uuid.uuid4().hex[:16]}", taken)
        sent = self._terms.applied(body(self._model, request, self._profile))
        async with aclosing(self._chunks(sent, answer)) as chunks:
            async for chunk in chunks:
                if text := answer.add(chunk):
                    yield TextDelta(text)
        whole = answer.answer(lambda message: Usage(estimated_input(request), estimated_output(message)))
        if answer.usage is None and not self._told_of_usage:
            self._told_of_usage = True
            self._say(f"{self._host} reports no usage; tokens are estimated, rather too many than too few")
        yield whole

    async def _chunks(
        self, sent: Mapping[str, Any], answer: AnswerAssembler
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of one response, up to `[DONE]` or its end."""
        decoder, done = EventDecoder(), False

        def patience() -> float:
            if done:
                return DRAIN
            return min(self._timeouts.after_finish if answer.finish else math.inf, self._timeouts.idle)

        try:
            async with aclosing(self._pieces(sent, patience)) as pieces:
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
        try:
            value: Any = json.loads(event)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise StreamCut(f"the stream holds what is not a JSON object: {quoted(self._safe(event))}")
        chunk = cast("dict[str, Any]", value)
        if chunk.get("error") or chunk.get("object") == "error":
            raise fault(0, self._safe(event), {}, sent=sent)
        if decoder.whole and "choices" not in chunk:
            raise StreamCut(f"the server sent what is no chat completion: {quoted(self._safe(event))}")
        return chunk

    async def _pieces(
        self, sent: Mapping[str, Any], patience: Callable[[], float]
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of one response as they come, or one of our errors."""
        from openai import OpenAIError

        begun = False
        deadline = asyncio.get_running_loop().time() + (self._timeouts.total or math.inf)
        error: ModelError
        try:
            async with AsyncExitStack() as held:
                # the parameters are ours, not the client's idea of them
                create = cast("Any", self._client.chat.completions.with_streaming_response.create)
                opening = cast("AbstractAsyncContextManager[_Response]", create(**_known(sent)))
                response = await _within(patience(), deadline, held.enter_async_context(opening))
                pieces = aiter(response.iter_bytes())
                begun = True
                while True:
                    piece = await _within(patience(), deadline, anext(pieces, b""))
                    if not piece:
                        return
                    yield piece
        except TimeoutError:
            error = self._silence(begun, patience(), deadline)
        except (OpenAIError, *_transport_faults()) as failure:
            error = self._translated(failure, begun, sent)
        raise error

    def _silence(self, begun: bool, seconds: float, deadline: float) -> ModelError:
        if asyncio.get_running_loop().time() >= deadline:
            why = f"{self._host} did not finish its answer within {self._timeouts.total:g} s"
        else:
            why = f"{self._host} sent nothing for {seconds:g} s"
        return StreamCut(f"{why}, in the middle of its answer") if begun else ProviderDown(why)

    def _translated(self, failure: Exception, begun: bool, sent: Mapping[str, Any]) -> ModelError:
        from openai import APIStatusError

        if isinstance(failure, APIStatusError):
            answered = failure.response
            return fault(answered.status_code, self._safe(answered.text), answered.headers, sent=sent)
        # the client says "Connection error."; the reason is in what it wraps
        cause = failure.__cause__ or failure
        why = str(cause) or type(cause).__name__
        if begun:
            return StreamCut(f"the connection to {self._host} broke in the middle of the answer: {why}")
        if "CERTIFICATE_VERIFY_FAILED" in why:
            return ModelError(f"{self._host} is not who it says it is: {why}")
        return ProviderDown(f"{self._host} cannot be reached: {why}")

    def _say(self, text: str) -> None:
        if self._on_wait is not None:
            self._on_wait(text)

    def _censored(self, error: ModelError) -> ModelError:
        error.args = (self._safe(str(error)),)
        return error

    def _safe(self, text: str) -> str:
        """The text without the key, or any beginning of it that a quotation may have cut."""
        if not self._key:
            return text
        for length in range(len(self._key), min(len(self._key), SHORTEST_SECRET) - 1, -1):
            text = text.replace(self._key[:length], "[key]")
        return text


async def _within(seconds: float, deadline: float, work: Awaitable[_T]) -> _T:
    loop = asyncio.get_running_loop()
    when = min(loop.time() + seconds, deadline)
    async with asyncio.timeout_at(when if math.isfinite(when) else None):
        return await work


def _known(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as the client's method takes them: what is not OpenAI's goes beside."""
    own = {name: value for name, value in sent.items() if name != "top_k"}
    return {**own, "extra_body": {"top_k": sent["top_k"]}} if "top_k" in sent else own


def _client(key: str, base_url: str, timeouts: Timeouts) -> "AsyncOpenAI":
    # imported late: it takes most of a second, and runs on local models never need it
    from openai import AsyncOpenAI, Timeout

    patience = Timeout(None, connect=timeouts.connect)
    # the address is always given, for the client would take another from the environment
    return AsyncOpenAI(api_key=key or PLACEHOLDER, base_url=base_url, max_retries=0, timeout=patience)


def _host(base_url: str) -> str:
    """The server's address as it is shown to people: no path, no credentials."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"the base URL of the model's server is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        shown = base_url.rpartition("@")[2]
        raise UsageError(
            f"the base URL of the model's server must look like http://localhost:8000/v1, not {shown!r}"
        )
    return f"{host}:{port}" if port else host


def _checked_key(api_key: str | None, host: str) -> str:
    key = (api_key or "").strip()
    if not key and host == NEEDS_KEY:
        raise MissingKey(
            "OpenAI needs a key: set OPENAI_API_KEY, or use `--model local:smollm2`, which needs none"
        )
    if not (key.isascii() and key.isprintable()):
        raise MissingKey("OPENAI_API_KEY holds characters that no key has; was it copied whole?")
    return key


def _transport_faults() -> tuple[type[Exception], ...]:
    """What the transport under the client raises while a body is read, where the client wraps nothing.

    Its package is httpx or httpx2, by the client's version; the client has imported it.
    """
    faults: list[type[Exception]] = [OSError]
    for module, name in (("httpx", "RequestError"), ("httpx2", "RequestError"), ("anyio", "EndOfStream")):
        if module in sys.modules:
            faults.append(getattr(sys.modules[module], name))
    return tuple(faults)
