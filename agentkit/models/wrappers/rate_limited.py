"""A model that is asked no more often than its provider allows."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

from agentkit.core.errors import BadRequest, UsageError
from agentkit.core.protocols import Answer, ChatModel, ModelRequest
from agentkit.models.retries import Piece, closing
from agentkit.models.wrappers.wrapped import Wrapped

MINUTE = 60.0


@dataclass(slots=True)
class _Sent:
    """A request of the last minute."""

    at: float
    tokens: int


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request in the queue, which may be of another event loop than the one before it."""

    tokens: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class RateLimited(Wrapped):
    """A model that gets at most so many requests, and so many tokens, in any 60 seconds.

    Who asks first is served first, also when a later request would be small enough to slip through. A
    request counts with an upper estimate of its tokens until its answer says what it took. Cancelled
    while it waits, a request leaves the queue and has cost nothing. Retries count when they are made
    around this wrapper: `Retrying(RateLimited(model))`. The queue is one, from whichever event loops and
    threads requests come.

    Args:
        model: The model.
        requests_per_minute: The most requests; `None` for any number.
        tokens_per_minute: The most tokens, input and output; `None` for any number.
        clock: Tells seconds.
        sleep: Waits.

    Raises:
        UsageError: a limit below 1.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(model)
        for name, limit in (("requests", requests_per_minute), ("tokens", tokens_per_minute)):
            if limit is not None and limit < 1:
                raise UsageError(f"{name}_per_minute = {limit} cannot be; it must be 1 or more, or None")
        self._most_requests = requests_per_minute
        self._most_tokens = tokens_per_minute
        self._clock = clock
        self._sleep = sleep
        self._sent: deque[_Sent] = deque()
        self._queue: deque[_Waiting] = deque()
        self._lock = threading.Lock()  # over both of them, and never held while anything is awaited

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Piece]:
        """What the model streams, once it may be asked.

        Raises:
            BadRequest: the request alone may take more tokens than a minute allows.
            ModelError: the model could not answer.
        """
        tokens = self.estimate(request) + request.max_tokens
        if self._most_tokens is not None and tokens > self._most_tokens:
            raise BadRequest(
                f"this request may take {tokens} tokens, and {self.name} may be sent {self._most_tokens} a "
                "minute; shorten it, or lower max_tokens"
            )
        sent = await self._let_through(tokens)
        async with closing(self.model.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Answer):
                    with self._lock:
                        sent.tokens = piece.usage.total
                        self._wake_first()
                yield piece

    async def _let_through(self, tokens: int) -> _Sent:
        """Wait in the queue until so many tokens may be sent."""
        waiting = _Waiting(tokens)
        with self._lock:
            self._queue.append(waiting)
        try:
            while (wait := self._turn(waiting)) is None or wait > 0:
                await self._until(wait, waiting.woken)
            sent = _Sent(self._clock(), tokens)
            with self._lock:
                self._sent.append(sent)
            return sent
        finally:
            with self._lock:
                if waiting in self._queue:  # else it was given up, and its loop with it
                    self._queue.remove(waiting)
                self._wake_first()

    def _turn(self, waiting: _Waiting) -> float | None:
        """Seconds until it may be sent, 0 for now; `None` while others are before it."""
        with self._lock:
            waiting.woken.clear()
            return self._wait(waiting.tokens) if self._queue[0] is waiting else None

    def _wake_first(self) -> None:
        """Have the first in the queue look again."""
        while self._queue:
            first = self._queue[0]
            try:
                first.loop.call_soon_threadsafe(first.woken.set)
            except RuntimeError:  # its loop was closed under it, and nobody waits there any more
                self._queue.popleft()
            else:
                return

    def _wait(self, tokens: int) -> float:
        """Seconds until a request of so many tokens may be sent; 0 for now."""
        now = self._clock()
        while self._sent and self._sent[0].at + MINUTE <= now:
            self._sent.popleft()
        requests, used, until = len(self._sent), sum(sent.tokens for sent in self._sent), now
        for sent in self._sent:
            few = self._most_requests is None or requests < self._most_requests
            if few and (self._most_tokens is None or used + tokens <= self._most_tokens):
                break
            requests, used, until = requests - 1, used - sent.tokens, sent.at + MINUTE
        return until - now

    async def _until(self, seconds: float | None, woken: asyncio.Event) -> None:
        """Wait so long, or until it is worth looking again."""
        if seconds is None:
            await woken.wait()
            return
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(woken.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
