"""What it takes to replay a run of 200 steps: `python benchmarks/replay.py` writes results/replay.json.

Each step is a model call and a tool call that writes a file; the replay reads and verifies the record,
makes every event again and compares its bytes.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from facts import machine_facts, write_result

from agentkit.agents.replay import replay
from agentkit.assembly import Surroundings, run_goal
from agentkit.core.messages import ToolCall
from agentkit.journal.store import Journal
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit.tooling.discovery import installed_tools

STEPS = 200
ROUNDS = 9


def recorded(folder: Path) -> str:
    """The name of a run that writes `STEPS` files."""
    (folder / "work").mkdir()
    script: list[Any] = [
        ToolCall(f"c{n}", "write_file", {"path": f"{n % 20}.txt", "content": f"line {n}\n" * 20})
        for n in range(STEPS)
    ]
    flags = {
        "workspace": str(folder / "work"),
        "journal": str(folder / "journal.db"),
        "max_steps": STEPS + 9,
        "allow": ["write_file"],
    }
    around = Surroundings(model=ScriptedModel([*script, "done"]))
    return asyncio.run(run_goal("write files", load_settings(flags), around)).run_id


def main() -> None:
    """Measure, print, and write the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run_id = recorded(folder)
        tools = installed_tools()

        def again() -> int:
            with Journal.open(folder / "journal.db") as journal:
                events, bodies = journal.stored(run_id)
            done = asyncio.run(replay(events, tools, bodies))
            assert done.difference is None, done.difference
            return done.events

        events = again()
        wall: list[float] = []
        processor: list[float] = []
        for _ in range(ROUNDS):
            began, used = time.perf_counter(), time.process_time()
            again()
            wall.append(time.perf_counter() - began)
            processor.append(time.process_time() - used)
        command = [sys.executable, "-m", "agentkit", "runs", "replay", run_id]
        whole: list[float] = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            subprocess.run(
                [*command, "--journal", str(folder / "journal.db")], check=True, capture_output=True
            )
            whole.append(time.perf_counter() - began)
    result = {
        "steps": STEPS,
        "events": events,
        "replay_seconds": {"median": round(statistics.median(wall), 3), "most": round(max(wall), 3)},
        "replay_cpu_seconds": round(statistics.median(processor), 3),
        "command_seconds": {"median": round(statistics.median(whole), 3), "most": round(max(whole), 3)},
        "rounds": ROUNDS,
        "machine": machine_facts(),
    }
    print(json.dumps(result, indent=2))
    write_result("replay", result)


if __name__ == "__main__":
    main()
