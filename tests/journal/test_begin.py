"""Runs that begin at one time are made together, and each is as if it had begun alone."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.core.errors import JournalError
from agentkit.core.events import RunStarted
from agentkit.journal.run_log import JournalLog
from agentkit.journal.store import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as journal:
        yield journal


def held(path: Path) -> int:
    """The runs that somebody is at work on, as the file says it."""
    with closing(sqlite3.connect(path)) as file:
        return file.execute("SELECT count(*) FROM leases WHERE holder IS NOT NULL").fetchone()[0]


async def test_runs_that_begin_at_one_time_share_a_transaction(journal: Journal, started: RunStarted) -> None:
    said: list[str] = []
    journal._database.connection.set_trace_callback(said.append)
    logs = await asyncio.gather(*(journal.begin() for _ in range(20)))
    assert said.count("COMMIT") == 1
    for log in logs:
        log.append(started)
        log.release()
    assert [run.run_id for run in journal.runs()] == [log.run_id for log in logs]
    assert len({log.run_id for log in logs}) == 20


async def test_one_that_begins_while_others_wait_has_a_run_of_its_own(journal: Journal) -> None:
    async def later() -> JournalLog:
        await asyncio.sleep(0)
        return await journal.begin()

    logs = await asyncio.gather(journal.begin(), later(), journal.begin(), later())
    assert len({log.run_id for log in logs}) == 4
    assert held(journal.path) == 4


async def test_one_that_does_not_begin_after_all_holds_no_run(journal: Journal) -> None:
    tasks = [asyncio.create_task(journal.begin()) for _ in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # before they are made
    tasks[3].cancel()  # when they are
    done = await asyncio.gather(*tasks, return_exceptions=True)
    logs = [one for one in done if isinstance(one, JournalLog)]
    assert len(logs) == 3
    assert held(journal.path) == 3
    for log in logs:
        log.release()
    assert held(journal.path) == 0


async def test_where_no_run_can_be_made_each_is_told_so(journal: Journal) -> None:
    journal._database.connection.execute("DROP TABLE leases")
    told = await asyncio.gather(*(journal.begin() for _ in range(3)), return_exceptions=True)
    assert [isinstance(one, JournalError) for one in told] == [True] * 3
    with pytest.raises(JournalError):
        await journal.begin()
