"""What the model is shown, over random runs that are killed anywhere: it fits, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.agents.compaction import compact, undo_compaction
from agentkit.agents.fold import fold
from agentkit.agents.loop import Agent
from agentkit.agents.state import RunState
from agentkit.core.errors import ContextOverflow
from agentkit.core.events import (
    Compacted,
    CompactionUndone,
    Event,
    ModelAsked,
    PromptUsed,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.estimate import estimated_input
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.outputs import read_output

OPENING = (SystemMessage("You work."), UserMessage("look at everything"))
OUTPUT = 80


@tool(effect=Effect.READS)
def look(path: str, size: int) -> str:
    """Look at a file."""
    return "".join(f"{path} line {n}\n" for n in range(size))


@tool(effect=Effect.WRITES)
def note(text: str) -> str:
    """Write something down."""
    return f"noted {len(text)} characters"


@tool(effect=Effect.PURE)
def todo(item: str) -> str:
    """Add to what is to be done."""
    return f"to do: {item}"


TOOLS = {one.name: one for one in (look, note, todo, read_output)}
CALLS = st.one_of(
    st.builds(
        lambda path, size: ("look", {"path": path, "size": size}), st.sampled_from("abc"), st.integers(0, 400)
    ),
    st.builds(lambda size: ("note", {"text": "w" * size}), st.integers(0, 300)),
    st.builds(lambda n: ("todo", {"item": f"thing {n}"}), st.integers(0, 99)),
    st.just(("look", {"path": "a"})),
)
ANSWERS = st.one_of(
    st.lists(CALLS, min_size=1, max_size=4),
    st.sampled_from(["malformed", "empty", "overflow"]),
)
BETWEEN = st.sampled_from(["", "", "", "", "undo", "compact", "say"])
"""What a person does before a step."""


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Mortal:
    """A log that dies just before or just after an event."""

    log: MemoryLog
    fatal: int
    after: bool
    run_id: str = "mortal"

    def events(self) -> Sequence[Recorded]:
        return self.log.events()

    def append(self, event: Event, *, durable: bool = False, with_next: bool = False) -> Recorded:
        dies = len(self.log.events()) == self.fatal
        if dies and not self.after:
            raise Killed
        recorded = self.log.append(event, durable=durable, with_next=with_next)
        if dies:
            raise Killed
        return recorded

    def flush(self) -> None:
        self.log.flush()

    async def sync(self) -> None:
        await self.log.sync()

    def keep(self, text: str) -> str:
        return self.log.keep(text)

    def recall(self, handle: str) -> str | None:
        return self.log.recall(handle)


@dataclass
class Dice:
    """Answers as the dice say, and keeps every request with the events that stood before it."""

    answers: Iterator[Any]
    window: int
    requests: list[ModelRequest] = field(default_factory=list)
    name: str = "scripted:dice"

    @property
    def profile(self) -> ModelProfile:
        return ModelProfile(context_window=self.window, max_output_tokens=OUTPUT, longest_result=2000)

    def estimate(self, request: ModelRequest) -> int:
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Answer]:
        self.requests.append(request)
        said = next(self.answers, None)
        count = len(self.requests)
        if said == "overflow":
            raise ContextOverflow("too long")
        if said == "malformed":
            yield Answer(AssistantMessage(malformed=(MalformedCall(f"m{count}", "look", "{", "cut off"),)))
        elif said == "empty":
            yield Answer(AssistantMessage(""))
        elif isinstance(said, list):
            calls = tuple(ToolCall(f"c{count}_{n}", name, given) for n, (name, given) in enumerate(said))
            yield Answer(AssistantMessage("going on", calls=calls), finish="calls")
        else:
            yield Answer(AssistantMessage("done"))

    async def aclose(self) -> None: ...


async def run(log: Any, model: Dice, answers: Sequence[Any], between: Iterator[str]) -> None:
    """A run to its end, as the dice say."""
    with TemporaryDirectory() as folder, Workspace.open(Path(folder)) as workspace:

        def hear() -> str:
            event: Event | None = None
            match next(between, ""):
                case "say":
                    return "and look at " + "everything else " * 20
                case "undo":
                    event = undo_compaction(agent.state, model, agent.offered())
                case "compact":
                    event = compact(agent.state, model, agent.offered(), agent.log.keep)
            if event is not None:
                agent.record(event)
            return ""

        agent = Agent(model, TOOLS, workspace, log, limits=Limits(steps=40), hear=hear)
        model.answers = iter(answers)
        if not log.events():
            prompt = PromptUsed("p", "1", "d")
            agent.record(RunStarted("look", model.name, folder, "auto", Limits(), prompt, OPENING))
        else:
            agent.record(RunResumed(1))
        await agent.run()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(ANSWERS, max_size=25),
    st.lists(BETWEEN, max_size=40),
    st.integers(700, 6000),
    st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=2),
)
def test_whatever_happens_the_view_fits_and_nothing_is_lost(
    answers: list[Any], between: list[str], window: int, kills: list[tuple[int, bool]]
) -> None:
    log, doing = MemoryLog(), iter(between)
    requests: list[ModelRequest] = []
    for fatal, after in [*kills, (-1, False)]:
        model = Dice(iter(()), window)
        with suppress(Killed):
            asyncio.run(run(Mortal(log, fatal, after), model, answers, doing))
        requests += model.requests
        answers = answers[len(model.requests) :]
    hold_the_views_true(log, requests, window)


def hold_the_views_true(log: MemoryLog, requests: Sequence[ModelRequest], window: int) -> None:
    events = log.events()
    asked = [n for n, one in enumerate(events) if isinstance(one.event, ModelAsked)]
    states = [fold(events[:n]) for n in asked]
    for state in states:
        assert state.view[: len(OPENING)] == OPENING
        assert all(UserMessage(words) in state.view for words in state.task.split("\n")[1:])
        hold_calls_and_results_together(state)
        hold_all_recallable(state, log)
    for request in requests:
        (state, *_) = [state for state in states if state.view == request.messages]
        assert estimated_input(request) + request.max_tokens <= (state.window or window)
    for (a, earlier), (b, later) in pairwise(zip(asked, states, strict=True)):
        cut = any(isinstance(one.event, Compacted | CompactionUndone) for one in events[a:b])
        if not cut:
            assert later.view[: len(earlier.view)] == earlier.view
    end = events[-1].event
    assert isinstance(end, RunEnded)


def hold_calls_and_results_together(state: RunState) -> None:
    waiting: list[str] = []
    for message in state.view:
        if isinstance(message, ToolMessage):
            assert message.call_id in waiting
            waiting.remove(message.call_id)
            continue
        assert not waiting
        if isinstance(message, AssistantMessage):
            waiting = [call.id for call in (*message.calls, *message.malformed)]
    assert not waiting


def hold_all_recallable(state: RunState, log: MemoryLog) -> None:
    whole = {id(message) for message in state.view}
    texts = [log.recall(handle) for handle in state.handles]
    assert None not in texts
    kept = "\n".join(text for text in texts if text is not None)
    lines = "\n".join(message.text for message in state.view if isinstance(message, UserMessage))
    # of a result that was too long from the start, the whole is known by a handle of its own
    in_parts = {one.result.text for one in state.attempts if one.result.handle in state.handles}
    for message in state.said:
        if id(message) in whole:
            continue
        text = message.text.strip()
        assert text in kept or text in lines or message.text in in_parts
        if isinstance(message, AssistantMessage):
            for call in message.calls:
                for value in call.arguments.values():
                    assert str(value) in kept or str(value) in lines
