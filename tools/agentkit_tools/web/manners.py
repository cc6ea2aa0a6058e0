"""What each host wants of whoever asks it, kept to by all agents of a run together."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.fetch import Request
from agentkit_tools.web.robots import Robots

NAME = "manners"
BETWEEN = 0.5
"""Seconds between two requests to one host; longer where its robots.txt says so."""
LONGEST_BETWEEN = 10.0
"""Seconds; a host that wants more is waited for no longer."""


@dataclass
class Manners:
    """When each host was asked, by whichever agent, and when it may be asked again."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    robots: Robots = field(init=False)
    _next: dict[str, float] = field(default_factory=dict[str, float])
    """When each host was asked last, or will be by whoever waits for that."""
    _rests: dict[str, float] = field(default_factory=dict[str, float])
    """Until when each host wants to be left alone."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.robots = Robots(self.clock)

    def before(self, request: Request, context: ToolContext) -> None:
        """Keep to what the host wants before it is asked: wait, where it may be asked a little later.

        Raises:
            ToolFault: it may not be asked this, or not now.
        """
        host = _host(request.url)
        self._require_no_rest(host)
        rules = self.robots.of(request.url, context)
        if not rules.allows(request.url):
            raise ToolFault(f"{request.url} is not for programs: {rules.why}")
        between = min(max(BETWEEN, rules.between), LONGEST_BETWEEN)
        with self._lock:  # each of those who want to ask at once gets a moment of its own
            now = self.clock()
            begins = max(now, self._next.get(host, now - between) + between)
            self._next[host] = begins
        if begins > now:
            self.pause(begins - now)
            self._require_no_rest(host)  # another may have heard so meanwhile

    def rest(self, url: str, seconds: float) -> None:
        """Leave the host of an address alone for so long, as it wants."""
        self._rests[_host(url)] = self.clock() + seconds

    def _require_no_rest(self, host: str) -> None:
        if (rest := self._rests.get(host, 0.0) - self.clock()) > 0:
            raise ToolFault(f"{host} wants to be left alone for another {rest:.0f} seconds; it was not asked")

    async def aclose(self) -> None:
        """Nothing is held open."""


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
