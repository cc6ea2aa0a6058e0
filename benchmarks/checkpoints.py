"""What a step of a LangGraph graph costs with its checkpoints kept: processor time, and room on the disk.

    python benchmarks/checkpoints.py [--rounds N]

One node adds a message of 60 characters to the conversation, step after step, in one thread, with
`durability="sync"`. Savers take turns in one process: none, LangGraph's own in memory, ours, and LangGraph's
for SQLite where `langgraph-checkpoint-sqlite` is installed. Processor time is that of this process, without
waiting for the disk; the figure is a median. The size is that of the closed file.
"""

import argparse
import operator
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypedDict

from facts import machine_facts, write_result
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from agentkit.bridges.langchain.checkpoints import JournalSaver

LENGTHS = (50, 200, 400)
MESSAGE = "A message of sixty characters that says nothing of interest."
CONFIG: Any = {"configurable": {"thread_id": "bench"}, "recursion_limit": 10_000}

Saver = BaseCheckpointSaver[Any]


class State(TypedDict):
    """A conversation that grows."""

    messages: Annotated[list[str], operator.add]


def graph_of(steps: int, saver: Saver | None) -> Any:
    def add(state: State) -> dict[str, list[str]]:
        return {"messages": [MESSAGE]}

    def after(state: State) -> str:
        return END if len(state["messages"]) >= steps else "add"

    builder: Any = StateGraph(State)
    builder.add_node("add", add)
    builder.add_edge(START, "add")
    builder.add_conditional_edges("add", after)
    return builder.compile(checkpointer=saver)


@contextmanager
def none(path: Path) -> Generator[Saver | None]:
    yield None


@contextmanager
def memory(path: Path) -> Generator[Saver | None]:
    yield InMemorySaver()


def ours(path: Path) -> AbstractContextManager[Saver | None]:
    return JournalSaver.open(path)


def sqlite(path: Path) -> AbstractContextManager[Saver | None]:
    # not a dependency of ours, so a type checker knows nothing of it
    return import_module("langgraph.checkpoint.sqlite").SqliteSaver.from_conn_string(str(path))


def measured(make: Callable[[Path], AbstractContextManager[Saver | None]], steps: int) -> tuple[float, int]:
    """CPU milliseconds a step, and bytes on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        with make(Path(folder) / "graph.db") as saver:
            graph = graph_of(steps, saver)
            kept = {"durability": "sync"} if saver is not None else {}
            begun = time.process_time()
            state = graph.invoke({"messages": []}, CONFIG, **kept)
            spent = time.process_time() - begun
            assert len(state["messages"]) == steps
        size = sum(one.stat().st_size for one in Path(folder).iterdir())
    return spent * 1000 / steps, size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    savers = {"none": none, "memory": memory, "ours": ours}
    if find_spec("langgraph.checkpoint.sqlite"):
        savers["sqlite"] = sqlite
    figures: dict[str, dict[str, Any]] = {}
    for steps in LENGTHS:
        runs: dict[str, list[tuple[float, int]]] = {name: [] for name in savers}
        for _ in range(rounds):
            for name, make in savers.items():
                runs[name].append(measured(make, steps))
        figures[str(steps)] = {
            name: {
                "cpu_ms_per_step": round(statistics.median(cpu for cpu, _ in one), 3),
                "kilobytes": round(statistics.median(size for _, size in one) / 1000),
            }
            for name, one in runs.items()
        }
        print(steps, figures[str(steps)], flush=True)
    versions = ["langgraph", *(["langgraph-checkpoint-sqlite"] if "sqlite" in savers else [])]
    write_result("checkpoints", {"rounds": rounds, "figures": figures, "machine": machine_facts(*versions)})


if __name__ == "__main__":
    main()
