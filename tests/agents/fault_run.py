"""A scripted run that kills itself with SIGKILL at a chosen moment: the child of `test_faults.py`.

    python fault_run.py FOLDER start|resume POINT

POINT counts moments: just before and just after every journal write, and just before and just after
every effect. At the given one the process dies as it would by `kill -9`; with a point beyond the
last it finishes, prints the outcome and exits.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.events import Event, Recorded
from agentkit.core.protocols import RunLog
from agentkit.journal.store import Journal
from agentkit.settings import load_settings
from agentkit.tooling.context import ToolContext
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.tool import Tool


class Moments:
    """Counts the moments of a process and dies at the chosen one."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.passed = 0

    def pass_by(self) -> None:
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1


class MortalLog:
    """A run log whose writes are moments."""

    def __init__(self, log: RunLog, moments: Moments) -> None:
        self._log = log
        self._moments = moments
        self.run_id = log.run_id

    def events(self) -> Any:
        return self._log.events()

    def append(self, event: Event, *, durable: bool = False) -> Recorded:
        self._moments.pass_by()
        recorded = self._log.append(event, durable=durable)
        self._moments.pass_by()
        return recorded

    def keep(self, text: str) -> str:
        return self._log.keep(text)

    def recall(self, handle: str) -> str | None:
        return self._log.recall(handle)


def mortal(found: Tool, moments: Moments, counter: Path) -> Tool:
    """The tool, with moments around its effect and a tally of every time it took place."""

    class Mortal(Tool):
        async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
            moments.pass_by()
            text = await super().run(context, arguments)
            with counter.open("a", encoding="utf-8") as tally:
                tally.write(json.dumps([self.name, dict(arguments)]) + "\n")
            moments.pass_by()
            return text

    return Mortal(**{field: getattr(found, field) for field in found.__dataclass_fields__})


async def main(folder: Path, how: str, fatal: int) -> None:
    moments = Moments(fatal)
    settings = load_settings(
        {
            "model": f"scripted:{folder / 'script.jsonl'}",
            "workspace": str(folder / "workspace"),
            "journal": str(folder / "journal.db"),
        }
    )
    tools = {name: mortal(one, moments, folder / "effects.jsonl") for name, one in installed_tools().items()}
    with Journal.open(settings.journal) as journal:
        known = journal.runs()
        fresh = how == "start" or not known
        log = journal.start() if fresh else journal.resume(known[0].run_id)
        around = Surroundings(tools=tools, log=MortalLog(log, moments))
        if fresh or not log.events():
            outcome = await run_goal("do the five things", settings, around)
        else:
            outcome = await resume_run(log.run_id, settings, around)
    print(
        json.dumps(
            {"moments": moments.passed, "ending": outcome.ended.ending, "result": outcome.ended.result}
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
