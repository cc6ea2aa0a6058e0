"""Whole runs, event by event, as they are in the journal.

    pytest tests/agents/test_golden.py --update-goldens

writes `tests/goldens` anew; `git diff` then says what the change means for a run. What differs from
run to run or with the wording of prompts and tools (times, tokens, hashes, the opening) is left out.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.events import Event
from agentkit.core.messages import MalformedCall, ToolCall
from agentkit.core.tools import Effect
from agentkit.journal.store import Journal
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit.tooling.context import ToolContext
from agentkit.tooling.sandbox import Finished
from agentkit.tooling.tool import Tool, tool

from .conftest import FakeSandbox, add

GOLDENS = Path(__file__).parents[1] / "goldens"


@tool(effect=Effect.READS)
def read(path: str, context: ToolContext) -> str:
    """Read a file."""
    return context.workspace.read_bytes(path).decode()


@tool(effect=Effect.WRITES, idempotent=True)
def write(path: str, text: str, context: ToolContext) -> str:
    """Write a file."""
    context.workspace.write_bytes(path, text.encode())
    return f"wrote {path}"


@tool(effect=Effect.WRITES)
def extend(path: str, text: str, context: ToolContext) -> str:
    """Add to a file."""
    context.workspace.append_bytes(path, text.encode())
    return f"added to {path}"


@tool(effect=Effect.NETWORK)
def send(text: str) -> str:
    """Send a text away."""
    return f"sent {text}"


@tool(effect=Effect.PURE, ends_run=True)
def finish(result: str, reached: bool = True, evidence: tuple[str, ...] = ()) -> str:
    """End the run."""
    return result


TOOLS: list[Tool] = [add, read, write, extend, send, finish]


def call(name: str, call_id: str = "c1", **arguments: Any) -> ToolCall:
    return ToolCall(call_id, name, arguments)


RUNS: dict[str, dict[str, Any]] = {
    "a file is made from another": {
        "goal": "write the port in config.ini to port.txt",
        "files": {"config.ini": "port = 80\n"},
        "script": [
            call("read", path="config.ini"),
            "The port is 80.",  # doubted: port.txt is missing
            call("write", "c2", path="port.txt", text="80\n"),
            call("finish", "c3", result="port.txt holds 80", evidence=["port.txt", "2"]),
        ],
    },
    "what goes wrong is told": {
        "goal": "add up",
        "script": [
            MalformedCall("c1", "add", '{"a": 1, "b"', "cut off at column 12"),
            call("addd", "c2", a=1, b=2),
            [call("add", "c3", a=1), call("read", "c4", path="no.txt")],
            call("add", "c5", a=1, b=2),
            call("finish", "c6", result="3"),
        ],
    },
    "a call that needs a person is denied": {
        "goal": "send hello",
        "script": [call("send", text="hello"), call("finish", "c2", result="I may not.", reached=False)],
    },
    "a loop is pointed out and ends the run": {
        "goal": "add up",
        "script": [call("add", f"c{n}", a=1, b=1) for n in range(12)],
    },
    "a check fails, is mended, and passes": {
        "goal": "make it right",
        "check": "make test",
        "endings": [Finished(1, None, b"1 failed\n", 0.1), Finished(0, None, b"1 passed\n", 0.1)],
        "script": ["done", call("write", path="a.txt", text="right"), "now it is right"],
    },
    "the steps run out": {
        "goal": "add up",
        "max_steps": 2,
        "script": [call("add", f"c{n}", a=n, b=1) for n in range(9)],
    },
    "a long result is shortened": {
        "goal": "read the long file",
        "files": {"long.txt": "".join(f"line {n}\n" for n in range(2000))},
        "script": [call("read", path="long.txt"), "It has 2000 lines."],
    },
    "a plan is carried out and written anew": {
        "strategy": "plan-and-execute",
        "goal": "write the port in config.ini to port.txt",
        "files": {"config.ini": "port = 80\n"},
        "dies_before": 3,  # in the midst of the second plan
        "script": [
            "1. Read conf.ini\n2. Write the port to port.txt",
            call("read", path="conf.ini"),
            "FAILED: there is no conf.ini.",
            "1. Read config.ini\n2. Write the port to port.txt",
            call("read", "c2", path="config.ini"),
            "The port is 80.",
            call("write", "c3", path="port.txt", text="80\n"),
            "port.txt holds 80.",
            call("finish", "c4", result="port.txt holds 80", evidence=["port.txt"]),
        ],
    },
    "the calls of a plan are made without asking": {
        "strategy": "rewoo",
        "goal": "copy the port line of config.ini to port.txt and its twin",
        "files": {"config.ini": "port = 80\n"},
        "dies_before": 2,
        "script": [
            "I call read to see.\n#E1 = nothing(here)",
            """Plan: read it
#E1 = read(path='config.ini')
Plan: write it
#E2 = write(path='port.txt', text=#E1)
#E3 = write('twin.txt', 'twice: #E1#E1')""",
            "port.txt and twin.txt hold the port.",
        ],
    },
    "a plan breaks off where a call fails": {
        "strategy": "rewoo",
        "goal": "add to a file",
        "dies_before": 2,  # add may not be done twice, so its outcome is unknown
        "script": [
            "#E1 = add(1, 2)\n#E2 = extend(path='a.txt', text='#E1')\n#E3 = write(path='b.txt', text='#E2')",
            call("extend", path="a.txt", text="3"),
            "a.txt holds 3.",
        ],
    },
    "an attempt that does not hold is reflected on": {
        "strategy": "reflexion",
        "goal": "make it right",
        "check": "make test",
        "endings": [
            Finished(1, None, b"1 failed\n", 0.1),
            Finished(1, None, b"1 failed\n", 0.1),
            Finished(0, None, b"1 passed\n", 0.1),
        ],
        "script": [
            "done",
            "I wrote nothing. I will write the file.",
            call("write", path="a.txt", text="rihgt"),
            "now it is right",
            "The word was misspelt. I will spell it right.",
            call("write", "c2", path="a.txt", text="right"),
            "now it is",
        ],
    },
    "a killed run goes on": {
        "goal": "write two files and add to one",
        "dies_before": 2,
        "script": [
            [
                call("write", "c1", path="a.txt", text="one\n"),
                call("extend", "c2", path="a.txt", text="two\n"),
            ],
            call("read", "c3", path="a.txt"),
            "It holds one line; whether the second was added I cannot say.",
        ],
    },
}


class Killed(BaseException):
    """Stands for the end of the process."""


async def events_of(about: dict[str, Any], root: Path, home: Path) -> list[Event]:
    for name, text in about.get("files", {}).items():
        (root / name).write_text(text)
    settings = load_settings(
        {
            "workspace": str(root),
            "journal": str(home / "journal.db"),
            "check": about.get("check"),
            "max_steps": about.get("max_steps", 40),
            "strategy": about.get("strategy"),
        }
    )
    sandbox = FakeSandbox(list(about.get("endings", ())))
    died: list[str] = []

    def surroundings(deadly: int | None) -> Surroundings:
        class Mortal(Tool):
            async def run(self, context: ToolContext, arguments: Any) -> str:
                died.append(self.name)
                if len(died) == deadly:
                    raise Killed
                return await super().run(context, arguments)

        tools = {
            one.name: Mortal(**{part.name: getattr(one, part.name) for part in fields(one)}) for one in TOOLS
        }
        return Surroundings(model=ScriptedModel(about["script"]), tools=tools, sandbox=lambda: sandbox)

    deadly = about.get("dies_before")
    if deadly is None:
        run_id = (await run_goal(about["goal"], settings, surroundings(None))).run_id
    else:
        with pytest.raises(Killed):
            await run_goal(about["goal"], settings, surroundings(deadly))
        with Journal.open(settings.journal) as journal:
            (killed,) = journal.runs()
        run_id = (await resume_run(killed.run_id, settings, surroundings(None))).run_id
    with Journal.open(settings.journal) as journal:
        return [recorded.event for recorded in journal.events(run_id)]


LEFT_OUT = {
    "opening",
    "digest",
    "version",
    "pid",
    "seconds",
    "usage",
    "reserved_tokens",
    "limits",
    "workspace_before",
    "reserved_cost",
    "cost",
    "price",
    "snapshot",
    "modified",
    *("reserved_tokens", "workspace_before", "limits"),
}


def normal(value: Any, root: Path) -> Any:
    if isinstance(value, dict):
        return {key: normal(item, root) for key, item in value.items() if key not in LEFT_OUT}
    if isinstance(value, list | tuple):
        return [normal(item, root) for item in value]
    return value.replace(str(root), "WORKSPACE") if isinstance(value, str) else value


@pytest.mark.parametrize("name", RUNS)
async def test_a_whole_run_is_recorded_as_before(
    name: str, workspace: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    events = await events_of(RUNS[name], workspace, tmp_path)
    lines = [
        json.dumps(normal(msgspec.to_builtins(event), workspace), ensure_ascii=False) for event in events
    ]
    golden = GOLDENS / f"{name.replace(',', '').replace(' ', '_')}.jsonl"
    if pytestconfig.getoption("--update-goldens"):
        GOLDENS.mkdir(exist_ok=True)
        golden.write_text("".join(f"{line}\n" for line in lines))
    assert lines == golden.read_text().splitlines()


def test_every_golden_belongs_to_a_run() -> None:
    names = {f"{name.replace(',', '').replace(' ', '_')}.jsonl" for name in RUNS}
    assert {path.name for path in GOLDENS.iterdir()} == names
