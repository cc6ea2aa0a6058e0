import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.errors import CorruptJournal, JournalError, NotAnExport, RunExists
from agentkit.core.events import CallFinished, Event, Nudged, RunStarted
from agentkit.core.tools import Outcome, ToolResult
from agentkit.journal.store import Journal

from .test_round_trip import values

LONG = "a long result\n" * 400


def told(handle: str) -> CallFinished:
    """A result that was too long to show whole."""
    return CallFinished(ToolResult("c", "read_file", Outcome.OK, "a long …", handle))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "here.db") as opened:
        yield opened


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "there.db") as opened:
        yield opened


@pytest.fixture
def lines(here: Journal, started: RunStarted) -> list[bytes]:
    """An exported run of five events; one rests on a text."""
    with here.start() as log:
        log.append(started)
        log.append(Nudged("n", "first"))
        log.append(told(log.keep(LONG)))
        log.append(told(log.keep(LONG)))
        log.append(Nudged("n", "last"))
        return list(here.export(log.run_id))


def run_of(lines: list[bytes]) -> str:
    return json.loads(lines[0])["run"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journal, Journal]]:
    folder = tmp_path_factory.mktemp("pair")
    with Journal.open(folder / "a.db") as a, Journal.open(folder / "b.db") as b:
        yield a, b


@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_a_run_is_byte_for_byte_the_same_after_export_and_import(
    pair: tuple[Journal, Journal], data: st.DataObject
) -> None:
    a, b = pair
    kinds = st.sampled_from(get_args(Event)).flatmap(values)
    texts = st.text(max_size=300).map(lambda text: text)
    with a.start() as log:
        for step in data.draw(st.lists(kinds | texts, min_size=1, max_size=6)):
            log.append(told(log.keep(step)) if isinstance(step, str) else step)
        first = list(a.export(log.run_id))
    assert b.take_in(first, "file") == msgspec.structs.replace(
        a.take_in(first, "file"), new=True
    )  # where it came from it is there already
    assert list(b.export(log.run_id)) == first
    assert b.events(log.run_id) == a.events(log.run_id)


def test_an_imported_run_is_whole_and_can_be_resumed(lines: list[bytes], there: Journal) -> None:
    there.take_in(lines, "file")
    with there.resume(run_of(lines)) as log:
        handle = json.loads(lines[3])["handle"]
        assert log.recall(handle) == LONG
        assert log.append(Nudged("n", "on")).seq == 6
    assert there.runs()[0].goal == "tidy the notes"


def test_each_line_says_what_it_is_and_a_text_stands_once_before_its_event(lines: list[bytes]) -> None:
    read = [json.loads(line) for line in lines]
    assert [line["line"] for line in read] == ["run", "event", "event", "text", "event", "event", "event"]
    assert (read[0]["version"], read[0]["events"]) == (1, 5)
    assert read[6]["event"] == {"type": "nudged", "reason": "n", "text": "last"}


def damaged(lines: list[bytes]) -> dict[str, tuple[list[bytes], int, str]]:
    """Ways in which a file can be wrong: its lines, the line that is to be named, and the words."""
    swapped = [*lines[:2], lines[3], lines[2], *lines[4:]]
    head = json.loads(lines[0])
    return {
        "empty": ([], 0, "the file is empty"),
        "no head": (lines[1:], 1, "is no head"),
        "torn": ([*lines[:-1], lines[-1][:40]], 7, "is cut off"),
        "torn between": ([*lines[:4], lines[4][:40] + b"\n", *lines[5:]], 5, "neither a text nor an event"),
        "shortened": (lines[:-1], 6, "ends here after 4 of 5"),
        "lengthened": ([*lines, lines[-1]], 8, "event 6 of 5"),
        "one gone": ([*lines[:2], *lines[3:]], 4, "event 2 of 5"),
        "text and event swapped": (swapped, 4, "rests on no text, and before it stands the text out-"),
        "events swapped": ([*lines[:5], lines[6], lines[5]], 6, "not in its place"),
        "text gone": ([*lines[:3], *lines[4:]], 4, "before it stands no text"),
        "event altered": ([*lines[:2], lines[2].replace(b"first", b"other"), *lines[3:]], 3, "event 2 of 5"),
        "text altered": ([*lines[:3], lines[3].replace(b"long", b"short"), *lines[4:]], 4, "is not the text"),
        "time altered": ([lines[0], lines[1].replace(b'"at":1', b'"at":2'), *lines[2:]], 2, "event 1 of 5"),
        "of another run": ([lines[0].replace(b'"run":"2', b'"run":"3'), *lines[1:]], 2, "event 1 of 5"),
        "another program's": ([b'{"format":"chat"}\n'], 1, "'chat', not 'agentkit run'"),
        "not JSON": ([b"\xff\xfe\n"], 1, "is no head"),
        "deep": ([lines[0], b"[" * 100_000 + b"\n"], 2, "neither a text nor an event"),
        "newer": ([json.dumps(head | {"version": 9, "zip": 1}).encode() + b"\n"], 1, "format version 9"),
        "unknown event": (
            [lines[0], lines[1].replace(b'"type":"run started"', b'"type":"dreamt"'), *lines[2:]],
            2,
            "does not know",
        ),
    }


WAYS = tuple(damaged([b'{"run":"2"}\n'] + [b"{}\n"] * 6))


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_is_not_what_was_exported_names_the_line_and_leaves_nothing(
    lines: list[bytes], there: Journal, way: str
) -> None:
    wrong, number, words = damaged(lines)[way]
    with pytest.raises(NotAnExport) as caught:
        there.take_in(wrong, "file")
    assert f"file, line {number}: " in str(caught.value)
    assert words in str(caught.value)
    assert "nothing was imported" in str(caught.value)
    assert there.runs() == []
    assert there._database.one("SELECT count(*) FROM texts") == (0,)
    there.take_in(lines, "file")  # and what is right can still be imported


def test_a_run_that_is_here_already_is_compared(lines: list[bytes], here: Journal) -> None:
    assert not here.take_in(lines, "file").new
    with here.resume(run_of(lines)) as log:
        log.append(Nudged("n", "on"))
    with pytest.raises(RunExists, match=r"with 6 events that are not the 5 .* agentkit runs rm"):
        here.take_in(lines, "file")
    with pytest.raises(NotAnExport):
        here.take_in(lines[:-1], "file")  # it is verified also when it would change nothing


def test_a_handle_that_another_text_has_here_is_refused(lines: list[bytes], there: Journal) -> None:
    handle = json.loads(lines[3])["handle"]
    there._database.write("INSERT INTO texts VALUES (?, ?, 0, ?)", (handle, b"\0" * 32, b"another"))
    with pytest.raises(RunExists, match=f"line 4: another text has the handle {handle}"):
        there.take_in(lines, "file")
    assert there.runs() == []


def test_a_text_that_is_lost_stays_lost_and_is_said(here: Journal, there: Journal) -> None:
    with here.start() as log:
        log.append(told("out-000000"))
    exported = list(here.export(log.run_id))
    assert json.loads(exported[1]) == {"line": "text", "handle": "out-000000", "text": None}
    there.take_in(exported, "file")
    assert list(there.export(log.run_id)) == exported


def test_what_is_appended_while_a_run_is_exported_is_not_part_of_it(here: Journal, tmp_path: Path) -> None:
    with here.start() as log, Journal.open(tmp_path / "here.db") as other:
        log.append(Nudged("n", "1"))
        lines = other.export(log.run_id)
        head = json.loads(next(lines))
        log.append(Nudged("n", "2"))
        assert head["events"] == 1
        assert len(list(lines)) == 1


def test_an_export_that_is_given_up_leaves_nothing_open(lines: list[bytes], here: Journal) -> None:
    half = here.export(run_of(lines))
    assert [next(half) for _ in range(3)] == lines[:3]
    here.close()
    del half


def test_a_run_without_events_cannot_be_exported(here: Journal) -> None:
    with here.start() as log, pytest.raises(JournalError, match="holds no events yet"):
        list(here.export(log.run_id))


def test_a_damaged_run_is_not_exported(lines: list[bytes], here: Journal) -> None:
    here._database.write("DROP TRIGGER events_never_change")
    here._database.write("UPDATE events SET at = 1.0 WHERE seq = 3")
    with pytest.raises(CorruptJournal, match="event 3"):
        list(here.export(run_of(lines)))


def test_a_long_run_needs_little_memory(here: Journal, there: Journal) -> None:
    with here.start() as log:
        for number in range(400):
            log.append(Nudged("n", f"{number} " * 5000))

    def peak(work: Any) -> int:
        tracemalloc.start()
        work()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    size = sum(map(len, here.export(log.run_id)))
    assert size > 7_000_000
    assert peak(lambda: sum(map(len, here.export(log.run_id)))) < size / 8
    assert peak(lambda: there.take_in(here.export(log.run_id), "file")) < size / 8
