"""A journal that an older agentkit made (`version_3.sql`): its runs are what they were."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agentkit.core.errors import CorruptJournal, JournalError
from agentkit.core.events import Ending, Nudged
from agentkit.journal import lease
from agentkit.journal.kinds import JOURNAL
from agentkit.journal.store import Journal

HERE = Path(__file__).parent
SHORT = "2qdnht-k3az"
"""Came out of `older.jsonl`."""
FOLDED = "2qdnhv-5hq5"
"""Of 83 events, most of them in a segment; it was undone after its end."""


@pytest.fixture
def older(tmp_path: Path) -> Callable[..., Path]:
    """Makes the file, with what is done to it before it is opened."""

    def made(*statements: str) -> Path:
        path = tmp_path / "journal.db"
        store = sqlite3.connect(path, isolation_level=None)
        store.executescript((HERE / "version_3.sql").read_text())
        store.execute(f"PRAGMA application_id={JOURNAL.application_id}")
        store.execute("PRAGMA user_version=3")
        for statement in statements:
            store.execute(statement)
        store.close()
        return path

    return made


def test_its_runs_are_read_listed_and_exported_as_before(older: Callable[..., Path]) -> None:
    with Journal.open(older()) as journal:
        assert b"".join(journal.export(SHORT)) == (HERE / "older.jsonl").read_bytes()
        assert [(run.run_id, run.events, run.ending, run.damaged) for run in journal.runs()] == [
            (SHORT, 24, Ending.FINISHED, False),
            (FOLDED, 83, Ending.FINISHED, False),
        ]
        texts = [one.event.text for one in journal.events(FOLDED) if isinstance(one.event, Nudged)]
        assert texts == [str(number) for number in range(80)]
        assert journal.is_foreign(SHORT)


def test_its_runs_go_on_and_are_folded_on(older: Callable[..., Path]) -> None:
    with Journal.open(older()) as journal:
        with journal.resume(FOLDED) as log:
            for number in range(80, 200):
                log.append(Nudged("n", str(number)))
        assert len(journal.events(FOLDED)) == 83 + 120
        assert journal.fork(SHORT, 1).events == 5
        assert journal.remove([SHORT]).runs == 1
    with Journal.open(journal.path) as again:
        assert len(again.events(FOLDED)) == 83 + 120


def test_its_rows_are_as_safe_as_any(older: Callable[..., Path]) -> None:
    Journal.open(path := older()).close()
    store = sqlite3.connect(path, isolation_level=None)
    for attack in (
        "DELETE FROM events",
        "DELETE FROM segments",
        "UPDATE events SET body = '{}'",
        "UPDATE segments SET last = 1",
        "INSERT INTO events (place, at, hash, body) SELECT place + 6, at, hash, body FROM events",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            store.execute(attack)
    store.close()


@pytest.mark.parametrize("damage", ["seq = seq + 100000000000", "hash = x'00'", "body = '{}'"])
def test_a_damaged_run_stays_damaged_and_hides_no_other(older: Callable[..., Path], damage: str) -> None:
    path = older("DROP TRIGGER events_never_change", f"UPDATE events SET {damage} WHERE run = 1 AND seq = 3")
    with Journal.open(path) as journal:
        with pytest.raises(CorruptJournal, match="event 3"):
            journal.events(SHORT)
        assert len(journal.events(FOLDED)) == 83


def test_it_is_left_as_it_is_while_an_older_agentkit_works_on_a_run(older: Callable[..., Path]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        holder = msgspec.json.encode(lease._named(other.pid, Path("/proc"))).decode()
        path = older(f"UPDATE leases SET holder = '{holder}'")
        with pytest.raises(JournalError, match=f"process {other.pid}.* at work on a run"):
            Journal.open(path)
        store = sqlite3.connect(path)
        assert store.execute("PRAGMA user_version").fetchone() == (3,)
        assert store.execute("SELECT count(prev) FROM events").fetchone() == (24 + 21,)
        store.close()
        other.communicate(b"\n")
    with Journal.open(path) as journal:  # whoever is gone is in nobody's way
        assert len(journal.events(FOLDED)) == 83
