"""Loop detection over seeded work and seeded loops: what is taken for a loop and what is not.

    python benchmarks/loop_detection.py [--seeds N]

Each kind of work is played to the loop as it is, once for each seed, by a model that does what the kind
says whatever it is told, after a few calls of ordinary work. In work nothing should be pointed out;
every loop should be, and end the run. Waiting with a tool that is not said to poll looks like a loop, and
is counted by itself. The numbers are counts and do not depend on the machine.
"""

import argparse
import asyncio
import itertools
import json
import random
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from facts import machine_facts, write_result

from agentkit.agents.loop import Agent
from agentkit.core.errors import ToolFault
from agentkit.core.events import CallFinished, Ending, Loop, ModelAnswered, Nudged, PromptUsed, RunStarted
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.estimate import estimated_input
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace

SEEDS = 100
MOST_STEPS = 120

Move: TypeAlias = tuple[str, dict[str, Any]] | str
"""A call, or words that call nothing."""
Kind: TypeAlias = Callable[[random.Random], Iterator[Move]]


growing: dict[str, str] = {}
"""What is to be seen where something changes."""


@tool(effect=Effect.READS)
def look(place: str, says: str = "") -> str:
    """Look somewhere."""
    return says or growing.get(place, f"{place} is as it was")


@tool(effect=Effect.READS, polls=True)
def job(name: str, says: str) -> str:
    """Look at a job."""
    return f"{name} {says}"


@tool(effect=Effect.WRITES)
def append(path: str, text: str, context: ToolContext) -> str:
    """Add to a file."""
    context.workspace.append_bytes(path, text.encode())
    return "added"


@tool(effect=Effect.EXECUTES)
def check(command: str, fails: str = "") -> str:
    """Run a command."""
    if fails:
        raise ToolFault(fails)
    return "passed"


TOOLS = {one.name: one for one in (look, job, append, check)}


def ordinary(dice: random.Random) -> Iterator[Move]:
    """A few calls that have nothing to do with what follows."""
    for n in range(dice.randrange(5)):
        yield "look", {"place": f"room {n}", "says": f"{dice.random():.6f}"}


# --- work


def polling_a_job(dice: random.Random) -> Iterator[Move]:
    """One look after the other, until it is done."""
    for _ in range(dice.randrange(5, 60)):
        yield "job", {"name": "build", "says": "runs"}
    yield "job", {"name": "build", "says": "is done"}


def polling_jobs_in_turn(dice: random.Random) -> Iterator[Move]:
    for n in range(dice.randrange(10, 60)):
        yield "job", {"name": f"job {n % 3}", "says": "runs"}


def polling_what_changes(dice: random.Random) -> Iterator[Move]:
    """The same look at a log that grows, with a tool that does not say that it polls."""
    for n in range(dice.randrange(5, 60)):
        growing["log"] = f"{n} lines"
        yield "look", {"place": "log"}


def a_batch_over_files(dice: random.Random) -> Iterator[Move]:
    """The same command for one file after the other; each says the same."""
    for n in range(dice.randrange(10, 60)):
        yield "check", {"command": f"convert {n}.png"}


def a_batch_that_says_the_same(dice: random.Random) -> Iterator[Move]:
    for n in range(dice.randrange(10, 60)):
        yield "look", {"place": f"{n}.txt", "says": "no match"}


def lines_added(dice: random.Random) -> Iterator[Move]:
    """The files change, and the answers do not."""
    for n in range(dice.randrange(10, 60)):
        yield "append", {"path": f"{n % 2}.txt", "text": f"row {n // 4}\n"}


def a_declared_batch(dice: random.Random) -> Iterator[Move]:
    """The very same call, of a tool that the person named with --batch."""
    for _ in range(dice.randrange(10, 60)):
        yield "append", {"path": "rows.txt", "text": "row\n"}


def edit_and_test(dice: random.Random) -> Iterator[Move]:
    """The tests fail in the same words after every edit, until they pass."""
    for n in range(dice.randrange(3, 20)):
        yield "append", {"path": "code.py", "text": f"# try {n}\n"}
        yield "check", {"command": "pytest", "fails": "1 failed"}
    yield "check", {"command": "pytest"}


def looked_up_again(dice: random.Random) -> Iterator[Move]:
    """A page is opened again now and then, between looks at others."""
    for n in range(dice.randrange(10, 40)):
        yield "look", {"place": f"page {n}"}
        if n % 2:
            yield "look", {"place": "index"}


def two_tries(dice: random.Random) -> Iterator[Move]:
    """Everything fails once and then works."""
    for n in range(dice.randrange(3, 20)):
        yield "check", {"command": f"fetch {n}", "fails": "no answer, try again"}
        yield "check", {"command": f"fetch {n} --again"}


def one_thing_after_the_other(dice: random.Random) -> Iterator[Move]:
    """Several kinds of work in one run."""
    for kind in dice.sample(WORK[:-1], 3):
        yield from itertools.islice(kind(dice), 20)


def waiting_without_saying_so(dice: random.Random) -> Iterator[Move]:
    """The same look at what does not change yet, with a tool that is not said to poll."""
    for _ in range(dice.randrange(1, 9)):
        yield "look", {"place": "door"}
    growing["door"] = "open"
    yield "look", {"place": "door"}
    del growing["door"]


WORK: Sequence[Kind] = (
    polling_a_job,
    polling_jobs_in_turn,
    polling_what_changes,
    a_batch_over_files,
    a_batch_that_says_the_same,
    lines_added,
    a_declared_batch,
    edit_and_test,
    looked_up_again,
    two_tries,
    one_thing_after_the_other,
)


# --- loops


def forever(moves: Sequence[Move]) -> Iterator[Move]:
    while True:
        yield from moves


def the_same_call(dice: random.Random) -> Iterator[Move]:
    return forever([("look", {"place": f"{dice.random()}"})])


def the_same_call_that_fails(dice: random.Random) -> Iterator[Move]:
    return forever([("check", {"command": f"{dice.random()}", "fails": "no such command"})])


def cycle(length: int) -> Kind:
    def moves(dice: random.Random) -> Iterator[Move]:
        return forever([("look", {"place": f"{n} {dice.random()}"}) for n in range(length)])

    moves.__name__ = f"a_cycle_of_{length}"
    return moves


def one_error_many_ways(dice: random.Random) -> Iterator[Move]:
    while True:
        place = f"{dice.random()}"
        yield "check", {"command": f"cat {place}", "fails": f"there is no file '{place}'"}


def wandering(dice: random.Random) -> Iterator[Move]:
    """The same few places in no order."""
    places = [f"place {n}" for n in range(dice.randrange(4, 9))]
    while True:
        yield "look", {"place": dice.choice(places)}


def a_long_round(dice: random.Random) -> Iterator[Move]:
    """A round that is longer than the cycles that are looked for."""
    return forever([("look", {"place": f"{n}"}) for n in range(dice.randrange(6, 15))])


def nothing_said(dice: random.Random) -> Iterator[Move]:
    del dice
    return forever([""])


def chanting(dice: random.Random) -> Iterator[Move]:
    words = " ".join("".join(dice.choices("abcdefgh", k=4)) for _ in range(dice.randrange(1, 20)))
    return forever([f"{words}. " * 2000])


LOOPS: Sequence[Kind] = (
    the_same_call,
    the_same_call_that_fails,
    *(cycle(length) for length in range(2, 6)),
    one_error_many_ways,
    wandering,
    a_long_round,
    nothing_said,
    chanting,
)


class Player:
    """A model that makes these moves, whatever it is told, and is done after the last."""

    name = "player"
    profile = ModelProfile(context_window=10_000_000)

    def __init__(self, moves: Iterator[Move]) -> None:
        self._moves = moves
        self._made = 0

    def estimate(self, request: ModelRequest) -> int:
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        del request
        move = next(self._moves, "done")
        if isinstance(move, str):
            for start in range(0, len(move), 20):
                yield TextDelta(move[start : start + 20])
            yield Answer(AssistantMessage(move))
            return
        self._made += 1
        name, arguments = move
        yield Answer(AssistantMessage(calls=(ToolCall(f"c{self._made}", name, arguments),)), finish="calls")

    async def aclose(self) -> None:
        """Nothing is held open."""


async def played(kind: Kind, seed: int) -> tuple[list[Loop], int, Ending]:
    """The loops that were pointed out, what had been done by the first of them, and the ending."""
    dice = random.Random(f"{kind.__name__} {seed}")
    log = MemoryLog()

    def moves() -> Iterator[Move]:
        yield from ordinary(dice)
        yield from kind(dice)

    with tempfile.TemporaryDirectory() as folder, Workspace.open(Path(folder)) as workspace:
        agent = Agent(Player(moves()), TOOLS, workspace, log, limits=Limits(steps=MOST_STEPS))
        batch = ("append",) if kind in (a_declared_batch, one_thing_after_the_other) else ()
        prompt = PromptUsed("none", "1", "")
        opening = (SystemMessage("You work."), UserMessage("do it"))
        start = RunStarted("do it", "player", folder, "auto", agent.limits, prompt, opening, batch=batch)
        ended = await agent.run(start)
    loops: list[Loop] = []
    done = first = 0
    for recorded in log.events():
        match recorded.event:
            case CallFinished() | ModelAnswered(message=AssistantMessage(calls=())):
                done += 1
            case Nudged(loop=Loop() as loop):
                loops.append(loop)
                first = first or done
            case _:
                pass
    return [*loops, *([ended.loop] if ended.loop else [])], first or done, ended.ending


def tally(kinds: Sequence[Kind], seeds: int) -> dict[str, dict[str, Any]]:
    """For each kind: how many runs tripped and were stopped, by which signal, and after how much."""
    rows: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        runs = [asyncio.run(played(kind, seed)) for seed in range(seeds)]
        signals = [loop.signal for loops, _, _ in runs for loop in loops[:1]]
        rows[kind.__name__.replace("_", " ")] = {
            "runs": seeds,
            "tripped": len(signals),
            "stopped as stuck": sum(ending is Ending.STUCK for _, _, ending in runs),
            "signals": {signal: signals.count(signal) for signal in sorted(set(signals))},
            "most calls or answers until the first": max(
                (done for loops, done, _ in runs if loops), default=0
            ),
        }
    return rows


def main() -> None:
    """Play, print, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    work, loops = tally(WORK, seeds), tally(LOOPS, seeds)
    result = {
        "false_trips": sum(row["tripped"] for row in work.values()),
        "of_runs_of_work": seeds * len(work),
        "loops_found": sum(row["tripped"] for row in loops.values()),
        "loops_that_ended_the_run": sum(row["stopped as stuck"] for row in loops.values()),
        "of_runs_of_loops": seeds * len(loops),
        "waiting_with_a_tool_that_is_not_said_to_poll": tally([waiting_without_saying_so], seeds),
        "work": work,
        "loops": loops,
        "machine": machine_facts(),
    }
    print(json.dumps(result, indent=2))
    write_result("loop_detection", result)


if __name__ == "__main__":
    main()
