"""A task done by its policy through agentkit's own loop, and the conversation that came of it.

Nothing is written by hand: the prompt is what the loop renders, every result is what the tool
returned, and the check is run on the folder that was left behind.
"""

import tempfile
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentkit.assembly import Surroundings, run_goal
from agentkit.core.events import Ending
from agentkit.core.messages import AssistantMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.evaluation import After
from agentkit.evaluation.folders import files_in, fill, folders_in
from agentkit.evaluation.solver import Watch
from agentkit.journal.memory import MemoryLog
from agentkit.models.dialects import DIALECTS, Turn
from agentkit.models.embedded import MANNERS
from agentkit.models.local import local_profile
from agentkit.settings import load_settings
from episodes.task import Call, Plan, Seen, Task
from episodes.views import ALWAYS_LOOKS, View

MANNER = MANNERS["smollm2"]
PROFILE = local_profile(MANNER.prompt, 8192, MANNER.most_output)
MOST_STEPS = 12


class PolicyFault(Exception):
    """A policy did something that no model could have done; the message says what."""


Asked = tuple[ModelRequest, AssistantMessage]
"""A request of the loop, and what was answered."""


@dataclass(frozen=True)
class Row:
    """One conversation to learn from: turns, and which of the assistant's are to be learnt."""

    turns: tuple[Turn, ...]
    learn: tuple[int, ...]
    """Indices of the turns that carry loss: those that were answered under this very prompt."""


@dataclass(frozen=True)
class Episode:
    """What came of a task."""

    goal: str
    rows: tuple[Row, ...]
    reached: bool
    ending: Ending
    answer: str
    steps: int
    asked: tuple[Asked, ...]
    """Every request of the loop, and what the policy answered."""


@dataclass
class PolicyModel:
    """A `ChatModel` that plays a policy, and keeps what it was asked."""

    plan: Plan
    view: View
    name: str = "policy"
    profile: ModelProfile = PROFILE
    asked: list[Asked] = field(default_factory=list[Asked])
    not_learnt: set[int] = field(default_factory=set[int])
    """Which of `asked` are answers that nobody should learn."""
    answer: str | None = None

    def estimate(self, request: ModelRequest) -> int:
        """An estimate that always fits: policies are short."""
        return sum(len(str(message)) for message in request.messages) // 4

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """The policy's next call or answer."""
        message = self._next(request)
        self.asked.append((request, message))
        yield Answer(message, finish="calls" if message.calls else "stop")

    async def aclose(self) -> None:
        """Nothing is held."""

    def _next(self, request: ModelRequest) -> AssistantMessage:
        last = request.messages[-1]
        step = len(self.asked) + 1
        if self.answer is not None:
            if isinstance(last, UserMessage):  # the loop doubts the answer: look once, and stand by it
                return self._calling(Call(ALWAYS_LOOKS, {"deep": True}), request, step)
            return AssistantMessage(self.answer)
        try:
            seen = Seen(last.text, last.failed) if isinstance(last, ToolMessage) else None
            return self._calling(next(self.plan) if seen is None else self.plan.send(seen), request, step)
        except StopIteration as end:
            self.answer = str(end.value)
            return AssistantMessage(self.answer)

    def _calling(self, call: Call, request: ModelRequest, step: int) -> AssistantMessage:
        shown = self.view.shown(call)
        tool = next((tool for tool in request.tools if tool.name == shown.tool), None)
        if tool is None:
            raise PolicyFault(f"{call.tool} is not offered; offered are {[t.name for t in request.tools]}")
        for name, choices in tool.choices.items():
            if name in shown.arguments and shown.arguments[name] not in choices:
                raise PolicyFault(f"{shown.arguments[name]!r} cannot be chosen as {name} of {shown.tool}")
        return AssistantMessage(calls=(ToolCall(f"call_{step}", shown.tool, shown.arguments),))


async def record(goal: str, task: Task, view: View, model: PolicyModel | None = None) -> Episode:
    """Do the task in a fresh folder.

    Args:
        goal: in somebody's words.
        task: to be done.
        view: the tools as they are offered.
        model: plays the task's policy; one that plays it alone by default.

    Raises:
        PolicyFault: the policy named a tool or a path that was not there.
    """
    model = model or PolicyModel(task.policy(), view)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "workspace"
        fill(root, None, task.files)
        watch = Watch()
        around = Surroundings(sinks=(watch,), model=model, log=MemoryLog(), tools=view.tools)
        settings = load_settings({"workspace": str(root), "max_steps": MOST_STEPS})
        outcome = await run_goal(goal, settings, around)
        calls = tuple(view.canonical(name, given) for name, given in watch.done)
        after = After(task.files, files_in(root), folders_in(root), outcome.ended.result, calls)
    reached = outcome.ended.ending is Ending.FINISHED and task.check(after)
    return Episode(
        goal,
        rows_of(model.asked, model.not_learnt),
        reached,
        outcome.ended.ending,
        after.answer,
        outcome.steps,
        tuple(model.asked),
    )


def rows_of(asked: Sequence[Asked], not_learnt: Collection[int] = ()) -> tuple[Row, ...]:
    """The conversation as turns; a row for each system turn, since what is offered can change."""
    dialect = DIALECTS[MANNER.dialect]
    rows: dict[str, tuple[list[Turn], list[int]]] = {}
    for number, (request, message) in enumerate(asked):
        turns = dialect.turns((*request.messages, message), request.tools)
        before = dialect.turns(request.messages, request.tools)
        if turns[: len(before)] != before:
            raise PolicyFault("an answer changed the turns before it")
        learn = rows[turns[0]["content"]][1] if turns[0]["content"] in rows else []
        learn = learn if number in not_learnt else [*learn, len(turns) - 1]
        rows[turns[0]["content"]] = (turns, learn)
    return tuple(Row(tuple(turns), tuple(learn)) for turns, learn in rows.values() if learn)
