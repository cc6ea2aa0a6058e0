"""What is asked of a search provider, what it answers, and the ways in which it does not."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, Protocol, TypeAlias

from msgspec import Struct

from agentkit.core.errors import ToolFault
from agentkit.tooling.net.fetch import Request, Response

Since: TypeAlias = Literal["day", "week", "month", "year"]


class SearchQuery(Struct, frozen=True, omit_defaults=True):
    """A question to the web."""

    text: str
    max_results: int = 8
    language: str = ""
    """Two letters, as in `de`; empty for any."""
    region: str = ""
    """A country in two letters, as in `at`; empty for any."""
    since: Since | None = None
    """How old a page may be."""
    sites: tuple[str, ...] = ()
    """The only hosts to look on."""
    safe: bool = False
    """Whether what is not for children is left out."""

    @property
    def wishes(self) -> frozenset[str]:
        """The fields that ask for more than every provider does by itself."""
        return frozenset(name for name in EVERY_WISH if getattr(self, name))

    @property
    def with_sites(self) -> str:
        """The words with the hosts, in the form that every engine knows."""
        sites = " OR ".join(f"site:{site}" for site in self.sites)
        return f"{self.text} ({sites})" if len(self.sites) > 1 else f"{self.text} {sites}".rstrip()


EVERY_WISH = frozenset({"language", "region", "since", "sites", "safe"})


class SearchResult(Struct, frozen=True, omit_defaults=True):
    """A page that was found."""

    url: str
    title: str
    snippet: str = ""
    published: str = ""
    """As the provider says it; empty where it does not."""


class SearchFault(ToolFault):
    """A provider gave no results; what kind of reason that has is the class."""


class NoResults(SearchFault):
    """It looked and found nothing."""


class BadQuery(SearchFault):
    """What was asked cannot be asked there; another provider may take it."""


class Blocked(SearchFault):
    """It refuses us: no key, a wrong one, or it takes us for a machine."""


class Unclear(Blocked):
    """It gave nothing, and cannot tell whether it was refused or there is nothing."""


class RateLimited(SearchFault):
    """It wants to be asked less."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds, as far as it says."""


class Down(SearchFault):
    """It does not answer, or in no form that can be read."""


Send: TypeAlias = Callable[[Request], Response]
"""Sends a request to a provider within the limits of the run."""


class Provider(Protocol):
    """Somebody who searches."""

    name: ClassVar[str]
    """What it is called in settings and results."""
    grants: ClassVar[frozenset[str]]
    """The fields of a query that it can be asked for."""

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """What it finds, the best first; at least one.

        Raises:
            SearchFault: nothing, for the reason that its class says.
            NoAnswer: it cannot be reached.
        """
        ...
