"""Searching the web: each provider over HTTP, what it answers when it does not, and who is asked next."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import ToolFault
from agentkit.core.secret import Secret
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.fetch import Request, Response, fetch
from agentkit.tooling.net.reach import NoAnswer
from agentkit.tooling.searching import Searching, kept_in, keys_of
from agentkit_tools.web.addresses import same_page
from agentkit_tools.web.asking import (
    EVERY_WISH,
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
from agentkit_tools.web.chain import Chain, chain_of
from agentkit_tools.web.kept import Kept, Recorded
from agentkit_tools.web.scraped import Ddgs
from agentkit_tools.web.search import search_web
from agentkit_tools.web.services import Brave, SearXNG, Serper, Tavily

from .conftest import Asked, Page, Web

DATA = Path(__file__).parent / "data"
KEY = Secret("key-123456")
FULL = SearchQuery("tide tables", 5, "de", "at", "month", ("a.example", "b.example"), safe=True)
FOUND = [
    SearchResult("https://a.example/tides", "Tides of the north", "When the water is high.", "2026-05-04"),
    SearchResult("https://b.example/", "All about tides", "", ""),
]


def provider(name: str, web: Web) -> Provider:
    made = {"brave": Brave(KEY, web.at("/s")), "tavily": Tavily(KEY, web.at("/s"))}
    return {**made, "serper": Serper(KEY, web.at("/s")), "searxng": SearXNG(web.at(""))}[name]


def send_by(surfer: ToolContext) -> Send:
    def send(request: Request) -> Response:
        return fetch(request, surfer.reach, seconds=5, most_bytes=1_000_000)

    return send


EVERY = ["brave", "tavily", "serper", "searxng"]


@pytest.mark.parametrize("name", EVERY)
def test_a_recorded_answer_of_each_service_is_read(name: str, web: Web, surfer: ToolContext) -> None:
    answer = Page((DATA / f"{name}.json").read_bytes(), "application/json")
    web.pages |= {"/s": answer, "/search": answer}
    assert provider(name, web).search(SearchQuery("tide tables"), send_by(surfer)) == FOUND


ASKED: dict[str, dict[str, Any]] = {
    "brave": {"search_lang": "de", "country": "AT", "freshness": "pm", "safesearch": "strict", "count": "5"},
    "tavily": {"time_range": "month", "include_domains": ["a.example", "b.example"], "max_results": 5},
    "serper": {"hl": "de", "gl": "at", "tbs": "qdr:m", "num": 5},
    "searxng": {"language": "de-AT", "time_range": "month", "safesearch": "2", "format": "json"},
}


@pytest.mark.parametrize("name", EVERY)
def test_every_field_that_a_service_grants_reaches_it_and_the_key_in_a_header(
    name: str, web: Web, surfer: ToolContext
) -> None:
    web.pages |= {"/s": Page("{}", "application/json"), "/search": Page("{}", "application/json")}
    with pytest.raises(NoResults):
        provider(name, web).search(FULL, send_by(surfer))
    (asked,) = web.asked
    given = json.loads(asked.body) if asked.body else _query(asked)
    assert {key: given.get(key) for key in ASKED[name]} == ASKED[name]
    words = given.get("q", given.get("query"))
    assert words == ("tide tables" if name == "tavily" else "tide tables (site:a.example OR site:b.example)")
    assert (KEY.reveal() in " ".join(asked.headers.values())) is (name != "searxng")
    assert KEY.reveal() not in asked.path


@pytest.mark.parametrize(
    ("language", "region", "named"),
    [
        ("zh", "", "zh-hans"),
        ("zh", "tw", "zh-hant"),
        ("ja", "jp", "jp"),
        ("pt", "pt", "pt-pt"),
        ("pt", "br", "pt-br"),
        ("no", "", "nb"),
        ("en", "us", "en"),
        ("de", "at", "de"),
    ],
)
def test_brave_is_asked_for_a_language_as_it_calls_it(
    language: str, region: str, named: str, web: Web, surfer: ToolContext
) -> None:
    row = {
        "url": "https://a.example/",
        "title": "Ada&#x27;s <strong>boat</strong>",
        "description": "a &amp; b",
    }
    web.pages["/s"] = Page(json.dumps({"web": {"results": [row]}}), "application/json")
    query = SearchQuery("boats", language=language, region=region)
    (found,) = provider("brave", web).search(query, send_by(surfer))
    assert (found.title, found.snippet) == ("Ada's boat", "a & b")
    assert _query(web.asked[0])["search_lang"] == named


def test_a_searxng_is_asked_for_the_last_week(web: Web, surfer: ToolContext) -> None:
    web.pages["/search"] = Page('{"results": []}', "application/json")
    with pytest.raises(NoResults):
        provider("searxng", web).search(SearchQuery("boats", since="week"), send_by(surfer))
    assert _query(web.asked[0])["time_range"] == "week"


def _query(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(asked.path.partition("?")[2]))


FAULTS = [
    (Page(status=429, headers={"Retry-After": "7"}), RateLimited),
    (Page(status=432), RateLimited),
    (Page(status=401), Blocked),
    (Page(status=403), Blocked),
    (Page(status=422), BadQuery),
    (Page('{"message": "Not enough credits", "statusCode": 400}', status=400), RateLimited),
    (Page(status=500), Down),
    (Page("<html>who are you?</html>"), Down),
    (Page("[]"), Down),
    (Page('{"web": {"results": 3}, "results": {}, "organic": "x"}'), Down),
    (Page('{"web": {"results": [{"no": 1}]}, "results": [{"no": 1}], "organic": [{"no": 1}]}'), Down),
    (Page('{"web": {"results": []}, "results": [], "organic": []}'), NoResults),
]


@pytest.mark.parametrize(("page", "kind"), FAULTS)
@pytest.mark.parametrize("name", EVERY)
def test_what_is_no_result_has_a_kind(
    name: str, page: Page, kind: type[SearchFault], web: Web, surfer: ToolContext
) -> None:
    web.pages |= {"/s": page, "/search": page}
    with pytest.raises(SearchFault) as caught:
        provider(name, web).search(SearchQuery("x"), send_by(surfer))
    assert type(caught.value) is kind
    if isinstance(caught.value, RateLimited) and page.headers:
        assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30),
        ({"Retry-After": "soon"}, None),
        ({"X-RateLimit-Reset": "1, 1419704", "X-RateLimit-Remaining": "0, 1934"}, 1),
        ({"X-RateLimit-Reset": "1, 1419704", "X-RateLimit-Remaining": "1, 0"}, 1419704),
        ({"X-RateLimit-Reset": "1, 1419704"}, 1),
    ],
)
def test_one_that_is_asked_too_much_says_for_how_long_in_any_form(
    headers: dict[str, str], seconds: float | None, surfer: ToolContext
) -> None:
    low = {name.lower(): value for name, value in headers.items()}
    answer = Response("http://a.example/", 429, "", low, b"", True)
    with pytest.raises(RateLimited) as caught:
        Brave(KEY).search(SearchQuery("x"), lambda _: answer)
    assert caught.value.retry_after == seconds


def test_a_searxng_whose_engines_are_refused_has_not_found_nothing(web: Web, surfer: ToolContext) -> None:
    web.pages["/search"] = Page('{"results": [], "unresponsive_engines": [["brave", "CAPTCHA"]]}')
    with pytest.raises(Unclear, match="brave CAPTCHA"):
        SearXNG(web.at("")).search(SearchQuery("x"), send_by(surfer))


# --- ddgs, which is given by whoever has it


class DDGSException(Exception):  # as the package calls it
    pass


class RatelimitException(DDGSException):
    pass


@pytest.mark.parametrize(
    ("came", "kind"),
    [
        (RatelimitException("202"), RateLimited),
        (DDGSException("No results found."), Unclear),
        (OSError("reset"), Down),
        ([], Unclear),
    ],
)
def test_ddgs_is_not_believed_that_there_is_nothing(came: Any, kind: type[SearchFault]) -> None:
    def text(*_: Any, **__: Any) -> list[dict[str, Any]]:
        if isinstance(came, Exception):
            raise came
        return came

    with pytest.raises(SearchFault) as caught:
        Ddgs(lambda: text).search(SearchQuery("x"), no_send)
    assert type(caught.value) is kind


def test_ddgs_is_asked_for_every_field() -> None:
    asked: dict[str, Any] = {}

    def text(words: str, **given: Any) -> list[dict[str, Any]]:
        asked.update(given, words=words)
        return [{"href": "https://a.example/", "title": "A", "body": "b"}]

    assert Ddgs(lambda: text).search(FULL, no_send) == [SearchResult("https://a.example/", "A", "b")]
    assert asked == {
        "words": "tide tables (site:a.example OR site:b.example)",
        "region": "at-de",
        "safesearch": "on",
        "timelimit": "m",
        "max_results": 5,
    }


class Engine:
    """In the place of one that would go to the network."""

    name = provider = "engine"

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def search(self, query: str, **given: Any) -> list[Any]:
        self.asked = {"query": query, **given}
        return [import_module("ddgs.results").TextResult("Tides", "https://a.example/", "tide tables")]


def test_the_installed_ddgs_takes_what_it_is_asked_and_answers_as_it_is_read(monkeypatch) -> None:
    engine = Engine()
    monkeypatch.setattr(import_module("ddgs.ddgs").DDGS, "_get_engines", lambda *_: [engine])
    assert Ddgs().search(FULL, no_send) == [SearchResult("https://a.example/", "Tides", "tide tables")]
    given = {"region": "at-de", "safesearch": "on", "timelimit": "m"}
    assert engine.asked == {"query": FULL.with_sites, "page": 1, **given}


def no_send(request: Request) -> Response:
    raise AssertionError(f"{request.url} was asked")


# --- one after the other


@dataclass
class Played:
    """Answers or fails as it is told, and counts."""

    answers: list[Sequence[SearchResult] | Exception]
    name: str = "first"
    grants: frozenset[str] = EVERY_WISH
    asked: list[SearchQuery] = field(default_factory=list[SearchQuery])

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        self.asked.append(query)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


QUERY = SearchQuery("x")


@pytest.mark.parametrize(
    ("fault", "rest"),
    [(RateLimited("slow down", 7), 7), (RateLimited("slow down"), 30), (Blocked("no"), 600)],
)
def test_one_that_refuses_is_left_alone_for_as_long_as_it_wants(fault: SearchFault, rest: float) -> None:
    clock = Clock()
    first, second = Played([fault, FOUND]), Played([FOUND, FOUND, FOUND], "second")
    chain = Chain([first, second], clock=clock)
    found = chain.search(QUERY, no_send)
    assert (found.provider, len(found.failed)) == ("second", 1)
    clock.now = rest - 0.1
    assert "it failed just before" in chain.search(QUERY, no_send).failed[0]
    assert len(first.asked) == 1
    clock.now = rest + 0.1
    assert chain.search(QUERY, no_send).provider == "first"


def test_one_that_is_down_three_times_in_a_row_is_left_alone() -> None:
    clock = Clock()
    down: list[Any] = [Down("500"), NoAnswer("gone"), FOUND, *[Down("500")] * 3]
    first = Played(down)
    chain = Chain([first, Played([FOUND] * 9, "second")], clock=clock)
    for _ in range(8):
        chain.search(QUERY, no_send)
    assert len(first.asked) == 6


def test_one_that_gave_nothing_for_a_reason_unknown_is_left_alone_after_three_times_in_a_row() -> None:
    clock = Clock()
    first = Played([Unclear("nothing, or refused"), FOUND, *[Unclear("nothing, or refused")] * 3, FOUND])
    chain = Chain([first, Played([FOUND] * 9, "second")], clock=clock)
    for _ in range(7):
        chain.search(QUERY, no_send)
    assert len(first.asked) == 5
    assert "it failed just before and is left alone for 600 seconds" in chain.search(QUERY, no_send).failed[0]
    clock.now = 601
    assert chain.search(QUERY, no_send).provider == "first"


def test_a_bad_query_is_nobodys_failure_and_no_results_are_an_answer() -> None:
    first, second = Played([BadQuery("too long"), NoResults("nothing")]), Played([FOUND], "second")
    chain = Chain([first, second])
    assert chain.search(QUERY, no_send).provider == "second"
    with pytest.raises(NoResults, match="first: no results: nothing"):
        chain.search(QUERY, no_send)


def test_when_all_fail_the_reasons_of_all_are_told_and_the_kind_is_that_of_the_last() -> None:
    chain = Chain([Played([Down("500")]), Played([RateLimited("slow", 9)], "second")])
    with pytest.raises(RateLimited, match=r"first: down: 500; second: rate limited for 9 s: slow") as caught:
        chain.search(QUERY, no_send)
    assert caught.value.retry_after == 9


def test_what_a_provider_cannot_be_asked_for_is_said() -> None:
    chain = Chain([Played([FOUND], grants=frozenset({"since", "sites"}))])
    assert chain.search(FULL, no_send).ignored == ("language", "region", "safe")


def test_a_page_is_given_once_whatever_its_spelling() -> None:
    spelt = ["https://www.a.example/x/?utm_source=1", "http://a.example/x#top", "https://a.example/y"]
    chain = Chain([Played([[SearchResult(url, "t") for url in spelt]])])
    assert [one.url for one in chain.search(QUERY, no_send).results] == [spelt[0], spelt[2]]


@given(st.text(max_size=60))
def test_any_text_can_be_compared_as_an_address(text: str) -> None:
    assert same_page(text) == same_page(text.strip())


# --- kept and recorded


def test_an_answer_is_kept_for_the_day_and_for_just_this_question(tmp_path: Path) -> None:
    day = [date(2026, 1, 1)]
    first = Played([FOUND, FOUND[:1], FOUND, FOUND])
    chain = Chain([first], Kept(tmp_path / "kept"), today=lambda: day[0])
    assert not chain.search(QUERY, no_send).from_today
    again = chain.search(QUERY, no_send)
    assert (again.from_today, list(again.results)) == (True, FOUND)
    assert len(chain.search(replaced(QUERY, since="day"), no_send).results) == 1
    day[0] = date(2026, 1, 2)
    assert not chain.search(QUERY, no_send).from_today
    assert len(first.asked) == 3
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def replaced(query: SearchQuery, **changes: Any) -> SearchQuery:
    return msgspec.structs.replace(query, **changes)


def test_a_kept_answer_that_was_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    first = Played([FOUND, FOUND])
    chain = Chain([first], Kept(tmp_path))
    chain.search(QUERY, no_send)
    (file,) = tmp_path.glob("*.json")
    file.write_bytes(file.read_bytes()[:-9])
    assert not chain.search(QUERY, no_send).from_today


def test_what_cannot_be_kept_is_given_and_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = Chain([Played([FOUND])], Kept(tmp_path / "file" / "kept")).search(QUERY, no_send)
    assert len(found.results) == 2
    assert "file/kept: " in found.unkept


def test_kept_answers_are_a_recording_and_so_are_lines_of_a_file(tmp_path: Path) -> None:
    Chain([Played([FOUND])], Kept(tmp_path / "kept")).search(SearchQuery("Tide  tables"), no_send)
    lines = b"\n".join(file.read_bytes() for file in (tmp_path / "kept").glob("*.json"))
    (tmp_path / "answers.jsonl").write_bytes(lines + b"\n\n")
    for place in ("kept", "answers.jsonl"):
        recorded = Recorded(tmp_path / place)
        assert list(recorded.search(SearchQuery("tide tables"), no_send)) == FOUND
        with pytest.raises(Down, match="no answer to 'ebb'; it has 'Tide  tables'"):
            recorded.search(SearchQuery("ebb"), no_send)
    (tmp_path / "answers.jsonl").write_text("{}\n")
    with pytest.raises(Down, match="line 1 is no recorded answer"):
        Recorded(tmp_path / "answers.jsonl").search(QUERY, no_send)


# --- the tool


def test_the_tool_asks_a_searxng_in_a_private_network_and_nothing_else_there(
    web: Web, world, tmp_path: Path
) -> None:
    web.pages["/search"] = Page((DATA / "searxng.json").read_bytes(), "application/json")
    searching = Searching((f"searxng:http://127.0.0.1:{web.port}",), kept=tmp_path / "kept")
    context = world.with_(searching=searching)
    assert search_web("tide  tables", context, since="year").splitlines() == [
        "1. Tides of the north (2026-05-04)",
        "   https://a.example/tides",
        "   When the water is high.",
        "2. All about tides",
        "   https://b.example/",
        "[2 pages found by searxng]",
    ]
    assert search_web("tide tables", context, since="year").endswith(
        "[2 pages found by searxng, as earlier today]"
    )
    with pytest.raises(ToolFault, match=r"no public address|port"):
        fetch(Request(f"http://127.0.0.1:{web.port}/"), context.reach, seconds=1, most_bytes=9)


@pytest.mark.parametrize(
    ("query", "options", "why"),
    [
        (" ", {}, "the query is empty"),
        ("x", {"max_results": 0}, "1 to 20, not 0"),
        ("x", {"language": "german"}, "'german' is no code of two letters"),
        ("x", {}, "nobody is chosen to be asked"),
    ],
)
def test_a_search_that_cannot_be_says_why(query: str, options: dict[str, Any], why: str, world) -> None:
    with pytest.raises(ToolFault, match=why):
        search_web(query, world.context, **options)


def test_a_service_without_its_key_says_where_it_is_looked_for() -> None:
    with pytest.raises(ToolFault, match="brave needs a key in BRAVE_API_KEY"):
        chain_of(Searching(("brave",)))
    environ = {"BRAVE_API_KEY": " k ", "TAVILY_API_KEY": "", "SERPER_API_KEY": "s"}
    keys = keys_of(environ, ("ddgs", "brave", "tavily"))
    assert list(keys) == ["brave"]
    assert chain_of(Searching(("brave", "ddgs"), keys)).providers[0] == Brave(Secret("k"))


def test_ddgs_which_goes_anywhere_is_not_asked_while_only_some_hosts_may_be(
    surfer: ToolContext,
) -> None:
    reach = replace(surfer.reach, domains=("a.example",))
    context = msgspec.structs.replace(surfer, searching=Searching(("ddgs",)), reach=reach)
    with pytest.raises(ToolFault, match="ddgs keeps to no list of hosts"):
        search_web("x", context)


def test_answers_are_kept_in_the_persons_cache() -> None:
    assert kept_in({"XDG_CACHE_HOME": "/c"}) == Path("/c/agentkit/searches")
    assert kept_in({"XDG_CACHE_HOME": "c", "HOME": "/home/ada"}) == Path("/home/ada/.cache/agentkit/searches")
