"""A scripted run with an agent that works for it, killed with SIGKILL at a chosen moment.

    python crew_run.py < ORDERS

As `fault_run.py`, whose orders, moments and tally it shares; here the moments are those of both runs.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fault_run
from cast import Cast, call
from fault_run import Moments, MortalLog, Point, mortal

from agentkit.agents.hiring import Runs
from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.protocols import RunLog
from agentkit.journal.store import Journal
from agentkit.settings import load_settings
from agentkit.tooling.discovery import installed_tools
from agentkit_tools.agents import PACK


def adding(line: str) -> Any:
    return call("append_file", line, path="a.txt", content=f"{line}\n")


SCOUT = [adding("one"), [adding("two"), adding("three")], "three lines", adding("four"), "four lines"]
LEAD = [
    call("start_agent", "s", name="scout", task="scout, write three lines"),
    call("message_agent", "m", name="scout", message="one more"),
    "all is written",
]
BESIDE = [
    call("start_agent", "s", name="scout", task="scout, write three lines", wait=False),
    call("append_file", "own", path="b.txt", content="own\n"),
    call("list_agents", "l", wait=True),
    "all is written",
]
"""The lead in a folder that is called beside: its agent works at the same time."""


class MortalRuns:
    """The runs of agents, whose writes are moments, too."""

    def __init__(self, runs: Runs, moments: Moments) -> None:
        self._runs = runs
        self._moments = moments

    @contextmanager
    def start(self) -> Generator[RunLog]:
        with self._runs.start() as log:
            self._moments.pass_by()
            yield MortalLog(log, self._moments)

    @contextmanager
    def resume(self, run_id: str) -> Generator[RunLog]:
        with self._runs.resume(run_id) as log:
            yield MortalLog(log, self._moments)


async def sitting(folder: Path, point: Point, *, force: bool = False) -> dict[str, Any]:
    """Begin the run in the folder, or go on with the one that is there."""
    moments = Moments(point)
    settings = load_settings(
        {"workspace": str(folder / "workspace"), "journal": str(folder / "journal.db"), "max_steps": 30}
    )
    tools = {name: mortal(one, moments, folder / "effects.jsonl") for name, one in installed_tools().items()}
    tools |= {one.name: one for one in PACK.tools}
    with Journal.open(settings.journal) as journal:
        runs = [run for run in journal.runs() if not run.parent]
        with journal.resume(runs[0].run_id, force=force) if runs else journal.start() as log:
            around = Surroundings(
                model=Cast(scout=SCOUT, lead=BESIDE if folder.name.startswith("beside") else LEAD),
                tools=tools,
                log=MortalLog(log, moments),
                runs=MortalRuns(journal, moments),
                contents=log.contents,
            )
            if runs and runs[0].ending is not None:
                return {"moments": 0, "ending": runs[0].ending}  # nothing is left to do
            if runs:
                outcome = await resume_run(log.run_id, settings, around)
            else:
                outcome = await run_goal("lead us", settings, around)
    return {"moments": moments.passed, "ending": outcome.ended.ending, "result": outcome.ended.result}


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    fault_run.sitting = sitting
    fault_run.main()
