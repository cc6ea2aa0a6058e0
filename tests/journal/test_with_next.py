"""Events that wait for the next one."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.errors import RunBusy
from agentkit.core.events import CallFinished, CallIntended, Nudged, RunStarted
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.journal.store import Journal

LOOKS = CallIntended(ToolCall("c1", "read_file", {"path": "a.txt"}), Effect.READS, True)
SEEN = CallFinished(ToolResult("c1", "read_file", Outcome.OK, "a"))
NEXT = Nudged("claim", "look again")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def in_the_file(path: Path, run_id: str) -> list[object]:
    with Journal.open(path) as other:
        return [one.event for one in other.events(run_id)]


def test_an_event_that_waits_is_written_with_the_next_in_its_order(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        log.append(LOOKS, with_next=True)
        log.append(SEEN, with_next=True)
        assert in_the_file(path, log.run_id) == [started]
        assert [one.event for one in log.events()] == [started, LOOKS, SEEN]
        log.append(NEXT)
        assert in_the_file(path, log.run_id) == [started, LOOKS, SEEN, NEXT]


def test_a_run_that_is_let_go_has_everything_in_the_file(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        log.append(LOOKS, with_next=True)
    assert in_the_file(path, log.run_id) == [started, LOOKS]


@pytest.mark.parametrize("calls", [31, 32, 100])
def test_however_many_wait_they_are_written_in_their_order(
    path: Path, started: RunStarted, calls: int
) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        for _ in range(calls):
            log.append(LOOKS, with_next=True)
            log.append(SEEN, with_next=True)
        assert in_the_file(path, log.run_id) == [started]
        log.append(NEXT)
        assert in_the_file(path, log.run_id) == [started, *(LOOKS, SEEN) * calls, NEXT]


def test_durable_does_not_wait(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started, durable=True, with_next=True)
        assert in_the_file(path, log.run_id) == [started]


def test_what_waits_is_not_written_into_a_run_that_somebody_took_over(
    path: Path, started: RunStarted
) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        log.append(LOOKS, with_next=True)
        with Journal.open(path) as other, other.resume(log.run_id, force=True) as taken:
            taken.append(NEXT)
            with pytest.raises(RunBusy):
                log.append(SEEN)
    assert in_the_file(path, log.run_id) == [started, NEXT]


def test_a_killed_process_loses_what_waits_and_nothing_before_it(
    path: Path, spawn: Callable[..., Any], started: RunStarted
) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
    child = spawn("wait", path, log.run_id)
    assert child.line() == "waiting"
    child.signal(signal.SIGKILL)
    child.rest()
    assert in_the_file(path, log.run_id) == [started, NEXT]


def test_a_run_that_is_about_to_wait_writes_what_waits(path: Path, started: RunStarted) -> None:
    with Journal.open(path) as journal, journal.start() as log:
        log.append(started)
        log.append(LOOKS, with_next=True)
        log.flush()
        assert in_the_file(path, log.run_id) == [started, LOOKS]
        log.flush()
        log.append(SEEN)
    assert in_the_file(path, log.run_id) == [started, LOOKS, SEEN]
