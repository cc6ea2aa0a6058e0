import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.errors import RunBusy, RunNotFound
from agentkit.core.events import CallFinished, Nudged
from agentkit.core.tools import Outcome, ToolResult
from agentkit.journal.store import Journal

Spawn = Callable[..., Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as opened:
        yield opened


def recorded(journal: Journal, *texts: str) -> str:
    """A run that rests on these texts."""
    with journal.start() as log:
        log.append(Nudged("n", "begun"))
        for text in texts:
            log.append(CallFinished(ToolResult("c", "t", Outcome.OK, "…", log.keep(text))))
        return log.run_id


def names(journal: Journal) -> list[str]:
    return [run.run_id for run in journal.runs()]


def test_the_space_of_a_removed_run_is_given_back(journal: Journal, path: Path) -> None:
    kept = recorded(journal)
    journal.shrink()
    small = path.stat().st_size
    big = recorded(journal, *(os.urandom(40_000).hex() for _ in range(10)))
    with Journal.open(path):  # that another has it open does not matter
        assert journal.size() > small + 400_000
        journal.remove([big])
        assert journal.shrink()
        assert journal.size() == path.stat().st_size <= small + 8192
    assert names(journal) == [kept]
    assert len(journal.events(kept)) == 1


def test_a_file_that_is_being_read_shrinks_later(journal: Journal, path: Path) -> None:
    journal._database.connection.execute("PRAGMA busy_timeout=50")
    big = recorded(journal, os.urandom(40_000).hex())
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    journal.remove([big])
    assert not journal.shrink()
    reader.close()
    assert journal.shrink()


def test_a_shared_text_lives_as_long_as_one_run_rests_on_it(journal: Journal) -> None:
    first, second = recorded(journal, "shared", "of the first"), recorded(journal, "shared")
    handle = journal.texts.keep("shared")
    lone = journal.texts.keep("of the first")
    assert journal.remove([first]).texts == 1
    assert (journal.texts.recall(handle), journal.texts.recall(lone)) == ("shared", None)
    assert journal.remove([second]).texts == 1
    assert journal.texts.recall(handle) is None


def test_no_text_is_removed_while_a_run_is_at_work(journal: Journal) -> None:
    old = recorded(journal, "words")
    with journal.start() as log:
        handle = log.keep("words")  # its event is still to come
        removed = journal.remove([old])
        assert (removed.texts, removed.swept) == (0, False)
        assert log.recall(handle) == "words"
    assert journal.remove([]).texts == 1


def test_a_run_that_a_process_holds_is_not_removed_and_nor_are_the_others(
    journal: Journal, path: Path, spawn: Spawn
) -> None:
    idle, held = recorded(journal), recorded(journal)
    child = spawn("hold", path, held)
    assert child.line() == "held"
    with pytest.raises(RunBusy, match=f"process {child.process.pid} works on it; nothing was removed"):
        journal.remove([idle, held])
    assert names(journal) == [idle, held]
    child.signal(signal.SIGKILL)
    child.process.wait()
    journal.remove([idle, held])
    assert names(journal) == []


def test_who_held_a_removed_run_cannot_append_to_the_one_that_gets_its_number(
    journal: Journal, path: Path
) -> None:
    with Journal.open(path) as other:
        stale = other.start()
        stale.append(Nudged("n", "1"))
        journal.resume(stale.run_id, force=True).release()
        journal.remove([stale.run_id])
        with journal.start() as log:
            log.append(Nudged("n", "of the new run"))
            assert journal._number(log.run_id) == stale._lease.run
            with pytest.raises(RunBusy):
                stale.append(Nudged("n", "2"))
        assert len(journal.events(log.run_id)) == 1


def test_an_unknown_name_removes_nothing(journal: Journal) -> None:
    run_id = recorded(journal)
    with pytest.raises(RunNotFound):
        journal.remove([run_id, "2qc5xr-none"])
    assert names(journal) == [run_id]


def test_rows_cannot_be_deleted_again_after_a_removal(journal: Journal, path: Path) -> None:
    recorded(journal, "words")
    journal.remove([recorded(journal)])
    with pytest.raises(RunNotFound):
        journal.remove(["2qc5xr-none"])
    other = sqlite3.connect(path, isolation_level=None)
    for table in ("events", "texts", "runs"):
        with pytest.raises(sqlite3.IntegrityError):
            other.execute(f"DELETE FROM {table}")
    other.close()
