"""kill -9 at every moment of a run: nothing is repeated, nothing lost, every doubt is said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.core.events import CallFinished, CallIntended, RunEnded
from agentkit.core.tools import Outcome
from agentkit.journal.store import Journal

CHILD = Path(__file__).with_name("fault_run.py")
SCRIPT = [
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
NOT_REPEATABLE = {"append_file", "run_shell"}


def child(folder: Path, how: str, point: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CHILD), str(folder), how, str(point)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def prepared(folder: Path) -> Path:
    (folder / "workspace").mkdir(parents=True)
    (folder / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in SCRIPT))
    return folder


def events_of(folder: Path) -> list[object]:
    with Journal.open(folder / "journal.db") as journal:
        (run,) = journal.runs()
        return [recorded.event for recorded in journal.events(run.run_id)]


def test_the_run_without_a_fault_does_all_five_things(tmp_path: Path) -> None:
    done = child(prepared(tmp_path), "start", -1)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "workspace/a.txt").read_text() == "one\ntwo\nthree\n"
    assert (tmp_path / "workspace/b.txt").read_text() == "four\n"


@pytest.mark.timeout(400)
def test_a_kill_at_any_moment_repeats_nothing_and_loses_nothing(tmp_path: Path) -> None:
    whole = child(prepared(tmp_path / "whole"), "start", -1)
    moments = json.loads(whole.stdout)["moments"]
    assert moments > 40
    for point in range(moments):
        folder = prepared(tmp_path / str(point))
        killed = child(folder, "start", point)
        assert killed.returncode == -9, (point, killed.stderr)
        resumed = child(folder, "resume", -1)
        assert resumed.returncode == 0, (point, resumed.stderr)
        check_truth(folder, point)


def check_truth(folder: Path, point: int) -> None:
    """What happened, by the tally of effects, agrees with what the journal says."""
    effects = [json.loads(line) for line in (folder / "effects.jsonl").read_text().splitlines()]
    events = events_of(folder)
    assert isinstance(events[-1], RunEnded), point
    results = {e.result.call_id: e.result for e in events if isinstance(e, CallFinished)}
    intents = [e for e in events if isinstance(e, CallIntended)]
    for name, arguments in effects:
        times = effects.count([name, arguments])
        assert times == 1 or name not in NOT_REPEATABLE, f"point {point}: {name} ran {times} times"
    for intent in intents:
        call, result = intent.call, results[intent.call.id]
        took_place = [call.name, call.arguments] in effects
        if result.outcome is Outcome.UNKNOWN:
            assert call.name in NOT_REPEATABLE, f"point {point}: {call.name} could have been done again"
            assert "outcome unknown" in result.text
        else:
            assert took_place, f"point {point}: {call.name} is said to be {result.outcome} and never ran"
    wanted = [call["name"] for answer in SCRIPT for call in answer.get("calls", [])]
    assert [intent.call.name for intent in intents] == wanted, f"point {point}: a call was lost"
