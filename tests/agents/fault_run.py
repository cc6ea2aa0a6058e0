"""Scripted runs that kill themselves with SIGKILL at a chosen moment: the helper of `test_faults.py`.

    python fault_run.py < ORDERS

Each order is a JSON line: a folder and the fatal points of the processes that work on it one after the
other. POINT counts moments: just before and just after every journal write, and just before and just
after every effect. At the given one the process dies as it would by `kill -9`; with `null` it goes on to
the end. With [POINT, "raise"] it meets a fault there as of a failing disk. With [POINT, "stop"] it is stopped
there, others take its run by force, and it is woken when they are done; what there was before it woke is
kept beside the folder. [EFFECT, "stop at effect"] counts the moments of effects alone. Every process is
forked from this one, which has imported everything and opened nothing; its printed outcome and how it died
go to standard output, one JSON line an order.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.errors import JournalError, RunBusy
from agentkit.core.events import Event, Recorded
from agentkit.core.protocols import RunLog
from agentkit.journal.store import Journal
from agentkit.settings import load_settings
from agentkit.tooling.context import ToolContext
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.tool import Tool

AT_ONCE = 3
"""Orders worked on at the same time."""

Point = int | tuple[int, str] | None


class Moments:
    """Counts the moments of a process and dies, or meets a fault, at the chosen one."""

    def __init__(self, point: Point) -> None:
        self.fatal, self.how = point if isinstance(point, tuple | list) else (point, "kill")
        self.passed = self.effects = 0

    def pass_by(self, *, effect: bool = False) -> None:
        of_effects = self.how == "stop at effect"
        here = self.effects if of_effects else self.passed
        self.passed, self.effects = self.passed + 1, self.effects + effect
        if here != self.fatal or (of_effects and not effect):
            return
        if self.how == "raise":
            raise JournalError("the disk fails")
        os.kill(os.getpid(), signal.SIGKILL if self.how == "kill" else signal.SIGSTOP)


class MortalLog:
    """A run log whose writes are moments."""

    def __init__(self, log: RunLog, moments: Moments) -> None:
        self._log = log
        self._moments = moments
        self.run_id = log.run_id

    def events(self) -> Any:
        return self._log.events()

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        self._moments.pass_by()
        recorded = self._log.append(event, durable=durable, with_next=with_next)
        self._moments.pass_by()
        return recorded

    def flush(self) -> None:
        self._moments.pass_by()
        self._log.flush()
        self._moments.pass_by()

    async def sync(self) -> None:
        self._moments.pass_by()
        await self._log.sync()
        self._moments.pass_by()

    def keep(self, text: str) -> str:
        self._moments.pass_by()
        handle = self._log.keep(text)
        self._moments.pass_by()
        return handle

    def recall(self, handle: str) -> str | None:
        return self._log.recall(handle)


def mortal(found: Tool, moments: Moments, tally: Path) -> Tool:
    """The tool, with moments around its effect and a tally of every time it took place."""

    class Mortal(Tool):
        async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
            moments.pass_by(effect=True)
            text = await super().run(context, arguments)
            with tally.open("a", encoding="utf-8") as file:
                file.write(json.dumps([self.name, dict(arguments)]) + "\n")
            moments.pass_by(effect=True)
            return text

    return Mortal(**{field: getattr(found, field) for field in found.__dataclass_fields__})


async def sitting(folder: Path, point: Point, *, force: bool) -> dict[str, Any]:
    """Begin the run in the folder, or go on with the one that is there."""
    moments = Moments(point)
    settings = load_settings(
        {
            "model": f"scripted:{folder / 'script.jsonl'}",
            "workspace": str(folder / "workspace"),
            "journal": str(folder / "journal.db"),
        }
    )
    tools = {name: mortal(one, moments, folder / "effects.jsonl") for name, one in installed_tools().items()}
    with Journal.open(settings.journal) as journal:
        runs = journal.runs()
        with journal.resume(runs[0].run_id, force=force) if runs else journal.start() as log:
            around = Surroundings(tools=tools, log=MortalLog(log, moments), contents=log.contents)
            if runs and runs[0].ending is None:
                outcome = await resume_run(log.run_id, settings, around)
            elif runs:
                return {"moments": 0, "ending": runs[0].ending}  # nothing is left to do
            else:
                outcome = await run_goal("do the five things", settings, around)
    return {"moments": moments.passed, "ending": outcome.ended.ending, "result": outcome.ended.result}


def forked(folder: Path, points: list[Point], *, force: bool = False) -> list[dict[str, Any]]:
    """Sittings in processes of their own: how each process ended and what it said."""
    if not points:
        return []
    said = folder / f"said-{len(points)}.json"
    child = os.fork()
    if child == 0:
        try:
            told = asyncio.run(sitting(folder, points[0], force=force))
        except (JournalError, RunBusy) as fault:
            told = {"fault": str(fault)}
        except BaseException:  # noqa: BLE001 - told to the test
            told = {"error": traceback.format_exc()}
        said.write_text(json.dumps(told))
        os._exit(0)
    # whoever else stops a process wakes it again
    is_to_stop = isinstance(points[0], tuple | list) and points[0][1].startswith("stop")
    _, status = os.waitpid(child, os.WUNTRACED if is_to_stop else 0)
    later = list[dict[str, Any]]()
    if stopped := os.WIFSTOPPED(status):
        later = forked(folder, points[1:], force=True)
        shutil.copytree(folder, f"{folder}-then")
        os.kill(child, signal.SIGCONT)
        _, status = os.waitpid(child, 0)
    words = json.loads(said.read_text()) if said.exists() else {}
    if not stopped:
        later = forked(folder, points[1:])
    return [{**words, "status": os.waitstatus_to_exitcode(status)}, *later]


def main() -> None:
    installed_tools()  # imported once, not in every process
    waiting = [json.loads(line) for line in sys.stdin]
    working = 0
    while waiting or working:
        if not waiting or working == AT_ONCE:
            os.wait()
            working -= 1
            continue
        folder, points = waiting.pop(0)
        if os.fork() == 0:
            told = forked(Path(folder), points)
            os.write(1, (json.dumps([folder, told]) + "\n").encode())  # one write is not torn
            os._exit(0)
        working += 1


if __name__ == "__main__":
    main()
