"""Removal and import are killed in their midst, or done by two processes at once."""

import os
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentkit.core.events import CallFinished, Nudged
from agentkit.core.tools import Outcome, ToolResult
from agentkit.journal.store import Journal

Spawn = Callable[..., Any]


def recorded(journal: Journal, count: int) -> str:
    """A run whose events rest on texts of their own."""
    with journal.start() as log:
        with journal._database.transaction():  # one commit for all: this is not what is tested
            for _ in range(count):
                log.append(
                    CallFinished(ToolResult("c", "t", Outcome.OK, "…", log.keep(os.urandom(900).hex())))
                )
        log.append(Nudged("n", "last"), durable=True)
        return log.run_id


def require_whole(path: Path) -> list[str]:
    """The names of the runs in a journal of which every event and every text is as it was kept."""
    with Journal.open(path) as journal:
        assert journal.losses() == []
        names = [run.run_id for run in journal.runs()]
        for name in names:
            for one in journal.events(name):
                if isinstance(one.event, CallFinished):
                    assert journal.texts.recall(one.event.result.handle) is not None
        (checked,) = journal._database.one("PRAGMA integrity_check")
        assert checked == "ok"
        journal.start().release()  # a new run has its place
        return names


def killed_at_random(child: Any, begins: str, dice: random.Random) -> bool:
    """Let a child begin and kill it a moment later; whether it was still at it."""
    assert child.line() == begins
    try:
        child.process.wait(dice.uniform(0, 0.04))
    except subprocess.TimeoutExpired:
        child.signal(signal.SIGKILL)
        child.rest()
        return True
    return False


def test_a_removal_that_is_killed_has_removed_all_or_nothing(tmp_path: Path, spawn: Spawn) -> None:
    dice = random.Random(1)
    killed = untouched = 0
    for round_ in range(10):
        path = tmp_path / f"{round_}.db"
        with Journal.open(path) as journal:
            kept, *gone = (recorded(journal, 60) for _ in range(4))
        was_killed = killed_at_random(spawn("remove", path, *gone), "removing", dice)
        left = require_whole(path)
        assert left in ([kept, *gone], [kept])
        killed += was_killed
        untouched += len(left) == 4
        with Journal.open(path) as journal:  # and the rest of the work can be done
            journal.remove([name for name in gone if name in left])
            assert journal.shrink()
        assert require_whole(path) == [kept]
    assert killed > 2


def test_an_import_that_is_killed_has_recorded_all_or_nothing(tmp_path: Path, spawn: Spawn) -> None:
    dice = random.Random(2)
    file = tmp_path / "run.jsonl"
    with Journal.open(tmp_path / "from.db") as journal:
        run_id = recorded(journal, 150)
        file.write_bytes(b"".join(journal.export(run_id)))
    killed = 0
    for round_ in range(10):
        path = tmp_path / f"{round_}.db"
        Journal.open(path).close()
        killed += killed_at_random(spawn("take_in", path, file), "importing", dice)
        assert require_whole(path) in ([], [run_id])
        with Journal.open(path) as journal, file.open("rb") as lines:
            journal.take_in(lines, "run.jsonl")
        assert require_whole(path) == [run_id]
    assert killed > 2


def test_two_processes_import_the_same_run_at_once(tmp_path: Path, spawn: Spawn) -> None:
    file, path = tmp_path / "run.jsonl", tmp_path / "to.db"
    with Journal.open(tmp_path / "from.db") as journal:
        run_id = recorded(journal, 50)
        file.write_bytes(b"".join(journal.export(run_id)))
    children = [spawn("take_in", path, file) for _ in range(3)]
    said = [child.rest() for child in children]
    assert said == ["importing\nimported\n"] * 3
    assert require_whole(path) == [run_id]


def test_two_processes_remove_runs_while_a_third_imports(tmp_path: Path, spawn: Spawn) -> None:
    file, path = tmp_path / "run.jsonl", tmp_path / "to.db"
    with Journal.open(tmp_path / "from.db") as journal:
        run_id = recorded(journal, 50)
        file.write_bytes(b"".join(journal.export(run_id)))
    with Journal.open(path) as journal:
        first, second, kept = (recorded(journal, 30) for _ in range(3))
    children = [spawn("remove", path, first), spawn("remove", path, second), spawn("take_in", path, file)]
    for child in children:
        child.rest()
        assert child.process.returncode == 0
    assert require_whole(path) == [kept, run_id]


def test_a_run_at_work_survives_removals_beside_it(tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        at_work, *others = (recorded(journal, 5) for _ in range(4))
    worker = spawn("hammer", path, at_work)
    acknowledged = int(worker.line())
    for name in others:
        spawn("remove", path, name).rest()
        acknowledged = int(worker.line())
    worker.signal(signal.SIGKILL)
    worker.rest()
    with Journal.open(path) as journal:
        assert [run.run_id for run in journal.runs()] == [at_work]
        assert len(journal.events(at_work)) >= acknowledged
        assert journal.losses() == []
