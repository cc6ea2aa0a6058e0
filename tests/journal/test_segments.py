"""Runs whose middle is folded."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.errors import CorruptJournal, RunNotFound
from agentkit.core.events import Compacted, CompactionUndone, Ending, FilesSet, Nudged, RunEnded, RunStarted
from agentkit.journal.marks import Mark
from agentkit.journal.segments import ENOUGH, MOST_BYTES
from agentkit.journal.store import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as opened:
        yield opened


def recorded(journal: Journal, started: RunStarted, count: int, text: str = "") -> str:
    """A run of so many events."""
    with journal.start() as log:
        log.append(started)
        for number in range(count - 1):
            log.append(Nudged("n", f"{number} {text}"))
        return log.run_id


def numbers(journal: Journal, run_id: str) -> list[str]:
    return [one.event.text for one in journal.events(run_id) if isinstance(one.event, Nudged)]


def in_file(path: Path, sql: str) -> list[tuple[int, ...]]:
    store = sqlite3.connect(path)
    try:
        return store.execute(sql).fetchall()
    finally:
        store.close()


def test_a_long_run_lies_in_segments_and_reads_as_it_was(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    run_id = recorded(journal, started, 3 * ENOUGH)
    rows = in_file(path, "SELECT count(*), min(seq), max(seq) FROM events")
    assert rows[0][0] < ENOUGH
    assert rows[0][1:] == (1, 3 * ENOUGH)
    assert len(in_file(path, "SELECT first FROM segments")) >= 2
    assert numbers(journal, run_id) == [f"{number} " for number in range(3 * ENOUGH - 1)]
    assert [one.seq for one in journal.events(run_id)] == list(range(1, 3 * ENOUGH + 1))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=5), st.booleans())
def test_however_a_run_is_taken_up_again_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, sittings: list[int], durable: bool
) -> None:
    path = tmp_path_factory.mktemp("sittings") / "journal.db"
    run_id, told = "", 0
    for sitting in sittings:
        with Journal.open(path) as journal, journal.resume(run_id) if run_id else journal.start() as log:
            run_id = log.run_id
            for _ in range(sitting):
                log.append(Nudged("n", str(told)), durable=durable)
                told += 1
    with Journal.open(path) as journal:
        assert numbers(journal, run_id) == [str(number) for number in range(told)]


def test_a_folded_run_takes_a_fraction_of_the_bytes(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    recorded(journal, started, 10 * ENOUGH, "the words of an ordinary nudge, which are much alike")
    sizes = in_file(path, "SELECT sum(length(content)), sum(last - first + 1) FROM segments")
    assert sizes[0][0] / sizes[0][1] < 40


def test_large_events_make_small_segments(journal: Journal, path: Path, started: RunStarted) -> None:
    run_id = recorded(journal, started, 2 * ENOUGH, "x" * (MOST_BYTES // 4))
    counts = in_file(path, "SELECT last - first + 1 FROM segments")
    assert counts
    assert max(counts)[0] <= 4
    assert len(journal.events(run_id)) == 2 * ENOUGH


def test_forks_and_imports_of_a_folded_run_are_folded_and_whole(
    journal: Journal, path: Path, tmp_path: Path, started: RunStarted
) -> None:
    run_id = recorded(journal, started, 3 * ENOUGH)
    lines = list(journal.export(run_id))
    with Journal.open(tmp_path / "other.db") as other:
        assert other.take_in(lines, "lines").new
        assert other.events(run_id) == journal.events(run_id)
        assert list(other.export(run_id)) == lines
    assert in_file(tmp_path / "other.db", "SELECT count(*) FROM events") < [(ENOUGH,)]
    fork = journal.fork(run_id)
    assert numbers(journal, fork.run_id) == numbers(journal, run_id)[: fork.events - 1]


def test_no_changed_byte_of_a_segment_goes_unnoticed(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal:
        run_id = recorded(journal, started, ENOUGH + 10)
        other = recorded(journal, started, 3)
    ((content,),) = in_file(path, "SELECT content FROM segments")
    whole = path.read_bytes()
    place = whole.index(bytes(content)[:64])  # the beginning of it lies in one piece
    for offset in range(0, 64, 5):
        path.write_bytes(
            whole[: place + offset] + bytes([whole[place + offset] ^ 4]) + whole[place + offset + 1 :]
        )
        with Journal.open(path) as journal:
            with pytest.raises(CorruptJournal, match=f"run {run_id}, event 2"):
                journal.events(run_id)
            assert len(journal.events(other)) == 3


def test_a_damaged_segment_keeps_every_text(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal:
        damaged = recorded(journal, started, ENOUGH + 10)
        other = recorded(journal, started, 3)
        handle = journal.texts.keep("whatever it says")
    store = sqlite3.connect(path)
    store.execute("DROP TRIGGER segments_never_change")
    store.execute("UPDATE segments SET content = x'00'")
    store.commit()
    store.close()
    with Journal.open(path) as journal:
        removed = journal.remove([other])
        assert (removed.runs, removed.swept) == (1, False)
        assert journal.texts.recall(handle) == "whatever it says"
        assert journal.remove([damaged]).swept
        assert journal.texts.recall(handle) is None


def test_events_that_are_not_folded_cannot_be_deleted(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    recorded(journal, started, ENOUGH + 10)
    store = sqlite3.connect(path)
    for sql in ("DELETE FROM events", "DELETE FROM segments", "UPDATE segments SET last = last + 1"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store.execute(sql)
    with pytest.raises(sqlite3.IntegrityError, match="must follow"):
        store.execute(
            "INSERT INTO segments (place, last, hash, content) VALUES ((1 << 32) + 900, 901, x'00', x'00')"
        )
    store.close()


def test_a_mark_within_a_segment_tells_a_swapped_run(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    with journal.start() as log:
        log.append(started)
        for number in range(20):
            log.append(Nudged("n", str(number)), durable=number == 10)
        for number in range(ENOUGH):
            log.append(Nudged("n", str(number)))
    assert in_file(path, "SELECT first FROM segments") == [(2,)]
    assert journal.losses() == []
    marks = journal._database.marks
    mark = marks.of(1)
    assert mark is not None
    assert mark.seq == 12
    marks.note(1, Mark(mark.seq, b"x" * 32, mark.name))
    assert [one.swapped for one in journal.losses()] == [True]
    with pytest.raises(CorruptJournal, match="swapped"):
        journal.events(log.run_id)


def test_a_run_that_ended_before_it_was_undone_at_length_is_still_listed_as_ended(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    with journal.start() as log:
        log.append(started)
        log.append(RunEnded(Ending.FINISHED, "done"))
        while not in_file(path, "SELECT 1 FROM segments"):
            log.append(FilesSet("", ""))
    assert [run.ending for run in journal.runs()] == [Ending.FINISHED]


def test_a_journal_of_the_first_version_is_taken_over_and_folded(path: Path, started: RunStarted) -> None:
    from agentkit.journal.database import Database
    from agentkit.journal.schema import STEPS

    Database.open(path, STEPS[:1]).close()
    with Journal.open(path) as journal:
        run_id = recorded(journal, started, 2 * ENOUGH)
        assert len(journal.events(run_id)) == 2 * ENOUGH
    assert in_file(path, "SELECT count(*) FROM segments") > [(0,)]


def test_what_is_done_to_a_run_that_is_over_leaves_it_so(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    with journal.start() as log:
        log.append(started)
        log.append(RunEnded(Ending.FINISHED, "done"))
        log.append(Compacted("asked", 100, 50))
        assert [run.ending for run in journal.runs()] == [Ending.FINISHED]
        log.append(CompactionUndone(50, 100))
    assert [run.ending for run in journal.runs()] == [Ending.FINISHED]


def test_a_run_that_never_began_is_nowhere(journal: Journal, started: RunStarted) -> None:
    with journal.start() as log:
        ghost = log.run_id
    real = recorded(journal, started, 2)
    assert journal.find(real[:6]) == real
    with pytest.raises(RunNotFound) as told:
        journal.find("nope")
    assert ghost not in str(told.value)
    with pytest.raises(RunNotFound):
        journal.find(ghost)
