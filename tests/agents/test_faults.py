"""kill -9 at every moment of a run: nothing is repeated, nothing lost, every doubt is said."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.events import CallFinished, CallIntended, Ending, Event, RunEnded
from agentkit.core.tools import Outcome, ToolResult
from agentkit.journal.store import Journal

HELPER = Path(__file__).with_name("fault_run.py")
SCRIPT: list[dict[str, Any]] = [
    {"calls": [{"name": "write_file", "arguments": {"path": "a.txt", "content": "one\n"}}]},
    {"calls": [{"name": "append_file", "arguments": {"path": "a.txt", "content": "two\n"}}]},
    {"calls": [{"name": "run_shell", "arguments": {"command": "echo three >> a.txt"}}]},
    {
        "calls": [
            {"name": "read_file", "arguments": {"path": "a.txt"}},
            {"name": "run_shell", "arguments": {"command": "echo four >> b.txt"}},
        ]
    },
    {"text": "all done"},
]
WANTED = [call["name"] for answer in SCRIPT for call in answer.get("calls", [])]
NOT_REPEATABLE = {"append_file", "run_shell"}
LINES = {"two": "append_file", "three": "run_shell", "four": "run_shell"}
FEW = 4
"""Faults of the record, at moments drawn from all there are."""
PAIRS = 24
"""Kills during the resumption of a killed run, drawn from all there can be."""


def prepared(folder: Path, script: Sequence[dict[str, Any]] = SCRIPT) -> Path:
    (folder / "workspace").mkdir(parents=True)
    (folder / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in script))
    return folder


def sittings(
    orders: Sequence[tuple[Path, Sequence[int | tuple[int, str] | None]]],
) -> dict[Path, list[dict[str, Any]]]:
    """What became of each process of each folder."""
    lines = "".join(json.dumps([str(folder), list(points)]) + "\n" for folder, points in orders)
    done = subprocess.run(
        [sys.executable, str(HELPER)], input=lines, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stderr
    told = {Path(folder): words for folder, words in map(json.loads, done.stdout.splitlines())}
    assert len(told) == len(orders), done.stderr
    for folder, words in told.items():
        assert not any("error" in sitting for sitting in words), (folder, words)
    return told


def events_of(folder: Path) -> list[Event]:
    with Journal.open(folder / "journal.db") as journal:
        (run,) = journal.runs()
        return [recorded.event for recorded in journal.events(run.run_id)]


@pytest.fixture(scope="module")
def moments(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many moments the run has when nothing happens to it."""
    folder = prepared(tmp_path_factory.mktemp("whole"))
    (whole,) = sittings([(folder, [None])])[folder]
    assert whole["ending"] == Ending.FINISHED
    assert (folder / "workspace/a.txt").read_text() == "one\ntwo\nthree\n"
    assert (folder / "workspace/b.txt").read_text() == "four\n"
    return whole["moments"]


@pytest.mark.timeout(300)
def test_a_kill_at_any_moment_repeats_nothing_and_loses_nothing(tmp_path: Path, moments: int) -> None:
    assert moments >= 2 * (len(WANTED) * 3 + len(SCRIPT) * 2 + 2)
    orders = [(prepared(tmp_path / str(point)), [point, None]) for point in range(moments)]
    doubts = 0
    for folder, (killed, resumed) in sittings(orders).items():
        assert killed["status"] == -signal.SIGKILL, folder
        assert resumed["ending"] == Ending.FINISHED, folder
        doubts += told_truly(folder)
    # before the effect, after it, and after the intent or before the result
    assert doubts == 4 * WANTED.count("run_shell") + 4 * WANTED.count("append_file")


@pytest.mark.timeout(300)
def test_a_second_kill_while_the_run_is_resumed_changes_nothing_of_that(tmp_path: Path, moments: int) -> None:
    dice = random.Random(7)
    pairs = {(dice.randrange(moments), dice.randrange(24)) for _ in range(PAIRS)}
    orders = [(prepared(tmp_path / f"{a}-{b}"), [a, b, None]) for a, b in sorted(pairs)]
    twice = 0
    for folder, (killed, again, _) in sittings(orders).items():
        assert killed["status"] == -signal.SIGKILL, folder
        twice += again["status"] == -signal.SIGKILL
        told_truly(folder)
    assert twice > PAIRS // 2


@pytest.mark.timeout(300)
def test_a_fault_of_the_record_at_a_moment_of_chance_repeats_and_loses_nothing(
    tmp_path: Path, moments: int
) -> None:
    chosen = random.Random(8).sample(range(moments), FEW)
    orders = [(prepared(tmp_path / str(point)), [(point, "raise"), None]) for point in chosen]
    for folder, (failed, resumed) in sittings(orders).items():
        assert failed["fault"] == "the disk fails", folder
        assert resumed["ending"] == Ending.FINISHED, folder
        told_truly(folder, fault=True)


@pytest.mark.timeout(300)
def test_a_process_that_is_stopped_at_an_effect_records_nothing_after_another_took_its_run(
    tmp_path: Path,
) -> None:
    # before the effect of a tool, and after that of a command, neither of which may be done twice
    orders = [(prepared(tmp_path / str(effect)), [(effect, "stop at effect"), None]) for effect in (2, 5)]
    for folder, (woken, successor) in sittings(orders).items():
        assert successor["ending"] == Ending.FINISHED, folder
        assert "was taken over by another process" in woken["fault"], folder
        before = folder.with_name(f"{folder.name}-then")
        assert told_truly(before) == 1
        assert events_of(folder) == events_of(before)


# --- the same at every moment: minutes of time, so not by default


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_fault_of_the_record_at_any_moment_repeats_and_loses_nothing(tmp_path: Path, moments: int) -> None:
    orders = [(prepared(tmp_path / str(point)), [(point, "raise"), None]) for point in range(moments)]
    for folder, (failed, resumed) in sittings(orders).items():
        assert failed["fault"] == "the disk fails", folder
        assert resumed["ending"] == Ending.FINISHED, folder
        told_truly(folder, fault=True)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_process_that_is_stopped_at_any_moment_records_nothing_after_another_took_its_run(
    tmp_path: Path, moments: int
) -> None:
    orders = [(prepared(tmp_path / str(point)), [(point, "stop"), None]) for point in range(moments)]
    taken_over = not_begun = 0
    blocked: list[Path] = []
    for folder, (woken, successor) in sittings(orders).items():
        taken_over += "was taken over by another process" in woken.get("fault", "")
        if "has been writing to" in successor.get("fault", ""):  # it was stopped while it held a file's lock
            blocked.append(folder)
            continue
        assert successor["ending"] == Ending.FINISHED, folder
        with Journal.open(folder / "journal.db") as journal:
            if len(journal.runs()) == 2:  # there was no run yet that could be taken: each made its own
                not_begun += 1
                continue
        before = folder.with_name(f"{folder.name}-then")
        told_truly(before)
        assert events_of(folder) == events_of(before)
    assert not_begun < moments // 6  # the first lines are written together
    assert len(blocked) < moments // 8
    assert taken_over > moments * 3 // 4  # the others were over by then
    for folder, (resumed,) in sittings([(folder, [None]) for folder in blocked]).items():
        assert resumed["ending"] == Ending.FINISHED, folder
        told_truly(folder)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_second_kill_at_many_more_moments_changes_nothing_either(tmp_path: Path, moments: int) -> None:
    pairs = [(a, b) for a in range(moments) for b in range(24) if (3 * a + b) % 8 == 0]
    orders = [(prepared(tmp_path / f"{a}-{b}"), [a, b, None]) for a, b in pairs]
    for folder, (killed, _, _) in sittings(orders).items():
        assert killed["status"] == -signal.SIGKILL, folder
        told_truly(folder)


def told_truly(folder: Path, *, fault: bool = False) -> int:
    """Hold what the journal says against the tally of effects; the number of doubtful steps.

    A fault, unlike a kill, stops the calls that run beside the one it meets: of all of these there is doubt.
    """
    tally = folder / "effects.jsonl"
    effects = [json.loads(line) for line in tally.read_text().splitlines()]
    events = events_of(folder)
    assert isinstance(events[-1], RunEnded), folder
    results = {e.result.call_id: e.result for e in events if isinstance(e, CallFinished)}
    intents = [e.call for e in events if isinstance(e, CallIntended)]
    assert [call.name for call in intents] == WANTED, f"{folder}: a call was lost or begun twice"
    for call in intents:
        times = sum(
            name == call.name and call.arguments.items() <= arguments.items() for name, arguments in effects
        )
        doubtful = results[call.id].outcome is Outcome.UNKNOWN
        if call.name in NOT_REPEATABLE or (fault and doubtful):
            assert times <= 1, f"{folder}: {call.name} ran {times} times"
            assert times == 1 or doubtful, f"{folder}: {call.name} is said to be done and never ran"
        else:
            assert times >= 1, f"{folder}: {call.name} never ran"
            assert not doubtful, f"{folder}: {call.name} could have been done again"
    written = [
        line for path in (folder / "workspace").glob("*.txt") for line in path.read_text().splitlines()
    ]
    assert len(set(written)) == len(written), f"{folder}: an effect is on the disk twice"
    unknown = [result for result in results.values() if result.outcome is Outcome.UNKNOWN]
    assert all("outcome unknown" in result.text for result in unknown)
    for line, name in LINES.items():
        assert line in written or name in {result.name for result in unknown}, f"{folder}: {line} is lost"
    for result in unknown:
        if result.name in NOT_REPEATABLE:
            told_of_changes(result, written)
    return len(unknown)


def told_of_changes(result: ToolResult, written: Sequence[str]) -> None:
    """A doubtful step says what is to be seen of it on the disk."""
    assert "Since it began: " in result.text
    if result.name == "append_file":
        assert ("changed a.txt" in result.text) == ("two" in written)


SLOW = [
    {
        "calls": [
            {"name": "run_shell", "arguments": {"command": "echo begun > log; sleep 60; echo ended >> log"}}
        ]
    },
    {"text": "the command was cut off"},
]


def test_a_kill_while_a_command_runs_ends_its_processes_and_is_told_truly(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "slow", SLOW)
    log = folder / "workspace/log"
    order = json.dumps([str(folder), [None]]) + "\n"
    with subprocess.Popen([sys.executable, str(HELPER)], stdin=subprocess.PIPE, text=True) as helper:
        assert helper.stdin
        helper.stdin.write(order)
        helper.stdin.close()
        wait_until(lambda: log.exists() and "begun" in log.read_text())
        family = descendants(helper.pid)
        runner = family[1]  # the first is the helper's child that waits for it
        assert len(family) > 3  # and the sandboxed command below it
        os.kill(runner, signal.SIGKILL)
        wait_until(lambda: not [one for one in family[1:] if alive(one)])
    (resumed,) = sittings([(folder, [None])])[folder]
    assert resumed["ending"] == Ending.FINISHED
    assert log.read_text() == "begun\n"
    (result,) = [e.result for e in events_of(folder) if isinstance(e, CallFinished)]
    assert result.outcome is Outcome.UNKNOWN
    assert "outcome unknown" in result.text
    assert "added log" in result.text


def wait_until(holds: Any) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def descendants(process: int) -> list[int]:
    """The processes below one, the nearest first."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [process]
    for one in found:
        found += parents.get(one, [])
    return found[1:]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
