import gc
import hashlib
import os
import sqlite3
import stat
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from agentkit.core.errors import CorruptJournal, JournalError, RunNotFound
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    Ending,
    ModelFailed,
    Nudged,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.journal.chain import first_link, link
from agentkit.journal.database import Database
from agentkit.journal.places import INSERT, place
from agentkit.journal.schema import STEPS
from agentkit.journal.store import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as opened:
        yield opened


def test_what_is_appended_can_be_read_by_another_process(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    with journal.start() as log:
        recorded = [log.append(started), log.append(Nudged("claim", "look again"), durable=True)]
        with Journal.open(path) as other:
            assert other.events(log.run_id) == recorded
    assert [one.seq for one in recorded] == [1, 2]


def test_a_resumed_run_goes_on_where_it_stood(journal: Journal, path: Path, started: RunStarted) -> None:
    with journal.start() as log:
        log.append(started)
    journal.close()
    with Journal.open(path) as later, later.resume(log.run_id) as again:
        assert again.append(RunResumed(1)).seq == 2
        assert [one.event for one in later.events(log.run_id)] == [started, RunResumed(1)]
        assert list(again.events()) == later.events(log.run_id)


def test_order_is_by_seq_when_the_clock_jumps(path: Path) -> None:
    times = iter([5e8, 1.8e9, 1.0, 1.7e9, 2.0])
    with Journal.open(path, clock=lambda: next(times)) as journal, journal.start() as log:
        for number in range(4):
            log.append(Nudged("n", str(number)))
        assert [one.event.text for one in journal.events(log.run_id)] == ["0", "1", "2", "3"]
        assert [one.at for one in journal.events(log.run_id)] == [1.8e9, 1.0, 1.7e9, 2.0]


def test_runs_are_summed_up(journal: Journal, started: RunStarted) -> None:
    first = journal.start()
    first.append(started)
    first.append(RunEnded(Ending.FINISHED, "done"))
    first.release()
    second = journal.start()
    second.append(started)
    journal.start()  # without an event: not listed
    done, working = journal.runs()
    assert (done.run_id, done.goal, done.model, done.workspace) == (
        first.run_id,
        "tidy the notes",
        "scripted:one",
        "/notes",
    )
    assert (done.events, done.ending, done.busy, done.damaged) == (2, Ending.FINISHED, False, False)
    assert (working.events, working.ending, working.busy) == (1, None, True)
    assert done.started <= done.last
    assert msgspec.to_builtins(done)["ending"] == "finished"


def test_a_run_is_found_by_the_beginning_of_its_name_or_of_the_second_part(path: Path) -> None:
    now = [0.0]
    with Journal.open(path, clock=lambda: now[0]) as journal:
        names: list[str] = []
        for now[0] in (1.795e9, 1.8e9, 1.9e9):
            with journal.start() as log:
                log.append(Nudged("n", "begun"))
                names.append(log.run_id)
        assert names == sorted(names)
        for name in names:
            assert journal.find(name) == name
            assert journal.find(name[:6].upper()) == name
            assert journal.find(name[7:]) == name
        with pytest.raises(RunNotFound, match="beginning of"):
            journal.find(names[0][0] if names[0][0] == names[1][0] else "")
        with pytest.raises(RunNotFound, match=f"near: .*{names[0]}"):
            journal.find(names[0][:-1] + "!")


def test_no_run_at_all_is_said(journal: Journal, path: Path) -> None:
    with pytest.raises(RunNotFound, match="holds no runs yet"):
        journal.find("abc")
    for ask in (journal.events, journal.resume):
        with pytest.raises(RunNotFound, match="no run 'abc'"):
            ask("abc")


def test_names_do_not_repeat_within_a_second(path: Path) -> None:
    with Journal.open(path, clock=lambda: 1.8e9) as journal:
        assert len({journal.start().run_id for _ in range(50)}) == 50


def test_events_texts_and_runs_cannot_be_changed_or_deleted(
    journal: Journal, path: Path, started: RunStarted
) -> None:
    with journal.start() as log:
        log.append(started)
        log.keep("words")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA recursive_triggers=OFF")
    for attack in (
        "UPDATE events SET body = '{}'",
        "DELETE FROM events",
        "REPLACE INTO events (place, at, hash, body) SELECT place, at, hash, body FROM events",
        "INSERT INTO events (place, at, hash, body) SELECT place + 6, at, hash, body FROM events",
        "UPDATE texts SET content = x'00'",
        "DELETE FROM texts",
        "UPDATE runs SET run = 'x'",
        "DELETE FROM runs",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            other.execute(attack)
    other.close()
    assert [one.event for one in journal.events(log.run_id)] == [started]


def test_durable_is_a_full_sync_and_other_appends_are_not(journal: Journal, started: RunStarted) -> None:
    connection = journal._database.connection
    said: list[str] = []
    connection.set_trace_callback(said.append)

    def level() -> int:
        return connection.execute("PRAGMA synchronous").fetchone()[0]

    with journal.start() as log:
        log.append(started)
        assert level() == 1
        del said[:]
        log.append(started, durable=True)
        assert level() == 2
        assert said[0] == "PRAGMA synchronous=FULL"  # before the insert, not after
        assert said[1].lstrip().startswith("INSERT INTO events")
        log.append(started)
        assert level() == 1
    connection.set_trace_callback(None)
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_events_are_not_read_again_for_each_call(journal: Journal, started: RunStarted) -> None:
    said: list[str] = []
    with journal.start() as log:
        log.append(started)
        journal._database.connection.set_trace_callback(said.append)
        assert len(log.events()) == 1
        assert said == []
        journal._database.connection.set_trace_callback(None)


def test_what_could_not_be_read_again_is_not_written(journal: Journal, started: RunStarted) -> None:

    endless: list[object] = []
    endless.append(endless)
    with journal.start() as log:
        log.append(started)
        for event in (
            Nudged("half", "a \udcff character"),
            CallFinished(ToolResult("c", "t", Outcome.OK, "", seconds=float("nan"))),
            CallIntended(ToolCall("c", "t", {"x": object()}), Effect.PURE, True),
            CallIntended(ToolCall("c", "t", {"x": endless}), Effect.PURE, True),
        ):
            with pytest.raises(JournalError, match="cannot be recorded"):
                log.append(event)
        with pytest.raises(JournalError, match="half a character"):
            log.keep("\udcff")
        assert log.append(ModelFailed(1, "e", "m")).seq == 2
        assert log.append(RunEnded(Ending.STUCK, "r")).seq == 3
    assert len(journal.events(log.run_id)) == 3


def test_a_released_or_closed_log_appends_nothing(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal:
        log = journal.start()
        left = journal.start()
        log.release()
        log.release()
        with pytest.raises(JournalError, match="not open"):
            log.append(started)
    with pytest.raises(JournalError, match="not open"):
        left.append(started)


def test_only_its_owner_can_read_a_journal(journal: Journal, path: Path) -> None:
    with journal.start():
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_long_texts_are_kept_once_and_compressed(journal: Journal) -> None:
    with journal.start() as log:
        handle = log.keep("the same line\n" * 5000)
        assert log.keep("the same line\n" * 5000) == handle
        assert handle.startswith("out-")
        assert len(handle) == 10
        assert log.recall(handle) == "the same line\n" * 5000
        assert log.recall("out-000000") is None
        assert log.keep("") != handle
        assert log.recall(log.keep("")) == ""
        noise = os.urandom(400).hex()[:300]
        assert log.recall(log.keep(noise)) == noise
    sizes = journal._database.all("SELECT length(content) FROM texts")
    assert sum(size for (size,) in sizes) < 2000
    assert len(sizes) == 3


def test_a_handle_grows_when_two_texts_would_share_it(journal: Journal) -> None:
    short = journal.texts.keep("one")
    # the row of another text that begins with the same six signs

    digest = hashlib.sha256(b"two").hexdigest()
    journal._database.write(
        "INSERT INTO texts VALUES (?, ?, 0, ?)", (f"out-{digest[:6]}", b"\0" * 32, b"another")
    )
    longer = journal.texts.keep("two")
    assert longer == f"out-{digest[:7]}"
    assert (journal.texts.recall(longer), journal.texts.recall(short)) == ("two", "one")
    assert journal.texts.keep("two") == longer


def test_a_file_that_is_no_journal_is_one_clear_line(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are my notes, not a database\n" * 50)
    with pytest.raises(CorruptJournal, match="is not a journal") as caught:
        Journal.open(text)
    assert "\n" not in str(caught.value)
    assert "my notes" in text.read_text()

    other = tmp_path / "photos.db"
    foreign = sqlite3.connect(other)
    foreign.execute("CREATE TABLE photos (name)")
    foreign.close()
    before = other.read_bytes()
    with pytest.raises(CorruptJournal, match="is a database, but not a journal"):
        Journal.open(other)
    assert other.read_bytes() == before


def test_a_newer_schema_is_refused_and_an_older_one_migrated(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE notes (text)")

    Database.open(path, (*STEPS, second)).close()
    newer = Database.open(path, (*STEPS, second))
    assert newer.one("SELECT count(*) FROM notes") == (0,)
    assert newer.one("PRAGMA user_version") == (len(STEPS) + 1,)
    assert newer.one("SELECT count(*) FROM events") == (1,)
    newer.close()
    with pytest.raises(CorruptJournal, match=rf"schema version {len(STEPS) + 1} .* up to {len(STEPS)}"):
        Journal.open(path)


def test_a_failed_migration_leaves_the_file_as_it_was(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (done)")
        connection.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(JournalError):
        Database.open(path, (*STEPS, broken))
    with Journal.open(path) as journal:
        assert len(journal.events(log.run_id)) == 1
        assert journal._database.one("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") == (0,)


def test_an_event_of_a_newer_agentkit_hides_no_other_run(journal: Journal, started: RunStarted) -> None:

    with journal.start() as log:
        log.append(started)
    with journal.start() as newer:
        pass
    body = b'{"type":"dreamt","of":"sheep"}'
    prev = first_link(newer.run_id)
    own = link(prev, 1, 1.0, "dreamt", body)
    journal._database.write(INSERT, (place(2, 1), 1.0, own, body.decode()))
    with pytest.raises(JournalError, match="does not know"):
        journal.events(newer.run_id)
    assert [run.goal for run in journal.runs()] == ["tidy the notes", ""]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_folder_is_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(JournalError, match="cannot open the journal"):
            Journal.open(tmp_path / "journal.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_place_where_no_file_can_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for nowhere in (tmp_path / "file" / "journal.db", tmp_path, Path("/proc/nowhere/journal.db")):
        with pytest.raises(JournalError, match="cannot open the journal") as caught:
            Journal.open(nowhere)
        assert str(nowhere) in str(caught.value)


def test_a_journal_lets_go_of_the_runs_that_were_let_go(journal: Journal, started: RunStarted) -> None:
    gone = journal.start()
    gone.append(started)
    gone.release()
    kept = weakref.ref(gone)
    with journal.start() as held:
        del gone
        gc.collect()
        assert kept() is None
        assert held.is_open
    assert not held.is_open


def test_many_openers_make_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        for number in range(40):
            path = tmp_path / f"{number}.db"
            opened = [pool.submit(Journal.open, path) for _ in range(6)]
            for each in opened:
                each.result().close()
