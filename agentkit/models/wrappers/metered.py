"""A model that counts what it took, and stops at a limit."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from decimal import Decimal

from msgspec.structs import replace

from agentkit.core.errors import LimitReached, ModelError, ProviderDown, StreamCut, UsageError
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, StreamRestarted
from agentkit.core.usage import FREE, SHORTEST_ANSWER, Limits, Price, Spent, Usage
from agentkit.models.retries import Piece, closing
from agentkit.models.wrappers.wrapped import Wrapped


class Metered(Wrapped):
    """A model that counts calls, tokens, money and seconds, over everybody who asks it, and passes no limit.

    Before each request what it can come to is reserved: an upper estimate of the input, and of the
    answer as much as it may have, which is cut to what is left. What it really took is settled
    afterwards. The count is one, from whichever event loops and threads requests come. An answer that
    never arrived whole keeps its reservation, because it may have been computed, also when the model
    then begins it anew; a request that the server refused took nothing.

    Args:
        model: The model.
        limits: The most calls (`steps`), seconds, tokens and US dollars (`cost`); none by default.
        price: What the model costs.
        clock: Tells seconds. Only waiting for the model counts.

    Attributes:
        calls: Requests so far, failed ones too.
        usage: The tokens of the answers that arrived.
        lost: Reserved for answers that never arrived.
        seconds: Waited for the model, summed over requests.

    Raises:
        UsageError: a limit in money without a price, or one in the seconds of tools.
    """

    def __init__(
        self,
        model: ChatModel,
        limits: Limits = Limits(),  # noqa: B008 - a frozen value
        *,
        price: Price | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(model)
        if limits.cost is not None and price is None:
            raise UsageError(f"a limit in US dollars cannot be kept: say what {model.name} costs with price=")
        if limits.tool_seconds is not None:
            raise UsageError("a model runs no tools; limit their seconds in the run")
        self.limits = limits
        self.price = price
        self.calls = 0
        self.usage = Usage()
        self.lost = Spent()
        self.seconds = 0.0
        self._paid = Decimal(0)
        self._reserved = Spent()
        self._clock = clock
        self._lock = threading.Lock()  # over what is counted, and never held while anything is awaited

    @property
    def spent(self) -> Spent:
        """Calls made, and what was used, is reserved, or was lost; money as far as a price is known."""
        return Spent(self.calls, self.usage.total, self._paid) + self.lost + self._reserved

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Piece]:
        """What the model streams, counted.

        Raises:
            LimitReached: a limit leaves no room for this request; or the time ran out while it was made.
            ModelError: the model could not answer.
        """
        estimate = self.estimate(request)
        with self._lock:
            request, reserved = self._granted(request, estimate)
            self.calls += 1
            self._reserved += reserved
        lost = True
        try:
            async with closing(self.model.stream(request)) as pieces:
                while (piece := await self._next(pieces)) is not None:
                    if isinstance(piece, Answer):
                        lost = False
                        with self._lock:
                            self.usage += piece.usage
                            self._paid += (self.price or FREE).of(piece.usage)
                            self._reserved, reserved = self._reserved - reserved, Spent()
                    elif isinstance(piece, StreamRestarted):
                        # what broke off may have been computed, and as much is asked for once more
                        again, reserved = reserved, Spent()
                        with self._lock:
                            self._reserved -= again
                            self.lost += again
                            self._require_room(again)
                            self._reserved, reserved = self._reserved + again, again
                    yield piece
        except ModelError as error:
            lost = lost and isinstance(error, StreamCut | ProviderDown | LimitReached)
            raise
        finally:
            with self._lock:
                self._reserved -= reserved
                if lost:
                    self.lost += reserved

    def _require_room(self, again: Spent) -> None:
        """Refuse another attempt at an answer that broke off, if the limits leave no room for it."""
        most, comes_to = self.limits, self.spent + again
        over_tokens = most.tokens is not None and comes_to.tokens > most.tokens
        if over_tokens or (most.cost is not None and comes_to.cost > most.cost):
            allowed = f"{most.tokens} tokens" if over_tokens else f"${most.cost}"
            raise LimitReached(
                f"{self.name} broke off its answer, and {allowed} do not allow another attempt: what was "
                f"under way counts with {again.tokens} tokens, because it may have been computed"
            )

    def _granted(self, request: ModelRequest, estimate: int) -> tuple[ModelRequest, Spent]:
        """The request as the limits allow it, and what to reserve for it."""
        limits = self.limits
        if limits.steps is not None and self.calls >= limits.steps:
            raise LimitReached(f"{self.name} was asked {self.calls} times, and {limits.steps} are allowed")
        if limits.seconds is not None and self.seconds >= limits.seconds:
            raise LimitReached(self._time_is_up())
        room = self._room(estimate, request.max_tokens)
        if room < min(request.max_tokens, SHORTEST_ANSWER):
            allowed = f"{limits.tokens} tokens" if limits.cost is None else f"${limits.cost}"
            spent = f"{self.spent.tokens} tokens" if limits.cost is None else f"${self.spent.cost}"
            raise LimitReached(
                f"{allowed} for {self.name} do not allow another answer ({spent} spent or reserved, "
                f"about {estimate} tokens for the question)"
            )
        most = (self.price or FREE).most(estimate, room)
        return replace(request, max_tokens=room), Spent(tokens=estimate + room, cost=most)

    def _room(self, estimate: int, wanted: int) -> int:
        """Tokens that the answer may have: as many as are wanted, if the limits allow them."""
        rooms = [wanted]
        if self.limits.tokens is not None:
            rooms.append(self.limits.tokens - self.spent.tokens - estimate)
        if self.limits.cost is not None and self.price is not None:
            left = self.limits.cost - self.spent.cost - self.price.most(estimate, 0)
            each = self.price.most(0, 1)
            rooms.append(int(left // each) if each else wanted if left >= 0 else 0)
        return min(rooms)

    async def _next(self, pieces: AsyncIterator[Piece]) -> Piece | None:
        """The next piece, within the time that is left; `None` at the end."""
        began = self._clock()
        left = None if self.limits.seconds is None else max(0.0, self.limits.seconds - self.seconds)
        timer = asyncio.timeout(left)
        try:
            async with timer:
                return await anext(pieces, None)
        except TimeoutError:
            if not timer.expired():
                raise
        finally:
            with self._lock:
                self.seconds += self._clock() - began
        raise LimitReached(self._time_is_up())

    def _time_is_up(self) -> str:
        return f"{self.name} worked {self.seconds:.1f} s, and {self.limits.seconds:g} are allowed"
