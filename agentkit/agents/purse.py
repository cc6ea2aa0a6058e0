"""What one run may spend its next request on: its own limits, and what it shares with others."""

from decimal import Decimal

from msgspec import Struct

from agentkit.agents.budget import (
    POOL_IS_SPENT,
    answer_room,
    covers,
    input_room,
    last_answer,
    left,
    shortage,
    tighter,
)
from agentkit.agents.pool import Draw, Pool
from agentkit.core.usage import FREE, SHORTEST_ANSWER, Limits, Price, Spent, Usage


class Purse(Struct, frozen=True):
    """The limits of a run, the price of its model, and the pool that it shares with other runs."""

    limits: Limits
    price: Price | None = None
    """`None` where nobody knows; then money is not counted."""
    pool: Pool | None = None
    closing_price: Price | None = None
    """Of the model that gives the last answer, where that is not the one that is asked next."""

    def free(self, spent: Spent) -> Limits:
        """What may still be spent."""
        own = left(self.limits, spent)
        return own if self.pool is None else tighter(own, self.pool.left)

    @property
    def keeps_last_answer(self) -> bool:
        """Whether something has to be set aside for the last answer that is not counted in steps or time."""
        return self.pool is not None or self.limits.tokens is not None or self.limits.cost is not None

    def room(self, spent: Spent, estimate: int, most: int, last: int = 0) -> int:
        """The most tokens that the answer to a request may have; 0 when it is not worth asking.

        Args:
            spent: By the run.
            estimate: The most tokens of the request.
            most: What the model can say at once.
            last: The most tokens of a later request for the last answer, to be set aside.
        """
        room = answer_room(self.free(spent), self.price, estimate, last, self.closing_price)
        room = most if room is None else min(most, room)
        return room if room >= min(SHORTEST_ANSWER, most) else 0

    def input_room(self, spent: Spent, most: int) -> int:
        """The most tokens that the request for a last answer may have, of those that the model takes."""
        room = input_room(self.free(spent), self.price)
        return most if room is None else min(most, room)

    def why_not(self, spent: Spent, estimate: int, last: int) -> str:
        """Why there is no room for an answer, in words."""
        short = shortage(self.limits, spent, self.price, estimate, last, self.closing_price)
        return short or POOL_IS_SPENT

    def most(self, estimate: int, room: int) -> Spent:
        """What a request and its answer can come to."""
        return Spent(1, estimate + room, self.price.most(estimate, room) if self.price else Decimal(0))

    def draw(self, most: Spent) -> Draw | None:
        """Set that aside; `None` when others were quicker."""
        return Draw(None, most) if self.pool is None else self.pool.draw(most)

    def last(self, request: int) -> Spent:
        """What the last answer can come to, with a request of so many tokens for it."""
        return last_answer(self.closing_price or self.price or FREE, request)

    def draw_again(self, spent: Spent, most: Spent, kept: Spent) -> Draw | None:
        """Set as much aside once more, for an answer that broke off; `None` when there is not so much left.

        Args:
            spent: By the run and those at work for it, with what was set aside for the attempts before.
            most: What an attempt can come to.
            kept: What has to stay beside it.
        """
        return self.draw(most) if covers(self.free(spent), most + kept) else None

    def cost(self, usage: Usage) -> Decimal | None:
        """What an answer cost; `None` where nobody knows."""
        return None if self.price is None else self.price.of(usage)
