"""What a run takes on the disk."""

from pathlib import Path

from agentkit.assembly import Surroundings, run_goal
from agentkit.core.messages import ToolCall
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings

from .conftest import add
from .test_golden import write


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("journal.db*"))


async def bytes_of(folder: Path, steps: int) -> int:
    """All that is kept of a run of so many steps, each second of which writes a file."""
    work = made(folder / "work")
    script = [
        ToolCall(f"c{n}", "write", {"path": f"{n % 10}.txt", "text": f"line {n}\n" * 20})
        if n % 2
        else ToolCall(f"c{n}", "add", {"a": n, "b": 1})
        for n in range(steps)
    ]
    flags = {"workspace": str(work), "journal": str(folder / "journal.db"), "max_steps": steps + 9}
    around = Surroundings(model=ScriptedModel([*script, "done"]), tools={"add": add, "write": write})
    outcome = await run_goal("work", load_settings(flags), around)
    assert outcome.steps == steps + 1
    return size_of(folder)


async def test_a_run_grows_by_its_steps_and_not_by_its_length(tmp_path: Path) -> None:
    early, later, latest = [await bytes_of(tmp_path / str(steps), steps) for steps in (80, 160, 240)]
    assert latest - later < 1.3 * (later - early)
    assert (latest - early) / 160 < 1024
