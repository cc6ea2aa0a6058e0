"""What one answer takes from a budget when it breaks off and begins anew."""

from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from agentkit.agents.pool import Draw
from agentkit.agents.purse import Purse
from agentkit.core.errors import StreamCut
from agentkit.core.usage import NOTHING, Spent, Usage


class Attempts:
    """The attempts at one answer, and what is set aside for each.

    What a server computed for an attempt that broke off, nobody is told; it counts as all that was set aside
    for it. So an answer begins anew only where as much can be set aside once more.
    """

    def __init__(
        self, purse: Purse, spent: Spent, each: Spent, first: Draw, record: Callable[[Spent], None]
    ) -> None:
        """The first is about to be made.

        Args:
            purse: What they are paid from.
            spent: By the run before.
            each: The most that an attempt can come to.
            first: That, set aside.
            record: Told what counts as spent by an attempt that broke off, so that no crash forgets it.
        """
        self.each = each
        self.cut = NOTHING
        """What counts as spent by attempts that broke off."""
        self._purse = purse
        self._spent = spent
        self._most = each
        self._current = first
        self._record = record

    def again(self, reason: str) -> None:
        """Count an attempt as spent, and set the next one's aside.

        Raises:
            StreamCut: there is not so much left.
        """
        cut = self.cut + self._most
        most = replace(self.each, steps=0)  # it is one step, however often it is begun
        draw = self._purse.draw_again(self._spent + cut, most)
        if draw is None:
            raise StreamCut(f"{reason}; the budget has no room for another attempt")
        self._current.settle()
        lost = self._most
        self.cut, self._most, self._current = cut, most, draw
        self._record(lost)

    def with_cut(self, usage: Usage, estimate: int) -> tuple[Usage, Decimal | None]:
        """What an answer used together with the attempts before it, and what that cost.

        Args:
            usage: Of the answer.
            estimate: The most tokens that the request has.
        """
        cost = self._purse.cost(usage)
        if self.cut == NOTHING:
            return usage, cost
        read = self.cut.tokens // self.each.tokens * estimate
        lost = Usage(read, self.cut.tokens - read, estimated=True)
        return usage + lost, None if cost is None else cost + self.cut.cost

    def settle(self, used: Spent | None = None) -> None:
        """Give back what the last attempt did not use; without `used` nothing comes back.

        Args:
            used: By all attempts together.
        """
        self._current.settle(None if used is None else used - self.cut)
