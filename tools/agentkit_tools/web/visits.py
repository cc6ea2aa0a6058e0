"""Pages as they are got: by each host's rules, not too often, and again only when they have changed."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.fetch import Request, Response, fetch
from agentkit_tools.web.limits import seconds_of
from agentkit_tools.web.manners import NAME as MANNERS
from agentkit_tools.web.manners import Manners
from agentkit_tools.web.waiting import fresh_for, retry_after

NAME = "visited pages"
SECONDS = 30.0
MOST_BYTES = 5_000_000
"""Of a page, unpacked."""
FRESH = 300.0
"""Seconds for which a page is not asked for again that says nothing of it itself."""
LONGEST_FRESH = 3600.0
MOST_KEPT = 64
MOST_BYTES_KEPT = 32_000_000
_WAITS = frozenset({429, 503})
"""Answers by which a host can ask for a rest."""
ACCEPTED = "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.9,*/*;q=0.5"


@dataclass(frozen=True, slots=True)
class Visit:
    """A page as it came."""

    response: Response
    until: float
    """Until when it is not asked for again, by the clock of the visits."""

    @property
    def asks_again(self) -> Mapping[str, str]:
        """The headers by which a server tells that nothing has changed."""
        headers = self.response.headers
        given = {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
        return {name: value for name, value in given.items() if value}


@dataclass
class Visits:
    """What one agent got from the web; nothing of it outlives the run, and no cookie is kept at all."""

    manners: Manners = field(default_factory=Manners)
    _pages: "OrderedDict[str, Visit]" = field(default_factory=OrderedDict[str, Visit])

    def get(self, url: str, context: ToolContext) -> Response:
        """What is at an address.

        Raises:
            ToolFault: it may not be asked for, nobody answers, or the answer is no page.
        """
        url = url.partition("#")[0]
        known = self._pages.get(url)
        if known is not None and self.manners.clock() < known.until:
            return known.response
        headers = {"Accept": ACCEPTED, **(known.asks_again if known else {})}
        answer = fetch(
            Request(url, "GET", headers),
            context.reach,
            seconds=seconds_of(context, SECONDS),
            most_bytes=MOST_BYTES,
            before=lambda request: self.manners.before(request, context),
        )
        if answer.status == 304 and known is not None:
            answer = replace(known.response, headers={**known.response.headers, **answer.headers})
        elif answer.status != 200:
            seconds = retry_after(answer.headers)
            if seconds is not None and answer.status in _WAITS:
                self.manners.rest(answer.url, seconds)
            raise ToolFault(_refusal(answer, seconds))
        self._keep(url, answer)
        return answer

    def _keep(self, url: str, answer: Response) -> None:
        self._pages.pop(url, None)
        if (seconds := fresh_for(answer.headers, FRESH, LONGEST_FRESH)) is None:
            return
        self._pages[url] = Visit(answer, self.manners.clock() + seconds)
        while len(self._pages) > MOST_KEPT or self._bytes() > MOST_BYTES_KEPT:
            self._pages.popitem(last=False)

    def _bytes(self) -> int:
        return sum(len(one.response.body) for one in self._pages.values())

    async def aclose(self) -> None:
        """Nothing is held open."""


def visits_of(context: ToolContext) -> Visits:
    """Those of the agent; with the manners of the whole run, as a host does not care which agent asks."""
    residents = context.residents
    return residents.get(NAME, lambda: Visits(residents.shared(MANNERS, Manners)))


def _refusal(answer: Response, seconds: float | None) -> str:
    told = f"{answer.url} answered {answer.status} {answer.reason}".rstrip()
    if answer.status in (401, 403, 429, 451):
        told += "; it refuses programs or asks for a login"
    return told if seconds is None else f"{told}; it wants to be asked again after {seconds:.0f} seconds"
