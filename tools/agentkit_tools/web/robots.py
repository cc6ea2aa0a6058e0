"""What hosts want of programs: their robots.txt, by RFC 9309."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.fetch import Request, fetch
from agentkit.tooling.net.reach import NoAnswer
from agentkit_tools.web.limits import seconds_of
from agentkit_tools.web.waiting import fresh_for, retry_after

AGENT = "agentkit"
"""Who we say that we are."""
SECONDS = 10.0
MOST_BYTES = 512_000
"""Of one file: a parser has to read 500 KiB, says the RFC (2.5)."""
FRESH = 24 * 3600.0
"""Seconds for which rules hold, at most and where the host does not say (2.4)."""
TROUBLE = 60.0
"""Seconds after which a host that could not say its rules is asked again, where it does not say when."""
MOST_TROUBLE = 3600.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one host."""

    allows: Callable[[str], bool]
    why: str = ""
    """Why something is not allowed."""
    between: float = 0.0
    """Seconds that it wants between two requests."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of asking a host for its rules."""

    rules: Rules
    for_seconds: float
    """For how long it is not asked again."""
    in_trouble: bool = False
    """Whether it could not say them."""


EVERYTHING = Rules(lambda _: True)


@dataclass
class Robots:
    """The rules of each host that was asked for them; nobody is asked again while they hold."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[Heard, float]] = field(default_factory=dict[str, tuple[Heard, float]])
    """What was heard of each place, and until when it holds."""

    def of(self, url: str, context: ToolContext) -> Rules:
        """The rules of the host of an address.

        A host that cannot say them is left alone until it can; one that could before is taken at its word
        for as long (2.3.1.4, 2.4).

        Raises:
            ToolFault: they cannot be asked for, or not be read here.
        """
        parts = urlsplit(url)
        place = urlunsplit((parts.scheme, parts.netloc.lower(), "/robots.txt", "", ""))
        old, until = self._known.get(place, (None, 0.0))
        if old is not None and self.clock() < until:
            return old.rules
        heard = _asked(place, context)
        held = old if heard.in_trouble and old is not None and not old.in_trouble else heard
        self._known[place] = (held, self.clock() + heard.for_seconds)
        return held.rules


def _asked(place: str, context: ToolContext) -> Heard:
    try:
        answer = fetch(
            Request(place), context.reach, seconds=seconds_of(context, SECONDS), most_bytes=MOST_BYTES
        )
    except NoAnswer as error:
        return _trouble(f"its robots.txt cannot be read ({error})", TROUBLE)
    if answer.status >= 500 or answer.status == 429:
        # a host in trouble is to be left alone
        seconds = retry_after(answer.headers)
        return _trouble(
            f"its robots.txt answered {answer.status}",
            TROUBLE if seconds is None else min(max(seconds, 1.0), MOST_TROUBLE),
        )
    rules = _parsed(answer.body.decode("utf-8-sig", "replace")) if answer.status == 200 else EVERYTHING
    # one that is not to be kept holds for the page that is asked for, and a little longer
    return Heard(rules, max(fresh_for(answer.headers, FRESH, FRESH) or 0.0, TROUBLE))


def _trouble(why: str, seconds: float) -> Heard:
    return Heard(Rules(lambda _: False, f"{why}, which forbids all for now"), seconds, in_trouble=True)


def _parsed(text: str) -> Rules:
    try:
        read: Any = import_module("protego").Protego.parse(text)
    except ModuleNotFoundError as error:
        raise ToolFault('robots.txt cannot be read here; run: pip install "agentkit[web]"') from error

    def allows(url: str) -> bool:
        return bool(read.can_fetch(url, AGENT))

    rate = read.request_rate(AGENT)
    between = max(float(read.crawl_delay(AGENT) or 0.0), rate.seconds / rate.requests if rate else 0.0)
    return Rules(allows, "its robots.txt says so", between)
