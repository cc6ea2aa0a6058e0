"""What the journal costs: `python benchmarks/journal.py` writes benchmarks/results/journal.json."""

import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facts import machine_facts, write_result

from agentkit.core.events import CallFinished, Event, ModelAnswered, PromptUsed, RunStarted
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall
from agentkit.core.tools import Outcome, ToolResult
from agentkit.core.usage import Limits, Usage
from agentkit.journal.chain import decode, encode
from agentkit.journal.redact import Redactor
from agentkit.journal.store import Journal

SEED = 20
SECRETS = 8
EVENTS = 5000
DURABLE = 200


def microseconds(work: Callable[[], object], count: int) -> dict[str, float]:
    """Median and 99th percentile of one call: processor time and time on the wall."""
    processor: list[int] = []
    wall: list[int] = []
    for _ in range(count):
        p, w = time.process_time_ns(), time.perf_counter_ns()
        work()
        processor.append(time.process_time_ns() - p)
        wall.append(time.perf_counter_ns() - w)
    return {
        "cpu_median": round(statistics.median(processor) / 1e3, 1),
        "cpu_p99": round(statistics.quantiles(processor, n=100)[98] / 1e3, 1),
        "wall_median": round(statistics.median(wall) / 1e3, 1),
        "wall_p99": round(statistics.quantiles(wall, n=100)[98] / 1e3, 1),
    }


def events(dice: random.Random) -> tuple[Event, Event]:
    """An ordinary small event (300 bytes) and one of a kilobyte, without secrets."""
    words = ["the", "file", "port", "config.ini", "writes", "8080", "notes/today.md", "because", "done"]
    text = " ".join(dice.choices(words, k=40))
    call = ToolCall("call-7", "write_file", {"path": "notes/today.md", "text": text * 3})
    return (
        CallFinished(ToolResult("call-7", "read_file", Outcome.OK, text[:200], seconds=0.01)),
        ModelAnswered(4, AssistantMessage(text, (call,)), Usage(900, 120), 1.5, "calls"),
    )


def measure(folder: Path) -> dict[str, Any]:
    """Every figure, from one journal in the folder."""
    dice = random.Random(SEED)
    keys = {
        f"NO{n}_API_KEY": "".join(dice.choices("abcdefghijKLMNOP0123456789+/", k=40)) for n in range(SECRETS)
    }
    redactor = Redactor(keys)
    small, kilobyte = events(dice)
    with Journal.open(folder / "journal.db", redact=redactor) as journal:
        with journal.start() as log:
            log.append(
                RunStarted(
                    "goal", "m", "/w", "auto", Limits(), PromptUsed("a", "1", "d"), (SystemMessage("x"),)
                )
            )
            figures: dict[str, Any] = {
                "append_us": microseconds(lambda: log.append(small), EVENTS),
                "append_1kB_us": microseconds(lambda: log.append(kilobyte), EVENTS),
                "append_durable_us": microseconds(lambda: log.append(small, durable=True), DURABLE),
            }
            stored = encode(small)
            longer = encode(kilobyte)
            leaking = encode(CallFinished(ToolResult("c", "t", Outcome.OK, f"it is {keys['NO3_API_KEY']}")))
            event = decode(leaking)
            figures |= {
                "bytes_small": len(stored),
                "bytes_1kB": len(longer),
                "suspects_us": microseconds(lambda: redactor.suspects(stored), EVENTS),
                "suspects_1kB_us": microseconds(lambda: redactor.suspects(longer), EVENTS),
                "redact_event_us": microseconds(lambda: redactor.value(event), EVENTS),
            }
            text = " ".join(
                dice.choices(["alpha", "beta", "gamma", "delta", "epsilon", "12", "345"], k=18_000)
            )
            numbers = iter(range(10**6))
            figures["keep_100kB_us"] = microseconds(lambda: log.keep(f"{next(numbers)} {text}"), 100)
        count = len(log.events())
        begin = time.perf_counter()
        journal.events(log.run_id)
        figures["read_and_verify_us_per_event"] = round((time.perf_counter() - begin) / count * 1e6, 1)
        begin = time.perf_counter()
        journal.runs()
        figures["list_runs_ms"] = round((time.perf_counter() - begin) * 1e3, 2)
        figures["events"] = count
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder))
    machine = {**machine_facts(), "sqlite": sqlite3.sqlite_version}
    result = {"seed": SEED, "secrets": SECRETS, "machine": machine, "figures": figures}
    write_result("journal", result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
