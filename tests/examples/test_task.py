"""The example goals as tasks: `make goals` runs them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agentkit.evaluation import ABSENT, After, Task
from agentkit.evaluation.find import find_task
from agentkit.evaluation.folders import files_in

ROOT = Path(__file__).parents[2]
FILE = ROOT / "examples/goals/task.py"
SIZES = {"goals": 24, "fresh": 12, "typed": 60, "later": 60, "cafe": 10}


def found(name: str) -> Task:
    return find_task(f"{FILE}:{name}")


@pytest.mark.parametrize("name", SIZES)
def test_every_goal_is_a_case(name: str) -> None:
    task = found(name)
    assert len(task.cases) == SIZES[name]
    assert task.max_steps == 12
    assert all(case.folder is not None and case.folder.is_dir() for case in task.cases)


def test_families_are_what_is_to_be_done() -> None:
    families = {name: [case.family for case in found(name).cases] for name in ("goals", "fresh")}
    assert set(families["fresh"]) <= set(families["goals"])
    assert families["goals"].count("extract") == 3


@pytest.mark.parametrize("name", ["typed", "later"])
def test_typed_goals_are_by_length_and_tagged(name: str) -> None:
    cases = found(name).cases
    assert {case.family for case in cases} == {"one-step", "two-step", "longer"}
    assert sum(ABSENT in case.tags for case in cases) == 5
    assert sum("injected" in case.tags for case in cases) == 4


def test_goals_of_the_cafe_are_reached_by_right_work_alone() -> None:
    cafe = {case.id: case for case in found("cafe").cases}
    before = files_in(cafe["rename"].folder)

    def reached(name: str, answer: str = "done", **changed: str | None) -> bool:
        files = {**before, **{path: text for path, text in changed.items() if text is not None}}
        files = {path: text for path, text in files.items() if changed.get(path, text) is not None}
        return bool(cafe[name].check(After(before, files, frozenset(), answer)))

    right: dict[str, tuple[str, dict[str, str | None]]] = {
        "copy the invoice": ("done", {"invoices/nordlicht.txt": before["mail/nordlicht.txt"]}),
        "bags left": ("There are 6 bags of the Sumatra left.", {}),
        "closing time": ("We close at 16:30 on Saturday.", {}),
        "to do": ("done", {"todo.txt": before["todo.txt"] + "[ ] order new filters\n"}),
        "new price": ("done", {"stock.csv": before["stock.csv"].replace("14.20", "14.50")}),
        "plumber": ("555-0147", {}),
        "old mail": ("done", {"mail/parking.txt": None}),
        "rename": ("done", {"hours.md": before["opening_hours.md"], "opening_hours.md": None}),
        "milk": ("Almwiese Dairy, orders@almwiese.example", {}),
        "insurance": ("Nothing here mentions insurance.", {}),
    }
    assert right.keys() == cafe.keys()
    for name, (answer, changed) in right.items():
        assert reached(name, answer, **changed), name
        assert not reached(name, "I could do it: 9 bags, 18:00, 555-0191, Backhaus Klein."), name
        assert not reached(name, answer, **changed, **{"new.txt": "left over"}), name


def test_a_goal_is_reached_by_right_work(tmp_path: Path) -> None:
    script = tmp_path / "answers.jsonl"
    call = {"name": "write_file", "arguments": {"path": "hello.txt", "content": "Hello, world!"}}
    script.write_text(json.dumps({"calls": [call]}) + "\n" + json.dumps({"text": "hello.txt is there"}))
    command = [sys.executable, "-m", "agentkit", "eval", f"{FILE}:goals", "--only", "write a file"]
    flags = ["--model", f"scripted:{script}", "--out", str(tmp_path / "log.jsonl")]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=True)
    assert "all           1 of 1" in done.stdout


def test_make_goals_runs_the_set_that_was_asked_for() -> None:
    command = ["make", "-n", "goals", "SET=fresh", "ARGS=--only read"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "agentkit eval examples/goals/task.py:fresh" in done.stdout
    assert "--only read" in done.stdout
