"""Search services with a key, and a SearXNG of one's own: over HTTP, with their faults told apart.

Sources: the providers' references as of 2026: api-dashboard.search.brave.com, docs.tavily.com, serper.dev,
docs.searxng.org.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from msgspec.structs import replace

from agentkit.core.secret import Secret
from agentkit.tooling.net.fetch import Request, Response
from agentkit_tools.web.asking import (
    EVERY_WISH,
    BadQuery,
    Blocked,
    Down,
    NoResults,
    RateLimited,
    SearchQuery,
    SearchResult,
    Send,
    Unclear,
)
from agentkit_tools.web.waiting import retry_after

MOST_ASKED = 20
"""Results that the services give at once."""
_REFUSED = frozenset({401, 403})
_BAD = frozenset({400, 404, 414, 422})
_SPENT = frozenset({402, 432, 433})
"""Nothing is left of what was paid for; the last two are Tavily's own."""
_BRAVES = {
    ("zh", ""): "zh-hans", ("zh", "hk"): "zh-hant", ("zh", "mo"): "zh-hant", ("zh", "tw"): "zh-hant",
    ("pt", ""): "pt-br", ("pt", "pt"): "pt-pt", ("ja", ""): "jp", ("no", ""): "nb", ("en", "gb"): "en-gb",
}  # fmt: skip
"""Languages, some in a country, as Brave calls them where its code is not that of ISO 639."""
_MARKUP = re.compile(r"</?(?:strong|b|em)>")


@dataclass(frozen=True, slots=True)
class Brave:
    """Brave's own index."""

    key: Secret
    base: str = "https://api.search.brave.com/res/v1/web/search"
    name: ClassVar[str] = "brave"
    grants: ClassVar[frozenset[str]] = EVERY_WISH

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """As `Provider.search`."""
        text = query.with_sites
        if len(text) > 400 or len(text.split()) > 50:
            raise BadQuery("brave takes 400 characters and 50 words at most; ask for less")
        asked = {"q": text, "count": str(min(query.max_results, MOST_ASKED))}
        if query.language:
            named = _BRAVES.get((query.language, query.region), _BRAVES.get((query.language, "")))
            asked["search_lang"] = named or query.language
        if query.region:
            asked["country"] = query.region.upper()
        if query.since:
            asked["freshness"] = f"p{query.since[0]}"
        if query.safe:
            asked["safesearch"] = "strict"
        headers = {"X-Subscription-Token": self.key.reveal(), "Accept": "application/json"}
        answer = _answer(self.name, send(Request(f"{self.base}?{urlencode(asked)}", "GET", headers)))
        found = _rows(self.name, answer, "web", "results")
        results = _results(self.name, found, "url", "title", "description", "page_age")
        return [replace(one, title=unescape(one.title), snippet=unescape(one.snippet)) for one in results]


@dataclass(frozen=True, slots=True)
class Tavily:
    """Tavily, which is made for agents."""

    key: Secret
    base: str = "https://api.tavily.com/search"
    name: ClassVar[str] = "tavily"
    grants: ClassVar[frozenset[str]] = frozenset({"since", "sites"})

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """As `Provider.search`."""
        asked: dict[str, Any] = {"query": query.text, "max_results": min(query.max_results, MOST_ASKED)}
        if query.since:
            asked["time_range"] = query.since
        if query.sites:
            asked["include_domains"] = list(query.sites)
        headers = {"Authorization": f"Bearer {self.key.reveal()}"}
        answer = _answer(self.name, send(_posted(self.base, headers, asked)))
        found = _rows(self.name, answer, "results")
        return _results(self.name, found, "url", "title", "content", "published_date")


@dataclass(frozen=True, slots=True)
class Serper:
    """Google's results, by Serper."""

    key: Secret
    base: str = "https://google.serper.dev/search"
    name: ClassVar[str] = "serper"
    grants: ClassVar[frozenset[str]] = frozenset({"language", "region", "since", "sites"})

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """As `Provider.search`."""
        asked: dict[str, Any] = {"q": query.with_sites, "num": min(query.max_results, MOST_ASKED)}
        if query.language:
            asked["hl"] = query.language
        if query.region:
            asked["gl"] = query.region
        if query.since:
            asked["tbs"] = f"qdr:{query.since[0]}"
        answer = _answer(self.name, send(_posted(self.base, {"X-API-KEY": self.key.reveal()}, asked)))
        found = _rows(self.name, answer, "organic")
        return _results(self.name, found, "link", "title", "snippet", "date")


@dataclass(frozen=True, slots=True)
class SearXNG:
    """A SearXNG, with `json` among its `search.formats`."""

    base: str
    name: ClassVar[str] = "searxng"
    grants: ClassVar[frozenset[str]] = EVERY_WISH

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """As `Provider.search`."""
        if query.region and not query.language:
            raise BadQuery("searxng takes a region only with a language, as de with at")
        asked = {"q": query.with_sites, "format": "json"}
        if query.language:
            asked["language"] = "-".join(filter(None, (query.language, query.region.upper())))
        if query.since:
            asked["time_range"] = query.since
        if query.safe:
            asked["safesearch"] = "2"
        headers = {"Accept": "application/json"}
        reply = send(Request(f"{self.base.rstrip('/')}/search?{urlencode(asked)}", "GET", headers))
        if reply.status == 403:
            raise Blocked('searxng refuses JSON; "json" has to be among search.formats in its settings.yml')
        answer = _answer(self.name, reply)
        found = _rows(self.name, answer, "results")
        if not found and (silent := _silent(answer)):
            raise Unclear(f"searxng found nothing, and engines behind it gave no answer: {silent}")
        return _results(self.name, found, "url", "title", "content", "publishedDate")


def _posted(url: str, headers: Mapping[str, str], asked: Mapping[str, Any]) -> Request:
    body = json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")
    return Request(url, "POST", {"Content-Type": "application/json", **headers}, body)


def _answer(name: str, reply: Response) -> dict[str, Any]:
    """The JSON object that came.

    Raises:
        SearchFault: another answer, told by its status.
    """
    said = " ".join(reply.body[:300].decode("utf-8", "replace").split())
    what = f"{name} answered {reply.status} {reply.reason}".rstrip() + (f": {said}" if said else "")
    if reply.status == 429 or reply.status in _SPENT:
        raise RateLimited(what, _seconds(reply.headers))
    if reply.status in _REFUSED:
        raise Blocked(what)
    if reply.status in _BAD:
        # Serper says so with 400
        raise RateLimited(what) if "not enough credits" in said.lower() else BadQuery(what)
    if reply.status != 200:
        raise Down(what)
    try:
        answer: Any = json.loads(reply.body)
    except ValueError:
        raise Down(f"{name} answered with something that is no JSON: {said}") from None
    if not isinstance(answer, dict):
        raise Down(f"{name} answered with something that is no object: {said}")
    return cast("dict[str, Any]", answer)


def _seconds(headers: Mapping[str, str]) -> float | None:
    """For how long it wants to be left alone.

    Brave counts in several windows, as the second and the month, and says of each what is left in it and in
    how many seconds it ends: it can be asked again when every window has something left.
    """
    if (seconds := retry_after(headers)) is not None:
        return seconds
    ends, left = (_numbers(headers.get(f"x-ratelimit-{name}", "")) for name in ("reset", "remaining"))
    # where it does not say what is left, the shortest window is the one that is spent most easily
    spent = [end for end, some in zip(ends, left, strict=False) if some == 0] or ends[:1]
    return max(spent, default=None)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.replace(" ", "").split(",") if part.isascii() and part.isdecimal()]


def _rows(name: str, answer: Mapping[str, Any], *path: str) -> list[Mapping[str, Any]]:
    """The results in an answer; none where the whole branch is left out, as it is when nothing was found."""
    found: Any = answer
    for part in path:
        if not isinstance(found, dict):
            raise Down(f"{name} answered in another form than it says: no {'.'.join(path)}")
        found = cast("dict[str, Any]", found).get(part, [] if part == path[-1] else {})
    if not isinstance(found, list):
        raise Down(f"{name} answered in another form than it says: {'.'.join(path)} is no list")
    return [cast("Mapping[str, Any]", row) for row in cast("list[Any]", found) if isinstance(row, dict)]


def _results(name: str, rows: Sequence[Mapping[str, Any]], *fields: str) -> list[SearchResult]:
    found: list[SearchResult] = []
    for row in rows:
        url, title, snippet, published = (_MARKUP.sub("", str(row.get(field) or "")) for field in fields)
        if url:
            found.append(SearchResult(url, title, snippet, published))
    if rows and not found:
        raise Down(f"{name} answered in another form than it says: no result has a {fields[0]}")
    if not found:
        raise NoResults(f"{name} found nothing")
    return found


def _silent(answer: Mapping[str, Any]) -> str:
    """The engines behind a SearXNG that did not answer, each with why."""
    raw: Any = answer.get("unresponsive_engines", [])
    rows = cast("list[Any]", raw) if isinstance(raw, list) else []
    return ", ".join(" ".join(map(str, cast("list[Any]", row))) for row in rows if isinstance(row, list))
