"""What a step costs: one model call and one tool call, with the journal on.

    python benchmarks/steps.py [--peer NAME=COMMAND]... [--short-peer NAME=COMMAND]...

The model answers at once and the tool adds two numbers, so what is measured is our own work. A
hand-written loop that stores its messages in SQLite runs in turn with ours in the same process: it is
the floor. A peer is any command that prints one JSON line with `cpu_ms_per_step` or
`cpu_ms_per_step_min`; it is run in turn with ours too, and the ratios are of medians. A short peer
prints `runs_per_cpu_s`: runs of one step, many at once in one process.
"""

import argparse
import asyncio
import json
import shlex
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import Any

from facts import machine_facts, write_result

from agentkit.assembly import Surroundings, run_goal
from agentkit.core.events import Ending
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.tools import Effect
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal
from agentkit.models.estimate import estimated_input
from agentkit.settings import Settings, load_settings
from agentkit.tooling.tool import tool

ROUNDS = 7
LENGTHS = (25, 100, 400, 1000)
SHORT_RUNS = 200


@tool(effect=Effect.PURE)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class InstantModel:
    """Asks for `steps` additions, then says that it is done."""

    name = "instant:add"
    profile = ModelProfile(context_window=1_000_000)

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._made = 0

    def estimate(self, request: ModelRequest) -> int:
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        if self._made == self._steps:
            yield Answer(AssistantMessage("done"))
            return
        self._made += 1
        # other numbers each time: the same call for ever would be a loop, and is stopped as one
        call = ToolCall(f"c{self._made}", "add", {"a": self._made, "b": 1})
        yield Answer(AssistantMessage(calls=(call,)))

    async def aclose(self) -> None:
        """Nothing is held open."""


@cache  # a program reads its settings once, as a peer's builds its agent once
def settings_for(steps: int, place: Path) -> Settings:
    """Those of a run that may take as many steps, and a last one, as it needs."""
    places = {"workspace": str(place / "work"), "journal": str(place / "journal.db")}
    return load_settings({**places, "max_steps": steps + 2})


async def our_run(steps: int, place: Path, log: MemoryLog | None = None, held: Journal | None = None) -> None:
    """One run of `steps` steps: in that record, in an open journal, or in one that it opens and closes."""
    around = Surroundings(tools={"add": add}, model=InstantModel(steps), log=log, journal=held)
    outcome = await run_goal("add numbers", settings_for(steps, place), around)
    assert (outcome.steps, outcome.ended.ending) == (steps + 1, Ending.FINISHED), outcome


def floor_run(steps: int, place: Path) -> None:
    """The least that a durable agent does: a dictionary and a row for each message."""
    store = sqlite3.connect(place / "floor.db", isolation_level=None)
    store.execute("pragma journal_mode=wal")
    store.execute("pragma synchronous=normal")
    store.execute("create table if not exists said(run integer, seq integer, body text)")
    said: list[dict[str, Any]] = []

    def say(message: dict[str, Any]) -> None:
        said.append(message)
        store.execute("insert into said values(?,?,?)", (0, len(said), json.dumps(message)))

    for number in range(steps):
        arguments = json.dumps({"a": number, "b": 1})
        say({"role": "assistant", "tool_calls": [{"id": f"c{number}", "name": "add", "args": arguments}]})
        given = json.loads(arguments)
        say({"role": "tool", "tool_call_id": f"c{number}", "content": str(given["a"] + given["b"])})
    say({"role": "assistant", "content": "done"})
    store.close()


def cpu_ms(work: Any, steps: int) -> float:
    """CPU milliseconds of this process for each step of `work`."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000 / steps


def warm(measure: Callable[[], float]) -> float:
    """The median of three after one that is not counted, as the peers' commands measure themselves."""
    measure()
    return statistics.median(measure() for _ in range(3))


def peer_figure(command: str, *names: str) -> float:
    """What a peer's command says of itself under the first of these names that it has."""
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=300)
    row = json.loads(done.stdout.strip().split("\n")[-1])
    return next(float(row[name]) for name in names if name in row)


def fresh() -> Path:
    """A new folder with a workspace in it."""
    place = Path(tempfile.mkdtemp(prefix="steps-"))
    (place / "work").mkdir()
    return place


def main() -> None:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--short-peer", action="append", default=[], metavar="NAME=COMMAND")
    given = parser.parse_args()
    peers = dict(peer.split("=", 1) for peer in given.peer)
    short_peers = dict(peer.split("=", 1) for peer in given.short_peer)

    with asyncio.Runner() as runner:
        here = fresh()  # a person's journal is made once, and runs are added to it

        def ours(steps: int, log: MemoryLog | None = None, held: Journal | None = None) -> float:
            return cpu_ms(lambda: runner.run(our_run(steps, here, log, held)), steps)

        ours(5)  # imports and first uses are not a step's cost
        floor_run(5, fresh())
        lengths = {n: statistics.median(ours(n) for _ in range(ROUNDS)) for n in LENGTHS}
        own = ("agentkit", "agentkit, its journal held open", "agentkit, no journal", "hand-written")
        rows: dict[str, list[float]] = {name: [] for name in (*own, *peers)}
        held = Journal.open(fresh() / "journal.db")
        for _ in range(ROUNDS):
            rows["agentkit"].append(warm(lambda: ours(50)))
            # as a peer's store is, whose connection is made before its runs
            rows["agentkit, its journal held open"].append(warm(lambda: ours(50, held=held)))
            rows["agentkit, no journal"].append(warm(lambda: ours(50, MemoryLog())))
            rows["hand-written"].append(warm(lambda: cpu_ms(lambda: floor_run(50, fresh()), 50)))
            for name, command in peers.items():
                rows[name].append(peer_figure(command, "cpu_ms_per_step", "cpu_ms_per_step_min"))

        held.close()

        place = fresh()
        runner.run(our_run(200, place))
        with sqlite3.connect(place / "journal.db") as store:
            store.execute("pragma wal_checkpoint(truncate)")
        disk = (place / "journal.db").stat().st_size

        def short_runs(journal: Journal | None) -> float:
            """Runs of one step for each CPU second, as a program makes them that makes many."""
            place = fresh()
            settings = settings_for(1, place)

            async def one() -> None:
                log = None if journal else MemoryLog()
                model = InstantModel(1)
                around = Surroundings(tools={"add": add}, model=model, log=log, journal=journal)
                outcome = await run_goal("add numbers", settings, around)
                assert (outcome.steps, outcome.ended.ending) == (2, Ending.FINISHED), outcome

            async def all_of_them() -> None:
                await asyncio.gather(*(one() for _ in range(SHORT_RUNS)))

            began = time.process_time()
            runner.run(all_of_them())
            return SHORT_RUNS / (time.process_time() - began)

        short: dict[str, list[float]] = {"agentkit": [], "agentkit, no journal": []}
        short |= {name: [] for name in short_peers}
        with Journal.open(fresh() / "journal.db") as shared:
            short_runs(shared)
            for _ in range(ROUNDS):
                short["agentkit"].append(short_runs(shared))
                short["agentkit, no journal"].append(short_runs(None))
                for name, command in short_peers.items():
                    short[name].append(peer_figure(command, "runs_per_cpu_s"))

    medians = {name: round(statistics.median(values), 4) for name, values in rows.items()}
    result = {
        "cpu_ms_per_step": medians,
        "ratio_to_agentkit": {n: round(m / medians["agentkit"], 2) for n, m in medians.items()},
        "cpu_ms_per_step_by_length": {str(n): round(m, 4) for n, m in lengths.items()},
        "journal_bytes_of_200_steps": disk,
        "short_runs_per_cpu_second": {name: round(statistics.median(row)) for name, row in short.items()},
        "rounds": ROUNDS,
        "machine": machine_facts(),
    }
    print(json.dumps(result, indent=2))
    write_result("steps", result)


if __name__ == "__main__":
    main()
