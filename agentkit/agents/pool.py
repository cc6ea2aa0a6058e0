"""A ceiling over several runs."""

from threading import Lock

from agentkit.agents.budget import covers, left
from agentkit.core.usage import Limits, Spent


class Pool:
    """A ceiling that several runs of one process share, in one event loop or in threads.

    Each draws the most that its next request can come to before it sends it, and gives back what it
    did not use. Time is not shared: it passes for all at once.

    >>> pool = Pool(Limits(steps=10, tokens=1000))
    >>> drawn = pool.draw(Spent(steps=1, tokens=400))
    >>> pool.left.tokens
    600
    >>> drawn.settle(Spent(steps=1, tokens=150))
    >>> pool.left.tokens, pool.spent.tokens
    (850, 150)

    Args:
        limits: In steps, tokens and US dollars.

    Raises:
        ValueError: a limit in seconds.
    """

    def __init__(self, limits: Limits) -> None:
        if limits.seconds is not None or limits.tool_seconds is not None:
            raise ValueError("a pool cannot hold seconds; limit the time of each run instead")
        self.limits = limits
        self.spent = Spent()
        """By requests that are over."""
        self.drawn = Spent()
        """By requests that are under way."""
        self._lock = Lock()

    @property
    def left(self) -> Limits:
        """What nobody has spent or drawn."""
        return left(self.limits, self.spent + self.drawn)

    def draw(self, most: Spent) -> "Draw | None":
        """Set aside what a request can come to; `None` when there is not so much left."""
        with self._lock:
            if not covers(left(self.limits, self.spent + self.drawn), most):
                return None
            self.drawn += most
            return Draw(self, most)

    def settle(self, drawn: Spent, used: Spent) -> None:
        """Take what was drawn back, and count what was used of it."""
        with self._lock:
            self.drawn -= drawn
            self.spent += used


class Draw:
    """Something that was set aside, in a pool if there is one."""

    def __init__(self, pool: Pool | None, most: Spent) -> None:
        self._pool = pool
        self._most: Spent | None = most

    def settle(self, used: Spent | None = None) -> None:
        """Give the change back; without `used` nothing comes back, and a second time nothing happens."""
        if self._pool is not None and self._most is not None:
            self._pool.settle(self._most, self._most if used is None else used)
        self._most = None
