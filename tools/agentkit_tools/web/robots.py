"""What hosts want of programs: their robots.txt, by RFC 9309."""

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

AGENT = "agentkit"
"""Who we say that we are."""
SECONDS = 10.0
MOST_BYTES = 500_000
"""What a parser has to read of one, says the RFC."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one host."""

    allows: Callable[[str], bool]
    why: str = ""
    """Why something is not allowed."""
    between: float = 0.0
    """Seconds that it wants between two requests."""


EVERYTHING = Rules(lambda _: True)


@dataclass
class Robots:
    """The rules of each host that was asked for them; a run asks each once."""

    _rules: dict[str, Rules] = field(default_factory=dict[str, Rules])

    def of(self, url: str, context: ToolContext) -> Rules:
        """The rules of the host of an address.

        Raises:
            ToolFault: they cannot be asked for, or not be read here.
        """
        parts = urlsplit(url)
        place = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        if place not in self._rules:
            self._rules[place] = _asked(place, context)
        return self._rules[place]


def _asked(place: str, context: ToolContext) -> Rules:
    try:
        answer = fetch(
            Request(place), context.reach, seconds=seconds_of(context, SECONDS), most_bytes=MOST_BYTES
        )
    except NoAnswer as error:
        return Rules(lambda _: False, f"its robots.txt cannot be read ({error})")
    if answer.status >= 500 or answer.status == 429:
        # a host in trouble is to be left alone
        return Rules(lambda _: False, f"its robots.txt answered {answer.status}")
    if answer.status != 200:
        return EVERYTHING
    return _parsed(answer.body.decode("utf-8", "replace"))


def _parsed(text: str) -> Rules:
    try:
        read: Any = import_module("protego").Protego.parse(text)
    except ModuleNotFoundError as error:
        raise ToolFault('robots.txt cannot be read here; run: pip install "agentkit[web]"') from error

    def allows(url: str) -> bool:
        return bool(read.can_fetch(url, AGENT))

    between = read.crawl_delay(AGENT)
    return Rules(allows, "its robots.txt says so", float(between or 0.0))
