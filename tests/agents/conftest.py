from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentkit.agents.loop import Agent
from agentkit.core.events import Event, PromptUsed, Recorded, RunStarted
from agentkit.core.messages import SystemMessage, UserMessage
from agentkit.core.protocols import RunLog
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.scripted import ScriptedModel
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.sandbox import Finished
from agentkit.tooling.sandbox import Limits as SandboxLimits
from agentkit.tooling.tool import Tool, tool
from agentkit.tooling.workspace import Workspace


@dataclass
class FakeSandbox:
    """Ends each command as the test says, one after the other, and remembers what was asked."""

    endings: list[Finished] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    name: str = "fake"

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: SandboxLimits = SandboxLimits(),  # noqa: B008
        stdin: bytes = b"",
        on_output: Callable[[bytes], None] | None = None,
        writable: bool = True,
        extra_env: Mapping[str, str] | None = None,
    ) -> Finished:
        self.asked.append(list(argv))
        return self.endings.pop(0) if self.endings else Finished(0, None, b"", 0.1)


@dataclass
class Watcher:
    """A sink that keeps what it was shown."""

    events: list[Event] = field(default_factory=list)
    text: str = ""
    restarts: list[str] = field(default_factory=list)
    output: list[tuple[str, str]] = field(default_factory=list)

    def on_event(self, recorded: Recorded) -> None:
        self.events.append(recorded.event)

    def on_text(self, text: str) -> None:
        self.text += text

    def on_restart(self, reason: str) -> None:
        self.restarts.append(reason)
        self.text = ""

    def on_output(self, call_id: str, text: str) -> None:
        self.output.append((call_id, text))


@tool(effect=Effect.PURE)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@dataclass
class Stage:
    """A workspace and everything an agent needs; tests replace what they are about."""

    workspace: Workspace
    log: RunLog = field(default_factory=MemoryLog)
    sandbox: FakeSandbox = field(default_factory=FakeSandbox)
    watcher: Watcher = field(default_factory=Watcher)

    @property
    def root(self) -> Path:
        return self.workspace.root

    def agent(self, model: Any, *more: Tool, **given: Any) -> Agent:
        """An agent with the installed tools, `add`, and `more`."""
        if isinstance(model, list):
            model = ScriptedModel(model)
        everything: dict[str, Any] = {
            "model": model,
            "workspace": self.workspace,
            "log": self.log,
            "sandbox": lambda: self.sandbox,
            "sinks": (self.watcher,),
        }
        if "tools" not in given:
            everything["tools"] = {**installed_tools(), "add": add, **{one.name: one for one in more}}
        return Agent(**{**everything, **given})

    def start(self, goal: str = "do it", limits: Limits = Limits()) -> RunStarted:  # noqa: B008
        return RunStarted(
            goal,
            "scripted:test",
            str(self.root),
            "auto",
            limits,
            PromptUsed("p", "1", "d"),
            (SystemMessage("You work."), UserMessage(goal)),
            workspace_before=self.log.keep(self.workspace.manifest()),
        )

    def events(self, kind: type) -> list[Any]:
        return [recorded.event for recorded in self.log.events() if isinstance(recorded.event, kind)]


@pytest.fixture
def stage(workspace: Path) -> Iterator[Stage]:
    with Workspace.open(workspace) as opened:
        yield Stage(opened)
