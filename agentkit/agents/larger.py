"""A larger model for a way out of a loop that words did not bring."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from agentkit.agents.compaction import Window, window_of
from agentkit.agents.purse import Purse
from agentkit.core.protocols import ChatModel, ModelRequest
from agentkit.core.usage import Price


class Turn(Struct, frozen=True):
    """Who is asked next, and what that can take."""

    model: ChatModel
    purse: Purse
    estimate: int
    """The most tokens of the request, as this model counts."""
    window: Window


@dataclass
class Larger:
    """The model that the person named for this, made when it is first needed.

    Whoever owns the agent closes it.
    """

    make: Callable[[], Awaitable[ChatModel]]
    price: Price | None = None
    """What it costs; `None` where nobody knows."""
    _made: ChatModel | None = None
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def turn(self, request: ModelRequest, purse: Purse) -> Turn | None:
        """Its turn at this request; `None` where the request is too long for it.

        Raises:
            UsageError: it cannot be made.
        """
        async with self._making:
            if self._made is None:
                self._made = await self.make()
        estimate, window = self._made.estimate(request), window_of(self._made.profile)
        if estimate > window.input:
            return None
        return Turn(self._made, replace(purse, price=self.price, closing_price=purse.price), estimate, window)

    async def aclose(self) -> None:
        """Give back what it holds open."""
        if self._made is not None:
            await self._made.aclose()
