from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.errors import JournalError
from agentkit.core.events import Event, Recorded
from agentkit.core.tools import ToolSpec
from agentkit.journal.memory import MemoryLog
from agentkit.tooling.context import ToolContext
from agentkit.tooling.dispatch import Approver, Dispatcher
from agentkit.tooling.policy import Policy
from agentkit.tooling.sandbox import SandboxUnavailable
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace


def no_sandbox() -> Any:
    raise SandboxUnavailable("no sandbox in this test")


@dataclass
class Diary:
    """A run log that notes what happened in which order, and can be told to fail."""

    happened: list[str] = field(default_factory=list)
    fail_at: str = ""
    log: MemoryLog = field(default_factory=MemoryLog)
    run_id: str = "memory"

    def events(self) -> Any:
        return self.log.events()

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        name = type(event).__name__
        if name == self.fail_at:
            raise JournalError("the disk is full")
        self.happened.append(f"{name}{', durable' if durable else ''}")
        return self.log.append(event, durable=durable, with_next=with_next)

    def flush(self) -> None:
        self.log.flush()

    async def sync(self) -> None:
        await self.log.sync()

    def keep(self, text: str) -> str:
        return self.log.keep(text)

    def recall(self, handle: str) -> str | None:
        return self.log.recall(handle)


@dataclass
class Desk:
    """A dispatcher over some tools, with everything around it in reach."""

    root: Path
    workspace: Workspace
    diary: Diary = field(default_factory=Diary)

    def __post_init__(self) -> None:
        self.snapshots = Snapshots(self.workspace)

    def dispatcher(
        self,
        *tools: Tool,
        policy: Policy | None = None,
        approver: Approver | None = None,
        longest_view: int = 8000,
    ) -> Dispatcher:
        return Dispatcher(
            tools={one.name: one for one in tools},
            policy=policy or Policy(),
            context=self.context,
            log=self.diary,
            record=lambda event, **lasting: self.diary.append(event, **lasting) and None,
            snapshots=self.snapshots,
            approver=approver,
            longest_view=longest_view,
        )

    def context(self, call_id: str = "") -> ToolContext:
        handles = tuple(e.event.result.handle for e in self.diary.events() if hasattr(e.event, "result"))
        return ToolContext(
            self.workspace,
            sandbox=no_sandbox,
            recall=self.diary.recall,
            handles=tuple(handle for handle in handles if handle),
        )

    def specs(self, *tools: Tool, **options: Any) -> dict[str, ToolSpec]:
        return {spec.name: spec for spec in self.dispatcher(*tools, **options).specs()}


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with Workspace.open(workspace) as opened:
        yield Desk(workspace, opened)
