"""One OpenAI-compatible server: parameters out, and bytes or one of our errors back.

The official client carries the requests. Its key appears in no error and no text of this class.
"""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from agentkit.core.errors import ModelError, ProviderDown, StreamCut
from agentkit.models.openai_client import (
    DEFAULT_URL,
    as_arguments,
    checked_key,
    client_of,
    host_of,
    transport_faults,
)
from agentkit.models.openai_faults import fault
from agentkit.models.openai_wire import models_in
from agentkit.models.per_loop import PerLoop

SHORTEST_SECRET = 8
"""Characters; a shorter part of a key also stands in ordinary words."""

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

    @property
    def unusual(self) -> float:
        """How long a silence in the middle of an answer is borne without a word."""
        return min(10.0, self.idle / 3)


class _Silence:
    """Tells once of a server that has fallen silent in the middle of an answer, and that it goes on."""

    def __init__(self, host: str, borne: Timeouts, say: Callable[[str], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._host, self._borne, self._say = host, borne, say
        self._began = 0.0
        self._told = self._goes_on_unsaid = False
        self._waiting: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        self._began = self._loop.time()
        if not self._told:
            self._waiting = self._loop.call_later(self._borne.unusual, self._tell)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        elif self._goes_on_unsaid and kind is None:
            self._say(f"{self._host} goes on, after {self._loop.time() - self._began:.0f} s")
        self._waiting, self._goes_on_unsaid = None, False

    def _tell(self) -> None:
        self._told = self._goes_on_unsaid = True
        self._waiting = None
        self._say(
            f"{self._host} is silent in the middle of its answer, for {self._borne.unusual:g} s so far; "
            f"after {self._borne.idle:g} s it is given up and asked again"
        )


class Server:
    """Where a model answers, and how long its silence is borne; from any number of event loops.

    Args:
        base_url: The address; `None` is OpenAI itself.
        api_key: The key; `None` is fine for a server of one's own.
        timeouts: How long silence is borne.

    Raises:
        MissingKey: the server needs a key and none is given.
        UsageError: the address is none.
    """

    def __init__(self, base_url: str | None, api_key: str | None, timeouts: Timeouts) -> None:
        url = base_url or DEFAULT_URL
        self.host = host_of(url)
        self.timeouts = timeouts
        self._key = checked_key(api_key, self.host)
        self._clients = PerLoop(
            lambda: client_of(self._key, url, timeouts.connect), lambda client: client.close()
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._clients.close()

    async def listed(self) -> list[dict[str, Any]]:
        """What the server says of each model that it has.

        Raises:
            ModelError: it does not say.
        """
        client = await self._clients.here()
        return models_in(self.safe(await self._whole(client.models.with_raw_response.list(), {})))

    async def embedded(self, sent: Mapping[str, Any]) -> str:
        """The body of an answer with embeddings.

        Raises:
            ModelError: there is none.
        """
        create = cast("Any", (await self._clients.here()).embeddings.with_raw_response.create)
        return await self._whole(create(**sent), sent)

    async def _whole(self, work: Awaitable[Any], sent: Mapping[str, Any]) -> str:
        """The body of an answer that comes in one piece."""
        from openai import OpenAIError

        try:
            async with asyncio.timeout(self.timeouts.idle):
                answered = await work
                return answered.text
        except TimeoutError:
            error: ModelError = ProviderDown(f"{self.host} sent nothing for {self.timeouts.idle:g} s")
        except (OpenAIError, *transport_faults()) as failure:
            error = self._translated(failure, begun=False, sent=sent)
        raise self.censored(error)

    async def pieces(
        self, sent: Mapping[str, Any], patience: Callable[[], float], say: Callable[[str], None]
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of one response as they come, or one of our errors; `say` tells of a long silence."""
        from openai import OpenAIError

        client = await self._clients.here()
        begun = False
        deadline = asyncio.get_running_loop().time() + (self.timeouts.total or math.inf)
        error: ModelError
        try:
            async with AsyncExitStack() as held:
                # the parameters are ours, not the client's idea of them
                create = cast("Any", client.chat.completions.with_streaming_response.create)
                opening = cast("AbstractAsyncContextManager[_Response]", create(**as_arguments(sent)))
                response = await _within(patience(), deadline, held.enter_async_context(opening))
                pieces = aiter(response.iter_bytes())
                begun = True
                piece = await _within(patience(), deadline, anext(pieces, b""))
                silence = _Silence(self.host, self.timeouts, say)
                while piece:
                    yield piece
                    with silence:
                        piece = await _within(patience(), deadline, anext(pieces, b""))
                return
        except TimeoutError:
            error = self._silence(begun, patience(), deadline)
        except (OpenAIError, *transport_faults()) as failure:
            error = self._translated(failure, begun, sent)
        raise error

    def _silence(self, begun: bool, seconds: float, deadline: float) -> ModelError:
        if asyncio.get_running_loop().time() >= deadline:
            why = f"{self.host} did not finish its answer within {self.timeouts.total:g} s"
        else:
            why = f"{self.host} sent nothing for {seconds:g} s"
        return StreamCut(f"{why}, in the middle of its answer") if begun else ProviderDown(why)

    def _translated(self, failure: Exception, begun: bool, sent: Mapping[str, Any]) -> ModelError:
        from openai import APIStatusError

        if isinstance(failure, APIStatusError):
            answered = failure.response
            return fault(answered.status_code, self.safe(answered.text), answered.headers, sent=sent)
        # the client says "Connection error."; the reason is in what it wraps
        cause = failure.__cause__ or failure
        why = str(cause) or type(cause).__name__
        if begun:
            return StreamCut(f"the connection to {self.host} broke in the middle of the answer: {why}")
        if "CERTIFICATE_VERIFY_FAILED" in why:
            return ModelError(f"{self.host} is not who it says it is: {why}")
        return ProviderDown(f"{self.host} cannot be reached: {why}")

    def censored(self, error: ModelError) -> ModelError:
        """The same error, its message without the key."""
        error.args = (self.safe(str(error)),)
        return error

    def safe(self, text: str) -> str:
        """The text without the key, or any beginning of it that a quotation may have cut."""
        if not self._key:
            return text
        if len(self._key) < SHORTEST_SECRET:  # such as the x that a server wants which looks at no key
            return re.sub(rf"(?<!\w){re.escape(self._key)}(?!\w)", "[key]", text)
        for length in range(len(self._key), SHORTEST_SECRET - 1, -1):
            text = text.replace(self._key[:length], "[key]")
        return text


async def _within(seconds: float, deadline: float, work: Awaitable[_T]) -> _T:
    loop = asyncio.get_running_loop()
    when = min(loop.time() + seconds, deadline)
    async with asyncio.timeout_at(when if math.isfinite(when) else None):
        return await work
