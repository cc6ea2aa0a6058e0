"""What a hard kill costs: a process dies in the midst of a run, another goes on, and the effects are counted.

    python benchmarks/crash.py [--kills N] [--peer NAME=COMMAND]...

Three chosen moments, each the worst of its kind: after the sixth effect of ten and before its call has
returned (`seq`); three calls in one answer of which two are over and the third has just taken effect
(`par`); as the seventh request to the model leaves (`edge`). Then kills by SIGKILL at moments of chance.
An effect is a line in a file that is on the disk. Of each run is told: effects that took place twice,
effects that the record takes for done or that were asked for and never took place, results in the record
that are not what happened, and requests that were made twice. In `edge` one is: that which was on its way.

A peer is any command that prints a JSON line for each of the three, with `scenario`, `effects_repeated`,
`model_repeated` and `flagged`.
"""

import argparse
import asyncio
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from facts import machine_facts, write_result

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.events import CallFinished, Ending, RunEnded
from agentkit.core.messages import AssistantMessage, ToolCall, ToolMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.tools import Effect, Outcome
from agentkit.journal.store import Journal
from agentkit.models.estimate import estimated_input
from agentkit.settings import load_settings
from agentkit.tooling.tool import tool

SCENARIOS = ("seq", "par", "edge")
EFFECTS = {"seq": 10, "par": 3, "edge": 10, "chance": 30}
FATAL = 6
"""Effects after which the process dies."""
SEED = 7


def noted(file: Path, line: object) -> int:
    """How many lines the file has, once this one is on the disk."""
    with file.open("a") as opened:
        opened.write(f"{line}\n")
        opened.flush()
        os.fsync(opened.fileno())
    return len(lines(file))


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


class Model:
    """Asks for the effects in order, or for all at once, as far as the conversation has no answer to them."""

    name = "scripted:crash"
    profile = ModelProfile(context_window=1_000_000)

    def __init__(self, scenario: str, folder: Path, *, first: bool) -> None:
        self._scenario, self._folder, self._first = scenario, folder, first

    def estimate(self, request: ModelRequest) -> int:
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        done = sum(isinstance(message, ToolMessage) for message in request.messages)
        noted(self._folder / "asked", done)
        if self._scenario == "edge" and self._first and done == FATAL:
            os._exit(9)
        count = EFFECTS[self._scenario]
        wanted = range(count) if self._scenario == "par" else range(done, done + 1)
        calls = tuple(ToolCall(f"c{n}", "act", {"number": n}) for n in wanted)
        yield Answer(AssistantMessage("done") if done >= count else AssistantMessage(calls=calls))

    async def aclose(self) -> None:
        """Nothing is held open."""


async def child(scenario: str, folder: Path, *, first: bool) -> None:
    """Work on the run in the folder, to its end or to the chosen moment."""

    @tool(effect=Effect.IRREVERSIBLE)
    async def act(number: int) -> str:
        """Do it."""
        if scenario == "chance":
            await asyncio.sleep(0.001)
        count = noted(folder / "effects", number)
        last = count == FATAL if scenario == "seq" else scenario == "par" and number == 2
        if first and last:
            os._exit(9)
        return str(number)

    settings = load_settings(
        {"workspace": str(folder / "work"), "journal": str(folder / "journal.db"), "approve": "all"},
        environ={"HOME": str(folder)},
    )
    around = Surroundings(tools={"act": act}, model=Model(scenario, folder, first=first))
    with Journal.open(settings.journal) as journal:
        begun = journal.runs()
    if begun and begun[0].ending is not Ending.FINISHED:
        await resume_run(begun[0].run_id, settings, around)
    elif not begun:
        await run_goal("act until there is nothing left", settings, around)


def started(scenario: str, folder: Path, *, first: bool) -> subprocess.Popen[bytes]:
    role = "first" if first else "second"
    return subprocess.Popen([sys.executable, __file__, "--child", scenario, str(folder), role])


def counted(scenario: str, folder: Path) -> dict[str, Any]:
    """What came of a run that is over."""
    with Journal.open(folder / "journal.db") as journal:
        (run,) = journal.runs()
        events = [one.event for one in journal.events(run.run_id)]
    ended = [event for event in events if isinstance(event, RunEnded)]
    assert ended, "the run did not end"
    assert ended[-1].ending is Ending.FINISHED, ended[-1]
    results = {one.result.call_id: one.result for one in events if isinstance(one, CallFinished)}
    took_place = lines(folder / "effects")
    asked = lines(folder / "asked")
    told_done = {name[1:] for name, one in results.items() if one.outcome is Outcome.OK}
    unsure = {name[1:] for name, one in results.items() if one.outcome is Outcome.UNKNOWN}
    wanted = {str(number) for number in range(EFFECTS[scenario])}
    return {
        "effects_repeated": len(took_place) - len(set(took_place)),
        "effects_lost": len((wanted | told_done) - unsure - set(took_place)),
        "results_wrong": sum(one.text != name[1:] for name, one in results.items() if name[1:] in told_done),
        "model_repeated": len(asked) - len(set(asked)),
        "flagged": len(unsure),
    }


def chosen(scenario: str) -> dict[str, Any]:
    """The counts for a process that dies at the chosen moment."""
    folder = fresh()
    first = started(scenario, folder, first=True)
    assert first.wait(60) == 9, "it did not die where it should"
    assert started(scenario, folder, first=False).wait(60) == 0, "it did not go on"
    return counted(scenario, folder)


def by_chance(kills: int) -> dict[str, Any]:
    """The sum of the counts over runs whose processes are killed again and again, until so many kills."""
    dice = random.Random(SEED)
    total: dict[str, int] = {}
    done = runs = 0
    while done < kills:
        folder = fresh()
        runs += 1
        for _ in range(dice.randint(1, 4)):
            process = started("chance", folder, first=False)
            at = len(lines(folder / "effects")) + dice.randrange(EFFECTS["chance"] // 3)
            while process.poll() is None and len(lines(folder / "effects")) < at:
                time.sleep(0.0005)
            time.sleep(dice.random() * 0.01)
            process.send_signal(signal.SIGKILL)
            done += process.wait() == -signal.SIGKILL
        assert started("chance", folder, first=False).wait(60) == 0, "it did not go on"
        for name, count in counted("chance", folder).items():
            total[name] = total.get(name, 0) + count
    return {"kills": done, "runs": runs, **total}


def fresh() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    (folder / "work").mkdir()
    return folder


def peer_rows(command: str) -> dict[str, Any]:
    """What a peer's command says of each scenario."""
    said = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=300)
    rows = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    kept = ("effects_repeated", "model_repeated", "flagged")
    return {row["scenario"]: {name: row[name] for name in kept} for row in rows}


def main() -> None:
    """Kill, count, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        scenario, folder, role = given.child
        asyncio.run(child(scenario, Path(folder), first=role == "first"))
        return
    result = {
        "agentkit": {scenario: chosen(scenario) for scenario in SCENARIOS},
        "agentkit, killed at moments of chance": by_chance(given.kills),
        **{name: peer_rows(command) for name, command in (peer.split("=", 1) for peer in given.peer)},
        "seed": SEED,
        "machine": machine_facts(),
    }
    print(json.dumps(result, indent=2))
    write_result("crash", result)


if __name__ == "__main__":
    main()
