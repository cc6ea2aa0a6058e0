"""Search without a key: `ddgs` reads the result pages of engines, which none of them offers for that.

Their terms are the risk of whoever chooses it. Often they refuse, and it cannot tell that from finding
nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

from agentkit_tools.web.asking import (
    EVERY_WISH,
    Down,
    RateLimited,
    SearchFault,
    SearchQuery,
    SearchResult,
    Send,
    Unclear,
)

SECONDS = 10
Text = Callable[..., list[dict[str, Any]]]
"""`DDGS(...).text`."""


def installed() -> Text:
    """The function of the package that searches.

    Raises:
        Down: it is not installed.
    """
    try:
        return import_module("ddgs").DDGS(timeout=SECONDS).text
    except ModuleNotFoundError as error:
        raise Down('ddgs is not installed; run: pip install "agentkit[ddgs]"') from error


@dataclass(frozen=True, slots=True)
class Ddgs:
    """Several engines, by their pages."""

    text: Callable[[], Text] = installed
    name: ClassVar[str] = "ddgs"
    grants: ClassVar[frozenset[str]] = EVERY_WISH

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """As `Provider.search`; it makes its connections itself."""
        del send
        search = self.text()
        place = f"{query.region or 'us'}-{query.language or 'en'}"
        given = {"region": place} if query.wishes & {"region", "language"} else {}
        try:
            found = search(
                query.with_sites,
                safesearch="on" if query.safe else "off",
                timelimit=query.since[0] if query.since else None,
                max_results=query.max_results,
                **given,
            )
        except Exception as error:
            raise _fault(error) from error
        results = [
            SearchResult(str(row["href"]), str(row.get("title", "")), str(row.get("body", "")))
            for row in found
            if row.get("href")
        ]
        if not results:
            raise Unclear(_EITHER)
        return results


_EITHER = "it found nothing, or the engines refused it; it cannot tell which"


def _fault(error: Exception) -> SearchFault:
    match type(error).__name__:
        case "RatelimitException":
            return RateLimited(f"ddgs: {error}")
        case "DDGSException":
            return Unclear(f"{_EITHER} ({error})")
        case name:
            return Down(f"ddgs: {name}: {error}")
