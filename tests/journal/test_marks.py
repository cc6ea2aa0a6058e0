"""A journal that lost something behind our back is refused, and there is a way out."""

import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core.errors import CorruptJournal, RunNotFound
from agentkit.core.events import Nudged
from agentkit.journal.chain import first_link, link
from agentkit.journal.losses import Loss
from agentkit.journal.run_log import JournalLog
from agentkit.journal.store import Journal

from .conftest import STARTED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as opened:
        yield opened


def grow(log: JournalLog, count: int) -> None:
    for number in range(count):
        log.append(Nudged("n", str(number)), durable=True)


def recorded(journal: Journal, count: int) -> str:
    with journal.start() as log:
        log.append(STARTED, durable=True)
        grow(log, count - 1)
        return log.run_id


def saved(path: Path) -> bytes:
    """The file as it is now, whole."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path.read_bytes()


def put_back(path: Path, old: bytes) -> None:
    """What a restored copy, or a disk that lost writes, leaves behind."""
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    path.write_bytes(old)


def test_a_run_that_became_shorter_is_refused_by_everything_that_reads_it(path: Path) -> None:
    with Journal.open(path) as journal:
        run_id = recorded(journal, 3)
        other = recorded(journal, 2)
    old = saved(path)
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        grow(log, 2)
    put_back(path, old)
    with Journal.open(path) as journal:
        for use in (journal.events, journal.resume, journal.fork, lambda name: list(journal.export(name))):
            with pytest.raises(CorruptJournal, match=f"run {run_id} has 3 events of at least 5") as caught:
                use(run_id)
            assert "agentkit runs accept" in str(caught.value)
        assert [(run.run_id, run.damaged) for run in journal.runs()] == [(run_id, True), (other, False)]
        assert len(journal.events(other)) == 2


def test_after_accept_it_goes_on_with_what_is_left(path: Path) -> None:
    with Journal.open(path) as journal:
        run_id = recorded(journal, 3)
    old = saved(path)
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        grow(log, 2)
    put_back(path, old)
    with Journal.open(path) as journal:
        assert journal.accept() == [Loss(run_id, 5, 3, swapped=False)]
        with journal.resume(run_id) as log:
            grow(log, 1)
        assert len(journal.events(run_id)) == 4
        assert journal.accept() == []


def test_a_run_that_is_gone_is_missed_and_its_number_not_given_away(path: Path) -> None:
    with Journal.open(path) as journal:
        kept = recorded(journal, 2)
    old = saved(path)
    with Journal.open(path) as journal:
        recorded(journal, 4)
    put_back(path, old)
    with Journal.open(path) as journal:
        assert journal.losses() == [Loss("", 4, 0, swapped=False)]
        with pytest.raises(CorruptJournal, match="a run that was recorded in it is gone"):
            journal.start()
        assert [run.run_id for run in journal.runs()] == [kept]
        assert journal.accept() == [Loss("", 4, 0, swapped=False)]
        journal.start().release()


def test_another_journal_in_its_place_is_refused(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal:
        recorded(journal, 2)
    with Journal.open(tmp_path / "other.db") as journal:
        stranger = recorded(journal, 9)
    put_back(path, saved(tmp_path / "other.db"))
    with Journal.open(path) as journal:
        with pytest.raises(CorruptJournal, match=f"was swapped for another: run {stranger}"):
            journal.events(stranger)
        assert journal.runs()[0].damaged
        assert journal.accept() == [Loss(stranger, 2, 9, swapped=True)]
        assert len(journal.events(stranger)) == 9


def test_a_history_that_was_written_anew_with_right_hashes_is_refused(path: Path) -> None:
    with Journal.open(path) as journal:
        run_id = recorded(journal, 3)
    forged = sqlite3.connect(path, isolation_level=None)
    forged.execute("DROP TRIGGER events_never_change")
    rows = forged.execute("SELECT seq, at, body FROM events ORDER BY seq").fetchall()
    prev = first_link(run_id)
    for seq, at, body in rows:
        kind = json.loads(body)["type"]
        own = link(prev, seq, at, kind, body.replace("tidy", "burn").encode())
        forged.execute(
            "UPDATE events SET hash = ?, body = ? WHERE seq = ?",
            (own, body.replace("tidy", "burn"), seq),
        )
        prev = own
    forged.close()
    with Journal.open(path) as journal, pytest.raises(CorruptJournal, match="not as it was recorded here"):
        journal.events(run_id)


def test_an_emptied_journal_is_refused_and_one_that_was_moved_away_begins_anew(path: Path) -> None:
    with Journal.open(path) as journal:
        recorded(journal, 2)
    old = saved(path)
    put_back(path, b"")
    for _ in range(2):
        with pytest.raises(CorruptJournal, match="is empty, and runs were recorded in it"):
            Journal.open(path)
    put_back(path, old)
    path.rename(path.with_name("moved.db"))
    with Journal.open(path) as journal:
        recorded(journal, 1)
        assert journal.losses() == []


def test_a_removed_run_is_not_missed(journal: Journal, path: Path) -> None:
    first, last = recorded(journal, 2), recorded(journal, 3)
    journal.remove([last])
    journal.shrink()
    assert journal.losses() == []
    assert len(journal.events(recorded(journal, 1))) == 1  # it has the number of the removed one
    assert len(journal.events(first)) == 2
    with Journal.open(path) as again:
        assert again.losses() == []


def test_a_fork_and_an_import_are_marked_whole(journal: Journal, tmp_path: Path) -> None:
    run_id = recorded(journal, 3)
    fork = journal.fork(run_id).run_id
    with Journal.open(tmp_path / "there.db") as there:
        there.take_in(list(journal.export(run_id)), "a list")
        for held, name in ((journal, fork), (there, run_id)):
            connection = held._database.connection
            connection.execute("DROP TRIGGER events_never_vanish")
            run = held._number(name)
            connection.execute("DELETE FROM events WHERE run = ? AND seq = 3", (run,))
            with pytest.raises(CorruptJournal, match="2 events of at least 3"):
                held.events(name)


def test_only_what_must_be_on_the_disk_is_marked(journal: Journal) -> None:
    with journal.start() as log:
        log.append(STARTED, durable=True)
        grow(log, 1)
        log.append(Nudged("n", "may be lost with the power"))
        mark = journal._database.marks.of(1)
        assert mark is not None
        assert (mark.seq, len(log.events())) == (2, 3)


def test_marks_that_are_damaged_are_told_and_made_anew(path: Path) -> None:
    with Journal.open(path) as journal:
        run_id = recorded(journal, 2)
    marks = path.with_name("journal.db-marks")
    good = marks.read_bytes()
    for position in range(64, 64 + 60, 9):
        bad = bytearray(good)
        bad[position] ^= 4
        marks.write_bytes(bad)
        with Journal.open(path) as journal:
            for use in (journal.runs, journal.losses, lambda: journal.events(run_id)):
                with pytest.raises(CorruptJournal, match="agentkit runs accept"):
                    use()
    with Journal.open(path) as journal:
        assert journal.accept() == []
        assert len(journal.events(run_id)) == 2
    assert marks.read_bytes().rstrip(b"\0") == good.rstrip(b"\0")  # but for room that is free
    assert stat.S_IMODE(marks.stat().st_mode) == 0o600


def test_a_journal_without_marks_is_taken_as_it_is(path: Path) -> None:
    with Journal.open(path) as journal:
        run_id = recorded(journal, 2)
    path.with_name("journal.db-marks").unlink()
    with Journal.open(path) as journal:
        with journal.resume(run_id) as log:
            grow(log, 1)
        assert len(journal.events(run_id)) == 3
        assert journal.losses() == []


def test_a_name_is_found_gone_and_not_only_unknown(path: Path, tmp_path: Path) -> None:
    with Journal.open(path) as journal:
        recorded(journal, 2)
    old = saved(path)
    with Journal.open(path) as journal:
        lost = recorded(journal, 2)
    put_back(path, old)
    with Journal.open(path) as journal, pytest.raises(RunNotFound, match="was recorded here and is gone"):
        journal.events(lost)
    shutil.copy(path, tmp_path / "elsewhere.db")
    with Journal.open(tmp_path / "elsewhere.db") as journal, pytest.raises(RunNotFound, match="runs list"):
        journal.events(lost)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_marks_that_cannot_be_opened_are_one_clear_line(path: Path) -> None:
    with Journal.open(path) as journal:
        recorded(journal, 1)
    path.with_name("journal.db-marks").chmod(0o400)
    with Journal.open(path) as journal, pytest.raises(Exception, match="belongs to the journal"):
        journal.start()


def test_a_number_that_no_run_has_is_damage_and_no_crash(journal: Journal) -> None:
    for number in (-1, 2**62):
        with pytest.raises(CorruptJournal, match="run number"):
            journal._database.marks.of(number)
