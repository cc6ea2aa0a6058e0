"""One case through the real loop, on a copy of its folder that is thrown away afterwards."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentkit.assembly import Outcome, Surroundings, run_goal
from agentkit.core.events import CallFinished, CallIntended, ModelFailed, Recorded
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import ChatModel
from agentkit.core.tools import Outcome as CallOutcome
from agentkit.evaluation.case import After, Case
from agentkit.evaluation.folders import files_in, fill, folders_in
from agentkit.settings import Settings
from agentkit.tooling.tool import Tool


@dataclass(frozen=True, slots=True)
class Solved:
    """A run that is over, and what it left behind."""

    outcome: Outcome
    after: After
    failure: ModelFailed | None
    """The model's last fault, if it had one."""


async def solve(
    case: Case, settings: Settings, model: ChatModel, tools: Mapping[str, Tool], journal: Path
) -> Solved:
    """Let the agent work on a case.

    Args:
        case: Its goal, its folder and its own tools.
        settings: Of the run; the workspace, the journal and the check are the case's.
        model: Answers.
        tools: The installed ones.
        journal: The file that the run is recorded in.

    Raises:
        AgentkitError: the run could not begin, or could not be recorded.
        OSError: the folder could not be copied.
    """
    with tempfile.TemporaryDirectory(prefix="agentkit-eval-") as place:
        workspace = Path(place) / (case.folder.name if case.folder else "workspace")
        fill(workspace, case.folder, case.files)
        before = files_in(workspace)
        watch = Watch()
        outcome = await run_goal(
            case.goal,
            settings.replacing(workspace=workspace, journal=journal, check=None),
            Surroundings(
                sinks=(watch,), tools={**tools, **{tool.name: tool for tool in case.tools}}, model=model
            ),
        )
        after = After(
            before, files_in(workspace), folders_in(workspace), outcome.ended.result, tuple(watch.done)
        )
    return Solved(outcome, after, watch.failure)


class Watch:
    """Keeps what checks want to know of a run while it happens."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Mapping[str, object]]] = []
        self.failure: ModelFailed | None = None
        self._begun: dict[str, ToolCall] = {}

    def on_event(self, recorded: Recorded) -> None:
        """Keep a call that succeeded, or the model's fault."""
        match recorded.event:
            case CallIntended(call=call):
                self._begun[call.id] = call
            case CallFinished(result=result) if result.outcome is CallOutcome.OK:
                call = self._begun[result.call_id]
                self.done.append((call.name, call.arguments))
            case ModelFailed() as failure:
                self.failure = failure
            case _:
                pass

    def on_text(self, text: str) -> None:
        """Nothing: the answer comes with the outcome."""

    def on_restart(self, reason: str) -> None:
        """Nothing, as for the text."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing: results come as events."""
