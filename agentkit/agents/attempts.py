"""What one answer takes from a budget when it breaks off and begins anew."""

from collections.abc import Callable
from decimal import Decimal

from msgspec.structs import replace

from agentkit.agents.pool import Draw
from agentkit.agents.purse import Purse
from agentkit.core.errors import NoOtherAttempt
from agentkit.core.usage import NOTHING, Spent, Usage


class Attempts:
    """The attempts at one answer, and what is set aside for each.

    What a server computed for an attempt that broke off, nobody is told; it counts as all that was set aside
    for it. So an answer begins anew only where as much can be set aside once more, beside what is kept for
    the last answer of the run.
    """

    def __init__(
        self,
        purse: Purse,
        each: Spent,
        first: Draw,
        *,
        spent: Callable[[], Spent],
        kept: Spent,
        record: Callable[[Spent], None],
    ) -> None:
        """The first is about to be made.

        Args:
            purse: What they are paid from.
            each: The most that an attempt can come to.
            first: That, set aside.
            spent: What the run has spent and set aside by now, these attempts with it: while an answer is
                waited for, more can be set aside for agents that work for the run.
            kept: What the last answer of the run can come to, where that has to stay possible.
            record: Told what counts as spent by an attempt that broke off, so that no crash forgets it.
        """
        self.each = each
        self.cut = NOTHING
        """What counts as spent by attempts that broke off."""
        self._purse = purse
        self._spent = spent
        self._kept = kept
        self._most = each
        self._current = first
        self._record = record

    def again(self, reason: str) -> None:
        """Count an attempt as spent, and set the next one's aside.

        Raises:
            NoOtherAttempt: there is not so much left.
        """
        most = replace(self.each, steps=0)  # it is one step, however often it is begun
        draw = self._purse.draw_again(self._spent(), most, self._kept)
        if draw is None:
            raise NoOtherAttempt(f"{reason}; the budget has no room for another attempt")
        self._current.settle()
        lost = self._most
        self.cut, self._most, self._current = self.cut + lost, most, draw
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
