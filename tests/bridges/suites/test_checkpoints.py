"""LangGraph's own suite for checkpointers, run on ours, and graphs that use it."""

import operator
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt

from agentkit import ScriptedModel, ToolCall
from agentkit.bridges.langchain import agent_node
from agentkit.bridges.langchain.checkpoints import JournalSaver
from agentkit.core.errors import CorruptJournal, UsageError
from agentkit.journal.store import Journal

pytestmark = pytest.mark.langchain


async def test_the_checkpointer_does_all_that_one_can(tmp_path: Path) -> None:
    made = 0

    @checkpointer_test(name="JournalSaver")
    async def savers() -> AsyncGenerator[BaseCheckpointSaver, None]:
        nonlocal made
        made += 1
        with JournalSaver.open(tmp_path / f"{made}.db") as saver:
            yield saver

    report = await validate(savers)
    failed = {name: one.failures for name, one in report.results.items() if one.failures or not one.passed}
    assert failed == {}
    assert all(one.detected for one in report.results.values())
    assert sum(one.tests_passed for one in report.results.values()) > 70


class State(TypedDict):
    messages: Annotated[list[Any], add_messages]
    steps: Annotated[list[str], operator.add]


def graph_of(saver: BaseCheckpointSaver[Any], place: Path) -> Any:
    """Two nodes; the first of them is our agent, the second stops before its work until it is resumed."""
    script = [ToolCall("call_1", "write_file", {"path": "port.txt", "content": "80"}), "The port is 80."]
    agent = agent_node(
        model=ScriptedModel(script), workspace=place, approve="all", journal=place.parent / "journal.db"
    )

    def checked(state: State) -> dict[str, list[str]]:
        return {"steps": [f"checked {interrupt('Is it right?')}"]}

    builder = StateGraph(State)
    builder.add_node("agent", agent)
    builder.add_node("check", checked)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", "check")
    builder.add_edge("check", END)
    return builder.compile(checkpointer=saver)


CONFIG: Any = {"configurable": {"thread_id": "t1"}}


def test_our_agent_is_a_node_and_the_graph_goes_on_in_another_process(tmp_path: Path) -> None:
    (place := tmp_path / "work").mkdir()
    with JournalSaver.open(tmp_path / "graphs.db") as saver:
        graph = graph_of(saver, place)
        asked = graph.invoke({"messages": [("user", "Write the port to port.txt")], "steps": []}, CONFIG)
        assert asked["__interrupt__"][0].value == "Is it right?"
    assert (place / "port.txt").read_text() == "80"
    with JournalSaver.open(tmp_path / "graphs.db") as saver:
        state = graph_of(saver, place).invoke(Command(resume="yes"), CONFIG)
        history = list(graph_of(saver, place).get_state_history(CONFIG))
    assert state["steps"] == ["checked yes"]
    told = state["messages"][-1]
    assert told.text == "The port is 80."
    assert told.response_metadata["ending"] == "finished"
    with Journal.open(tmp_path / "journal.db") as journal:
        runs = journal.runs()
    assert [run.run_id for run in runs] == [told.response_metadata["run_id"]]  # it was not done again
    assert len(history) == 4


def test_a_graph_is_forked_from_an_earlier_checkpoint(tmp_path: Path) -> None:
    builder = StateGraph(State)
    builder.add_node("one", lambda state: {"steps": ["one"]})
    builder.add_node("two", lambda state: {"steps": ["two"]})
    builder.add_edge(START, "one")
    builder.add_edge("one", "two")
    with JournalSaver.open(tmp_path / "graphs.db") as saver:
        graph = builder.compile(checkpointer=saver)
        graph.invoke({"messages": [], "steps": []}, CONFIG)
        before = next(one for one in graph.get_state_history(CONFIG) if one.next == ("two",))
        fork = graph.update_state(before.config, {"steps": ["another"]})
        assert graph.invoke(None, fork)["steps"] == ["one", "another", "two"]
        saver.prune(["t1"])
        assert graph.get_state(CONFIG).values["steps"] == ["one", "another", "two"]
        assert len(saver.file.database.all("SELECT * FROM checkpoints")) == 1
        assert len(saver.file.database.all("SELECT * FROM channels WHERE channel = 'steps'")) == 1


KILLED = """
import os, sys, signal
from langgraph.graph import StateGraph, START
from agentkit.bridges.langchain.checkpoints import JournalSaver
from typing import Annotated, TypedDict
import operator

class State(TypedDict):
    steps: Annotated[list[str], operator.add]

def done(name):
    def node(state):
        with open(sys.argv[2], "a") as file:
            file.write(name + "\\n")
        if name == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"steps": [name]}
    return node

builder = StateGraph(State)
names = [f"n{number}" for number in range(5)]
for before, name in zip([START, *names], names):
    builder.add_node(name, done(name))
    builder.add_edge(before, name)
with JournalSaver.open(sys.argv[1]) as saver:
    graph = builder.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "t"}}
    begun = graph.get_state(config).values
    print(graph.invoke(None if begun else {"steps": []}, config, durability="sync")["steps"])
"""


def test_a_killed_graph_goes_on_where_it_was(tmp_path: Path) -> None:
    files = [str(tmp_path / "graphs.db"), str(tmp_path / "log.txt")]
    for dies in ("n1", "n3"):
        done = subprocess.run([sys.executable, "-c", KILLED, *files, dies], capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    last = subprocess.run(
        [sys.executable, "-c", KILLED, *files, ""], capture_output=True, text=True, check=True
    )
    assert last.stdout.strip() == "['n0', 'n1', 'n2', 'n3', 'n4']"
    # only the node that was killed at its work is done again
    assert (tmp_path / "log.txt").read_text().split() == ["n0", "n1", "n1", "n2", "n3", "n3", "n4"]


def test_a_long_thread_costs_a_little_for_each_step(tmp_path: Path) -> None:
    builder = StateGraph(State)
    builder.add_node("add", lambda state: {"steps": [f"step {len(state['steps'])}"]})
    builder.add_conditional_edges("add", lambda state: "add" if len(state["steps"]) < 60 else END)
    builder.add_edge(START, "add")
    with JournalSaver.open(tmp_path / "graphs.db") as saver:
        graph = builder.compile(checkpointer=saver)
        large: Any = {"messages": [("user", "word " * 20_000)], "steps": []}
        graph.invoke(large, {**CONFIG, "recursion_limit": 100})
        size = saver.file.database.size()
    # a message of 100 kB that every step has is stored with the first one alone
    assert size < 3_000_000


def test_a_graph_without_a_thread_is_told_so(tmp_path: Path) -> None:
    with (
        JournalSaver.open(tmp_path / "graphs.db") as saver,
        pytest.raises(UsageError, match="no thread is named"),
    ):
        saver.get_tuple({"configurable": {}})
    (tmp_path / "other.db").write_bytes(b"no database at all" * 99)
    with pytest.raises(CorruptJournal, match="is not a file of checkpoints"):
        JournalSaver.open(tmp_path / "other.db")
