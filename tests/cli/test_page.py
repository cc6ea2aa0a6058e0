"""`agentkit runs show --html FILE`: a page that is safe whatever is on it, and pleasant to read."""

import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.cli.page import page
from agentkit.cli.page_steps import FileChange, entries
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AnswerCut,
    CallDecided,
    CallFinished,
    CallIntended,
    Compacted,
    CompactionUndone,
    Ending,
    Event,
    FileLeftOut,
    FilesLeftOut,
    FilesSet,
    FilesSetting,
    Finding,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonSaid,
    PersonStopped,
    PromptUsed,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, MalformedCall, SystemMessage, ToolCall, UserMessage
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Limits, Spent, Usage

from .conftest import Cli, calling, saying

HOSTILE = (
    "</pre></style></title></section><script>document.title='owned'</script>"
    "<img src=http://HOST/img onerror=\"document.title='owned'\"><svg onload=\"document.title='owned'\">"
    "<link rel=stylesheet href=http://HOST/css><iframe src=http://HOST/frame></iframe>"
    "<meta http-equiv=refresh content='0;url=http://HOST/'><base href=http://HOST/>"
    "<form action=http://HOST/><a href=javascript:alert(1)>x</a>'\"><style>@import 'http://HOST/s'</style>"
    "<!-- --><![CDATA[ ]]> & &lt; &#60;script&#62; \x1b[31mred \u202egnp.exe \x00"
)


def events_with(words: str) -> list[Recorded]:
    """A run in which everything that can be said is said in these words."""
    call = ToolCall("c1", words, {words or "a": words, "long": words * 9})
    events: list[Event] = [
        RunStarted(
            words,
            words,
            words,
            "auto",
            Limits(),
            PromptUsed(words, words, words),
            (SystemMessage(words), AssistantMessage(words, (call,)), UserMessage(words)),
            forked_from=words,
        ),
        ModelAsked(1, 9),
        ModelAnswered(
            1, AssistantMessage(words, (call,), (MalformedCall("m", words, words, words),)), Usage(5, 6), 1.5
        ),
        CallDecided("c1", allowed=True, by=words, reason=words),
        CallIntended(call, Effect.WRITES, True, edited=True),
        CallFinished(ToolResult("c1", words, Outcome.OK, words * 12, "out-1", 2.0)),
        Nudged(words, words),
        ModelAsked(2, 9),
        AnswerCut(2, 4321),
        ModelFailed(2, words, words),
        PersonStopped(words),
        RunResumed(1),
        FilesLeftOut((FileLeftOut(words, words),), 3),
        FilesSetting(1, "00"),
        FilesSet("00", words),
        Compacted("full", 9, 1),
        CompactionUndone(1, 9),
        PersonSaid(words),
        RunEnded(Ending.CHECK_FAILED, words, (Finding(words, False, words),), (words,), words),
    ]
    return [Recorded(seq, 1e9 + seq, event) for seq, event in enumerate(events, 1)]


def page_with(words: str) -> str:
    changes = {6: [FileChange(words, words, (f"+{words}", f"-{words}", f"@@ {words}", words))]}
    return page(words, events_with(words), lambda _: words * 20, changes)


TAGS = {"html", "head", "meta", "title", "style", "body", "span", "h1", "dl", "div", "dt", "dd", "ul", "li"}
TAGS |= {"h2", "details", "summary", "p", "pre", "section", "b", "i", "footer"}
ATTRIBUTES = {"class", "id", "style", "title", "open", "lang", "charset", "name", "content", "http-equiv"}


class Seen(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


@given(st.text(max_size=40) | st.sampled_from(["<", "</", "<!--", "&", '"', "'", "]]>", "<a b=", HOSTILE]))
@settings(max_examples=150, deadline=None)
def test_no_words_become_a_tag_or_an_attribute(words: str) -> None:
    def shape(html: str) -> list[Any]:
        # the classes and widths are ours; the words decide only what is folded
        return [tag for tag in Seen(html).tags if tag[0] not in ("details", "summary", "pre")]

    for tag, attributes in Seen(page_with(words)).tags:
        assert tag in TAGS
        assert {name for name, _ in attributes} <= ATTRIBUTES, tag
    assert shape(page_with(words))[:6] == shape(page_with("x"))[:6]


def test_every_word_is_on_the_page_with_control_characters_written_out() -> None:
    text = "".join(Seen(page_with(HOSTILE)).words)
    assert "<script>document.title='owned'</script>" in text
    assert "\\u001b[31mred \\u202egnp.exe \\u0000" in text
    assert "it began anew; 4,321 tokens of it count as spent" in text
    assert not set(text) & {"\x1b", "\u202e", "\x00"}


def test_the_page_tells_steps_tokens_seconds_and_cost() -> None:
    call = ToolCall("c1", "read_file", {"path": "a.txt"})
    events: list[Event] = [
        RunStarted("do it", "m", "/w", "auto", Limits(), PromptUsed("p", "1", "d"), ()),
        ModelAsked(1, 9),
        ModelAnswered(1, AssistantMessage("I look.", (call,)), Usage(900, 100), 1.5, cost=Decimal("0.0312")),
        CallIntended(call, Effect.READS, True),
        CallFinished(ToolResult("c1", "read_file", Outcome.FAILED, "no such file", seconds=2.0)),
        ModelAsked(2, 9),
        ModelAnswered(2, AssistantMessage("done"), Usage(1900, 100), 0.5, cost=Decimal("0.05")),
        RunEnded(
            Ending.FINISHED,
            "done",
            (Finding("a.txt exists", True, "it does"),),
            ("done",),
            doubts=("b.txt?",),
        ),
    ]
    recorded = [Recorded(seq, 1e9 + seq, event) for seq, event in enumerate(events, 1)]
    text = "\n".join(Seen(page("2qc5xr-0000", recorded, lambda _: None, {})).words)
    for words in (
        "3,000 (2,800 in, 200 out)",
        "$0.081",
        "1,000 tokens · 1.5 s · $0.0312",
        'read_file(path="a.txt")',
        "failed",
        "no such file",
        "a.txt exists: it does",
        "doubtful: b.txt?",
        "2qc5xr-0000",
    ):
        assert words in text
    unknown = [
        Recorded(one.seq, one.at, ModelAnswered(1, AssistantMessage("x"), Usage(1, 1), 1.0))
        if one.seq == 3
        else one
        for one in recorded
    ]
    assert "$0.050 and 1 step of unknown cost" in page("r", unknown, lambda _: None, {})
    assert "cost unknown" in page("r", unknown[:3], lambda _: None, {})
    assert "Cost" not in page("r", recorded[:1], lambda _: None, {})


def test_the_page_tells_of_agents_and_of_whom_a_run_works_for() -> None:
    started = RunStarted(
        "do it",
        "m",
        "/w",
        "auto",
        Limits(),
        PromptUsed("p", "1", "d"),
        (),
        parent="2qc5xr-1111",
        agent="boss",
    )
    events: list[Event] = [
        started,
        ModelAsked(1, 9),
        ModelAnswered(1, AssistantMessage("x"), Usage(10, 5), 0.5, cost=Decimal(0)),
        AgentStarted("scout", "2qc5xr-2222", "look around", "c1", Limits(steps=4)),
        AgentEnded("scout", Ending.FINISHED, "all is well", Spent(2, 700, Decimal("0.25"))),
    ]
    recorded = [Recorded(seq, 1e9 + seq, event) for seq, event in enumerate(events, 1)]
    text = "\n".join(Seen(page("2qc5xr-0000", recorded, lambda _: None, {})).words)
    for words in (
        "run 2qc5xr-1111, as boss",
        "scout (run 2qc5xr-2222)",
        "15 (10 in, 5 out), and 700 of its agents",
        "$0.25",
        "Agent scout begins, run 2qc5xr-2222",
        "look around",
        "Agent scout ended: finished",
        "all is well",
    ):
        assert words in text


def test_a_long_result_is_whole_and_folded_and_one_without_an_end_is_cut() -> None:
    text = "".join(Seen(page("r", events_with("x"), lambda _: "whole " * 500, {})).words)
    assert "whole " * 500 in text
    assert "of which the model was shown a part" in text
    huge = page("r", events_with("x"), lambda _: "y" * 300_000, {})
    assert "… 100,000 more characters are in the record" in huge
    assert len(huge) < 300_000


def test_a_run_that_goes_on_or_never_began_has_a_page() -> None:
    for count in range(len(events_with("x")) + 1):
        assert "</html>" in page("r", events_with("x")[:count], lambda _: None, {})


def test_the_page_of_a_run_is_a_new_private_file(cli: Cli) -> None:
    cli.run(calling("list_files"), saying("done"))
    file = cli.folder / "run.html"
    done = cli("runs", "show", cli.run_id(), "--html", file)
    assert (done.returncode, done.stdout) == (0, f"the page of run {cli.run_id()} is in {file}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "list_files()" in file.read_text()
    again = cli("runs", "show", cli.run_id(), "--html", file)
    assert again.returncode == 2
    assert "is there already" in again.stderr


class Heard(BaseHTTPRequestHandler):
    heard: list[str] = []  # noqa: RUF012 - of all of them

    def do_GET(self) -> None:
        self.heard.append(self.path)
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Heard) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        Heard.heard.clear()
        yield f"127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


@pytest.mark.browser
def test_a_real_browser_runs_nothing_and_asks_nobody(tmp_path: Path, server: str) -> None:
    file = tmp_path / "run.html"
    file.write_text(page_with(HOSTILE.replace("HOST", server)))
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}"]
    dumped = subprocess.run(
        [*browser, "--virtual-time-budget=2000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    seen = Seen(dumped)
    assert "owned" not in dumped[dumped.index("<title>") : dumped.index("document.title")]
    assert not {tag for tag, _ in seen.tags} & {"script", "img", "svg", "iframe", "link", "base", "form", "a"}
    assert Heard.heard == []


def test_what_a_call_did_to_files_is_on_the_page_without_secrets(cli: Cli) -> None:
    key = "sk-" + "a1B2c3D4" * 5
    (cli.workspace / "b.txt").write_text("one\ntwo\nthree\n")
    cli.run(
        calling("edit_file", path="b.txt", old="two", new=f"2 and {key} and ABCDEFGHIJ9"),
        calling("write_file", path="a.txt", content="new"),
        calling("list_files"),
        saying("done"),
        env={"MY_TOKEN": "ABCDEFGHIJ9"},
    )
    file = cli.folder / "run.html"
    done = cli("runs", "show", cli.run_id(), "--html", file, env={"MY_TOKEN": "ABCDEFGHIJ9"})
    assert done.returncode == 0, done.stderr
    html = file.read_text()
    assert '<span class="minus">-two</span><span class="plus">+2 and ' in html
    assert key not in html
    assert "ABCDEFGHIJ9" not in html
    assert "b.txt changed" in html
    assert "a.txt added" in html
    assert html.count('class="diff"') == 2


def test_the_page_of_an_imported_run_does_without_its_files(cli: Cli) -> None:
    cli.run(calling("write_file", path="a.txt", content="new"), saying("done"))
    run_id, there = cli.run_id(), ["--journal", cli.folder / "there.db"]
    cli("runs", "export", run_id, cli.folder / "run.jsonl")
    assert cli("runs", "import", cli.folder / "run.jsonl", *there).returncode == 0
    done = cli("runs", "show", run_id, "--html", cli.folder / "run.html", *there)
    assert done.returncode == 0, done.stderr
    assert 'class="diff"' not in (cli.folder / "run.html").read_text()


def test_little_that_changed_stands_open_and_much_is_folded() -> None:
    def shown(count: int) -> str:
        lines = tuple(f"+{n}" for n in range(count))
        changes = {6: [FileChange("a", "added; folder", ()), FileChange("b", "added", lines)]}
        return page("r", events_with("x"), lambda _: None, changes)

    assert '<details open><summary>b added</summary><pre class="diff"><span class="plus">+0' in shown(3)
    assert '<details><summary>b added</summary><pre class="diff"><span class="plus">+0' in shown(99)
    assert '<p class="small soft">a added; folder</p>' in shown(3)


def test_a_page_takes_time_by_its_steps_and_not_by_their_square() -> None:
    answer = ModelAnswered(1, AssistantMessage("x", (ToolCall("c", "read_file", {}),)), Usage(1, 1), 1.0)
    events: list[Event] = [event for step in range(20_000) for event in (ModelAsked(step, 1), answer)]
    begin = time.process_time()
    found = entries([Recorded(seq, 1e9, event) for seq, event in enumerate(events)], {})
    assert len(found) == 20_000
    assert time.process_time() - begin < 5
