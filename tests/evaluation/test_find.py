from pathlib import Path

import pytest

from agentkit.core.errors import UsageError
from agentkit.evaluation.find import find_task

FILE = """
from agentkit.evaluation import Case, Task
from beside_{name} import GOAL

case = Case("a", "f", GOAL, lambda after: True)
one = Task("one", (case,))

def made() -> Task:
    return Task("made", (case,))

def broken() -> Task:
    return Task("broken", ())

number = 3
"""


@pytest.fixture
def file(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    name = f"{abs(hash(request.node.name))}"
    (tmp_path / f"beside_{name}.py").write_text("GOAL = 'from beside'")
    path = tmp_path / f"tasks_{name}.py"
    path.write_text(FILE.format(name=name))
    return path


def test_a_task_is_found_and_may_import_what_lies_beside_it(file: Path) -> None:
    task = find_task(f"{file}:one")
    assert (task.name, task.cases[0].goal) == ("one", "from beside")


def test_a_function_makes_a_task(file: Path) -> None:
    assert find_task(f"{file}:made").name == "made"


def test_the_name_may_be_left_out_where_there_is_one_task(file: Path) -> None:
    assert find_task(str(file)).name == "one"
    file.write_text(file.read_text() + "two = one")
    with pytest.raises(UsageError, match="it holds one, made, broken, two"):
        find_task(str(file))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "holds no 'none'; it holds one, made, broken"),
        ("number", "is a int and no Task"),
        ("broken", "cannot be made: ValueError: task 'broken' has no cases"),
    ],
)
def test_what_is_no_task_is_refused_with_what_there_is(file: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_task(f"{file}:{name}")


@pytest.mark.parametrize("name", ["none.py:goals", "goals", ":x", ""])
def test_a_file_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no file of tasks"):
        find_task(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = x / 0\n", "line 2, cannot be run: ZeroDivisionError"),
        ("x = 1\n\ny = = 2\n", "line 3, cannot be run: SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_run_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tasks.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        find_task(f"{path}:goals")
