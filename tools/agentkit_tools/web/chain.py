"""Search providers one after the other: the next where one does not answer."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.errors import ToolFault
from agentkit.core.secret import Secret
from agentkit.tooling.net.reach import NoAnswer
from agentkit.tooling.searching import KEYS, Searching
from agentkit_tools.web.addresses import same_page
from agentkit_tools.web.asking import (
    BadQuery,
    Blocked,
    Down,
    NoResults,
    Provider,
    RateLimited,
    SearchFault,
    SearchQuery,
    SearchResult,
    Send,
    Unclear,
)
from agentkit_tools.web.breaker import Breaker
from agentkit_tools.web.kept import Kept, Recorded
from agentkit_tools.web.scraped import Ddgs
from agentkit_tools.web.services import Brave, SearXNG, Serper, Tavily

NOBODY = (
    'nobody is chosen to be asked; the person can: search = ["brave"] (or tavily, or serper) with a key in '
    f"{', '.join(KEYS.values())}, searxng:URL for one of their own, or ddgs, which scrapes"
)
_SERVICES: dict[str, Callable[[Secret], Provider]] = {"brave": Brave, "tavily": Tavily, "serper": Serper}
_KINDS: dict[type[SearchFault], str] = {
    NoResults: "no results",
    BadQuery: "bad query",
    Blocked: "blocked",
    Unclear: "no results, or blocked",
    Down: "down",
}


class Found(Struct, frozen=True):
    """What came of a search."""

    results: tuple[SearchResult, ...]
    provider: str
    ignored: tuple[str, ...] = ()
    """Fields of the query that the provider cannot be asked for."""
    from_today: bool = False
    """Whether it is an answer of earlier today."""
    failed: tuple[str, ...] = ()
    """Why others before it gave nothing."""
    unkept: str = ""
    """Why the answer could not be kept for the day, if it could not."""


@dataclass
class Chain:
    """The providers of a run and its agents, with what is known of each; it lives as long as the run."""

    providers: Sequence[Provider]
    kept: Kept | None = None
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], date] = date.today
    _breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])

    def search(self, query: SearchQuery, send: Send) -> Found:
        """The results of the first provider that has any.

        Raises:
            SearchFault: none had; of the kind of the last one's, in the words of all.
        """
        failed: list[str] = []
        last: SearchFault = Down(NOBODY)
        for provider in self.providers:
            try:
                return replace(self._asked(provider, query, send), failed=tuple(failed))
            except SearchFault as fault:
                failed.append(f"{provider.name}: {_kind(fault)}: {fault}")
                last = fault
                if isinstance(fault, NoResults):  # that is an answer
                    break
        text = "; ".join(failed) or NOBODY
        raise RateLimited(text, last.retry_after) if isinstance(last, RateLimited) else type(last)(text)

    def _asked(self, provider: Provider, query: SearchQuery, send: Send) -> Found:
        ignored = tuple(sorted(query.wishes - provider.grants))
        day = self.today()
        if self.kept is not None and (results := self.kept.find(provider.name, query, day)):
            return Found(tuple(results), provider.name, ignored, from_today=True)
        breaker = self._breakers.setdefault(provider.name, Breaker())
        if (rest := breaker.until - self.clock()) > 0:
            raise Down(f"it failed just before and is left alone for {rest:.0f} seconds ({breaker.why})")
        try:
            results = provider.search(query, send)
        except NoAnswer as error:
            breaker.failed(down := Down(str(error)), self.clock())
            raise down from error
        except SearchFault as fault:
            breaker.failed(fault, self.clock())
            raise
        breaker.worked()
        results = tuple(_each_once(results)[: query.max_results])
        unkept = ""
        if self.kept is not None and not isinstance(provider, Recorded):
            try:
                self.kept.keep(provider.name, query, day, results)
            except OSError as error:  # a full disk is no reason to keep back what was found
                unkept = f"{self.kept.folder}: {error.strerror}"
        return Found(results, provider.name, ignored, unkept=unkept)

    async def aclose(self) -> None:
        """Nothing is held open."""


def chain_of(searching: Searching) -> Chain:
    """The providers that the person chose.

    Raises:
        ToolFault: nobody is chosen, or a key is missing.
    """
    if not searching.providers:
        raise ToolFault(NOBODY)
    kept = None if searching.kept is None else Kept(searching.kept)
    return Chain([_provider(name, searching) for name in searching.providers], kept)


def own_hosts(searching: Searching) -> tuple[str, ...]:
    """Where the person's own providers are: they may be in a private network."""
    named = [name.removeprefix("searxng:") for name in searching.providers if name.startswith("searxng:")]
    return tuple(urlsplit(url).netloc for url in named)


def _provider(name: str, searching: Searching) -> Provider:
    kind, _, where = name.partition(":")
    if kind == "searxng":
        return SearXNG(where)
    if kind == "recorded":
        return Recorded(Path(where).expanduser())
    if kind == "ddgs":
        return Ddgs()
    if kind not in _SERVICES:
        raise ToolFault(
            f"search = {name!r} is nobody who can be asked; {', '.join(_SERVICES)} and others can"
        )
    if (key := searching.keys.get(kind)) is None:
        raise ToolFault(f"{kind} needs a key in {KEYS[kind]}, which the person has to set")
    return _SERVICES[kind](key)


def _each_once(results: Sequence[SearchResult]) -> list[SearchResult]:
    """The results without those that lead to the page of an earlier one."""
    first = {same_page(one.url): one for one in reversed(results)}
    return [one for one in results if first[same_page(one.url)] is one]


def _kind(fault: SearchFault) -> str:
    if isinstance(fault, RateLimited):
        return "rate limited" if fault.retry_after is None else f"rate limited for {fault.retry_after:g} s"
    return _KINDS[type(fault)]
