"""Run the example goals with a model and say which were reached: `python examples/goals MODEL`.

Each goal works on a fresh copy of its folder. A goal counts when the run finished and its check
in code passes on the files and the answer that it left behind. Sampling is greedy, so a run can be repeated.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from facts import machine_facts, write_result
from fresh import FRESH
from goals import FOLDERS, GOALS, Goal, files_in

from agentkit.assembly import Surroundings, chosen_model, make_model_of, run_goal
from agentkit.core.events import Ending
from agentkit.core.protocols import ChatModel
from agentkit.journal.memory import MemoryLog
from agentkit.settings import load_settings


async def try_goal(goal: Goal, model: ChatModel, max_steps: int, verbose: bool) -> dict[str, object]:
    """One goal on a fresh copy of its folder."""
    with tempfile.TemporaryDirectory() as place:
        workspace = Path(place) / goal.folder
        shutil.copytree(FOLDERS / goal.folder, workspace)
        before = files_in(workspace)
        settings = load_settings({"workspace": str(workspace), "max_steps": max_steps})
        log = MemoryLog()
        began = time.monotonic()
        outcome = await run_goal(goal.text, settings, Surroundings(model=model, log=log))
        seconds = time.monotonic() - began
        # a run that was stopped gave no answer, whatever lies on the disk
        finished = outcome.ended.ending is Ending.FINISHED
        reached = finished and goal.check(before, files_in(workspace), outcome.ended.result)
        if verbose:
            for recorded in log.events():
                print("   ", str(recorded.event)[:600])
    return {
        "goal": goal.name,
        "reached": reached,
        "ending": str(outcome.ended.ending),
        "steps": outcome.steps,
        "tokens": outcome.tokens,
        "seconds": round(seconds, 1),
        "answer": outcome.ended.result[:300],
    }


async def main() -> None:
    """Try every goal and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="auto")
    parser.add_argument("--fresh", action="store_true", help="the goals that nothing was tuned on")
    parser.add_argument("--only", help="goals whose name contains this")
    parser.add_argument("--max-steps", type=int, default=12)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/results")
    parser.add_argument("--verbose", action="store_true", help="print every event")
    args = parser.parse_args()
    settings = load_settings({"model": args.model})
    name = chosen_model(settings)
    model = make_model_of(settings)
    chosen = [goal for goal in (FRESH if args.fresh else GOALS) if not args.only or args.only in goal.name]
    rows: list[dict[str, object]] = []
    for goal in chosen:
        row = await try_goal(goal, model, args.max_steps, args.verbose)
        rows.append(row)
        mark = "reached    " if row["reached"] else "not reached"
        print(
            f"{mark}  {goal.name:<22} {row['steps']:>2} steps {row['seconds']:>6} s  {row['answer']!r:.90}",
            flush=True,
        )
    await model.aclose()
    reached = sum(bool(row["reached"]) for row in rows)
    print(f"\n{name} reached {reached} of {len(rows)} goals")
    if args.save:
        label = name.replace("/", "_").replace(":", "-")
        result = {"model": name, "reached": reached, "goals": len(rows), "rows": rows}
        write_result(f"goals-{'fresh-' if args.fresh else ''}{label}", {**result, "machine": machine_facts()})


if __name__ == "__main__":
    asyncio.run(main())
