"""Runs that wait together for the disk."""

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core.errors import JournalError
from agentkit.core.events import Nudged, RunStarted
from agentkit.journal.run_log import JournalLog
from agentkit.journal.store import Journal

NEXT = Nudged("claim", "look again")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as journal:
        yield journal


@pytest.fixture
def synced(journal: Journal) -> list[str]:
    """The files that were synced since."""
    files: list[str] = []
    really = journal._database.sync_file

    def sync(path: str) -> None:
        assert Path(path).stat().st_size > 0
        really(path)
        files.append(path)

    journal._database.sync_file = sync
    return files


def marked(journal: Journal, log: JournalLog) -> int:
    """How many of a run's events are known to be on the disk."""
    mark = journal._database.marks.of(log._lease.run)
    return 0 if mark is None else mark.seq


async def test_what_waits_is_written_and_then_on_the_disk(
    journal: Journal, synced: list[str], started: RunStarted
) -> None:
    log = journal.start()
    log.append(started)
    log.append(NEXT, with_next=True)
    assert (synced, marked(journal, log)) == ([], 0)
    await log.sync()
    assert synced == [f"{journal.path}-wal"]
    assert marked(journal, log) == 2
    assert [one.event for one in journal.events(log.run_id)] == [started, NEXT]


async def test_runs_that_wait_at_one_time_share_one_sync(
    journal: Journal, synced: list[str], started: RunStarted
) -> None:
    logs = [journal.start() for _ in range(20)]

    async def run(log: JournalLog) -> None:
        log.append(started)
        await log.sync()
        assert marked(journal, log) == 1

    await asyncio.gather(*map(run, logs))
    assert len(synced) == 1


async def test_what_is_written_while_others_wait_is_not_taken_for_theirs(
    journal: Journal, synced: list[str], started: RunStarted
) -> None:
    first, second = journal.start(), journal.start()
    first.append(started)
    await first.sync()
    second.append(started)
    assert marked(journal, second) == 0
    await second.sync()
    assert marked(journal, second) == 1
    assert len(synced) == 2


async def test_what_is_on_the_disk_is_not_synced_again(
    journal: Journal, synced: list[str], started: RunStarted
) -> None:
    log = journal.start()
    log.append(started, durable=True)
    await log.sync()
    await log.sync()
    assert synced == []


async def test_a_disk_that_does_not_take_it_is_said_and_asked_again(
    journal: Journal, started: RunStarted
) -> None:
    database = journal._database
    works = database.sync_file

    def fails(path: str) -> None:
        raise OSError(errno.EIO, "Input/output error", path)

    log = journal.start()
    log.append(started)
    database.sync_file = fails
    for _ in range(2):
        with pytest.raises(JournalError, match=r"may not have reached the disk \(Input/output error\)"):
            await log.sync()
    assert marked(journal, log) == 0
    database.sync_file = works
    await log.sync()
    assert marked(journal, log) == 1


async def test_where_no_log_can_be_each_commit_has_synced_already(
    journal: Journal, started: RunStarted
) -> None:
    def missing(path: str) -> None:
        raise FileNotFoundError(path)

    log = journal.start()
    log.append(started)
    journal._database.sync_file = missing
    await log.sync()
    assert marked(journal, log) == 1
