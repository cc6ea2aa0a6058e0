"""Whole runs with a scripted model: how they end, what they may spend, what the model is told."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.agents.strategies import OneShot
from agentkit.core.errors import JournalError, ProviderDown
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    Ending,
    Finding,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall, ToolMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.tools import Effect, Outcome
from agentkit.core.usage import SHORTEST_ANSWER, Limits, Usage
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal
from agentkit.models.scripted import After, ScriptedModel
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace

from .conftest import Stage


def call(name: str, call_id: str = "c", **arguments: Any) -> ToolCall:
    return ToolCall(call_id, name, arguments)


def adding(n: int) -> ToolCall:
    return call("add", f"c{n}", a=n, b=1)


# --- ends


async def test_plain_text_is_the_answer(stage) -> None:
    ended = await stage.agent([adding(1), "It is two."]).run(stage.start())
    assert (ended.ending, ended.result, ended.claimed) == (Ending.FINISHED, "It is two.", ("It is two.",))


async def test_finish_is_the_answer_and_its_evidence_is_looked_at(stage) -> None:
    write = call("write_file", path="a.txt", content="x")
    last = call("finish", "f", result="made it", evidence=["a.txt", "1"])
    ended = await stage.agent([write, last]).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.FINISHED, "made it")
    assert {finding.claim for finding in ended.verified} == {
        "a.txt exists",
        "step 1 succeeded",
        "a.txt was made",
    }


async def test_an_agent_that_says_it_could_not_gave_up(stage) -> None:
    ended = await stage.agent([call("finish", result="no such data", reached=False)]).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.GAVE_UP, "no such data")


async def test_an_empty_last_word_is_not_taken(stage) -> None:
    ended = await stage.agent([call("finish", result=" "), adding(1), "now: 2"]).run(stage.start())
    assert ended.result == "now: 2"
    assert stage.events(CallFinished)[0].result.outcome is Outcome.FAILED


async def test_a_denied_call_before_the_last_word_ends_as_denied(stage) -> None:
    @tool(effect=Effect.NETWORK)
    def send() -> str:
        """Send."""
        raise AssertionError("it ran")

    ended = await stage.agent([call("send"), "I may not."], send).run(stage.start())
    assert ended.ending is Ending.DENIED


async def test_a_denied_call_that_the_agent_found_a_way_around_does_not_matter(stage) -> None:
    @tool(effect=Effect.NETWORK)
    def send() -> str:
        """Send."""
        return ""

    ended = await stage.agent([call("send"), adding(1), "two"], send).run(stage.start())
    assert ended.ending is Ending.FINISHED


async def test_calls_after_the_last_word_in_the_same_answer_do_not_run(stage) -> None:
    both = [call("finish", "f", result="done"), call("write_file", "w", path="late.txt", content="x")]
    ended = await stage.agent([both]).run(stage.start())
    assert ended.result == "done"
    assert not (stage.root / "late.txt").exists()


# --- objections


async def test_a_doubt_is_raised_once_and_then_the_agent_is_taken_at_its_word(stage) -> None:
    ended = await stage.agent(["done", "still done"]).run(stage.start("write the port to port.txt"))
    nudges = [nudge.text for nudge in stage.events(Nudged)]
    assert len(nudges) == 1
    assert "the task names port.txt, and there is no such file" in nudges[0]
    assert (ended.ending, ended.result) == (Ending.FINISHED, "still done")


async def test_a_failed_last_call_is_a_doubt(stage) -> None:
    await stage.agent([call("read_file", path="no.txt"), "done", "done"]).run(stage.start())
    (nudge,) = stage.events(Nudged)
    assert "the last call, read_file, failed" in nudge.text


async def test_evidence_that_does_not_hold_is_told_and_then_fails_the_check(stage) -> None:
    claim = [call("finish", f"f{n}", result="done", evidence=["no.txt"]) for n in range(5)]
    ended = await stage.agent(claim).run(stage.start())
    nudges = stage.events(Nudged)
    assert len(nudges) == OneShot().objections
    assert all("no.txt exists (there is no such file" in nudge.text for nudge in nudges)
    assert ended.ending is Ending.CHECK_FAILED


async def test_an_objection_can_be_met(stage) -> None:
    script = ["done", call("write_file", path="port.txt", content="80"), "now it is"]
    ended = await stage.agent(script).run(stage.start("write port.txt"))
    assert ended.ending is Ending.FINISHED
    assert ended.verified == (Finding("port.txt was made", True, "2 bytes"),)


@pytest.mark.parametrize("passes_at", [0, 1, 2, None])
async def test_a_failing_check_is_told_until_it_passes_or_the_run_ends_with_it(stage, passes_at) -> None:
    runs = 0

    async def check() -> Finding:
        nonlocal runs
        holds = passes_at is not None and runs >= passes_at
        runs += 1
        return Finding("the check 'make test' passes", holds, "exit status 1. 2 failed")

    ended = await stage.agent(["done"] * 5, check=check).run(stage.start())
    nudges = stage.events(Nudged)
    assert len(nudges) == (OneShot().objections if passes_at is None else passes_at)
    assert all("2 failed" in nudge.text for nudge in nudges)
    assert ended.ending is (Ending.CHECK_FAILED if passes_at is None else Ending.FINISHED)
    assert ended.verified[-1].holds is (passes_at is not None)


# --- budgets


async def test_the_step_limit_ends_the_run_after_the_calls_it_paid_for(stage) -> None:
    limits = Limits(steps=2)
    ended = await stage.agent([adding(n) for n in range(9)], limits=limits).run(stage.start(limits=limits))
    assert ended.ending is Ending.BUDGET
    assert (len(stage.events(ModelAsked)), len(stage.events(CallFinished))) == (2, 1)  # the last one closes


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_hanging_tool_is_cut_off_at_the_time_limit(stage, in_thread: bool) -> None:
    release = threading.Event()

    def blocking() -> str:
        """Hang."""
        release.wait()
        return "late"

    async def waiting() -> str:
        """Hang."""
        await asyncio.Event().wait()
        return "late"

    hang = tool(effect=Effect.EXECUTES, name="hang")(blocking if in_thread else waiting)
    limits = Limits(seconds=1.0)
    ended = await stage.agent([call("hang"), "said at last"], hang, limits=limits).run(stage.start())
    release.set()
    assert ended.ending is Ending.BUDGET
    assert "1 seconds" in ended.because
    assert ended.result == "said at last"
    (finished,) = stage.events(CallFinished)
    assert finished.result.outcome is Outcome.UNKNOWN


async def test_a_hanging_model_is_cut_off_at_the_time_limit(stage) -> None:
    limits = Limits(seconds=0.2)
    ended = await stage.agent([After(600, "late")], limits=limits).run(stage.start())
    assert ended.ending is Ending.BUDGET
    assert stage.events(ModelAnswered) == []


async def test_a_check_that_runs_into_a_time_of_its_own_is_not_the_limit_of_the_run(stage) -> None:
    async def check() -> Finding:
        raise TimeoutError("the server of the check is silent")

    agent = stage.agent(["done"], check=check, limits=Limits(seconds=60))
    with pytest.raises(TimeoutError, match="the server of the check"):
        await agent.run(stage.start())
    assert stage.events(RunEnded) == []


async def test_a_check_that_takes_longer_than_the_run_may_is_cut_off(stage) -> None:
    async def check() -> Finding:
        await asyncio.sleep(600)
        raise AssertionError("it was waited for")

    ended = await stage.agent(["done"], check=check, limits=Limits(seconds=0.4)).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.BUDGET, "done")
    assert "the check took longer" in ended.because


async def test_time_at_work_in_earlier_sittings_counts(stage) -> None:
    clock = iter(range(0, 10_000, 40))
    log = MemoryLog(clock=lambda: next(clock))
    log.append(stage.start())
    log.append(ModelAsked(1, 10))
    log.append(RunResumed(1))
    agent = stage.agent(["done"], log=log, limits=Limits(seconds=30))
    assert agent.seconds >= 40
    assert (await agent.run()).ending is Ending.BUDGET


@dataclass
class Spender:
    """Asks for one more call each time and uses what the dice say, within its reservation."""

    draw: Callable[[int, int], int]
    requests: list[tuple[int, int]] = field(default_factory=list)
    name: str = "spender"
    profile: ModelProfile = field(
        default_factory=lambda: ModelProfile(context_window=100_000, max_output_tokens=300)
    )

    def estimate(self, request: ModelRequest) -> int:
        return 40 * len(request.messages)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Answer]:
        estimate = self.estimate(request)
        self.requests.append((estimate, request.max_tokens))
        if self.draw(0, 9) == 0:
            raise ProviderDown("over capacity")
        usage = Usage(self.draw(0, estimate), self.draw(0, request.max_tokens))
        yield Answer(AssistantMessage(calls=(adding(len(self.requests)),)), usage, "calls")

    async def aclose(self) -> None: ...


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.data())
def test_the_token_limit_is_never_exceeded_by_one_token(limit: int, data: st.DataObject) -> None:
    async def run(root: Path) -> None:
        model = Spender(lambda low, high: data.draw(st.integers(low, high)))
        with Workspace.open(root) as workspace:
            stage = Stage(workspace)
            agent = stage.agent(model, limits=Limits(tokens=limit, steps=60))
            ended = await agent.run(stage.start())
            spent = 0
            answers = iter(stage.events(ModelAnswered))
            failed = bool(stage.events(ModelFailed))
            for asked, (estimate, room) in zip(stage.events(ModelAsked), model.requests, strict=True):
                assert asked.reserved_tokens == estimate + room
                assert room >= SHORTEST_ANSWER
                assert spent + asked.reserved_tokens <= limit
                answer = next(answers, None)
                # the provider may charge for an answer that never came
                spent += answer.usage.total if answer else asked.reserved_tokens
            assert agent.state.spent.tokens == spent <= limit
            # where the model fails at the last answer, what ended the run is the limit
            assert ended.ending in (Ending.BUDGET, Ending.MODEL_FAILED if failed else Ending.STUCK)

    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_a_request_that_may_not_cost_what_it_must_is_not_sent(stage) -> None:
    model = ScriptedModel(["done"])
    ended = await stage.agent(model, limits=Limits(tokens=100)).run(stage.start())
    assert ended.ending is Ending.BUDGET
    assert "100 tokens do not allow another answer" in ended.result
    assert model.requests == []
    assert stage.events(ModelAsked) == []


# --- the model fails


async def test_a_failed_model_ends_the_run_and_a_resumed_run_tries_again(stage) -> None:
    ended = await stage.agent([adding(1), ProviderDown("503: over capacity")]).run(stage.start())
    assert (ended.ending, ended.result) == (Ending.MODEL_FAILED, "503: over capacity")
    stage.log.append(RunResumed(2))
    again = stage.agent(["unused", "It is two."])
    assert (await again.run()).ending is Ending.FINISHED
    assert len(stage.events(CallFinished)) == 1


async def test_a_stream_that_ends_without_an_answer_is_a_fault_of_the_model(stage) -> None:
    class Mute(ScriptedModel):
        async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
            yield TextDelta("half")

    ended = await stage.agent(Mute(["x"])).run(stage.start())
    assert ended.ending is Ending.MODEL_FAILED
    assert "without an answer" in ended.result


async def test_an_answer_that_begins_anew_takes_its_first_words_back(stage) -> None:
    class Restarting(ScriptedModel):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
            yield TextDelta("wrong")
            yield StreamRestarted("the connection broke")
            yield TextDelta("right")
            yield Answer(AssistantMessage("right"))

    ended = await stage.agent(Restarting(["x"])).run(stage.start())
    assert (ended.result, stage.watcher.text) == ("right", "right")
    assert stage.watcher.restarts == ["the connection broke"]


async def test_an_error_that_is_not_the_models_is_not_hidden(stage) -> None:
    with pytest.raises(ZeroDivisionError):
        await stage.agent([ZeroDivisionError("ours")]).run(stage.start())


# --- what the model is told


async def test_malformed_arguments_are_told_with_their_error_and_never_run(stage) -> None:
    broken = MalformedCall("c1", "write_file", '{"path": "a.txt", "conte', "cut off at column 25")
    model = ScriptedModel([broken, call("write_file", path="a.txt", content="x"), "done"])
    ended = await stage.agent(model).run(stage.start())
    assert ended.ending is Ending.FINISHED
    told = model.requests[1].messages[-1]
    assert isinstance(told, ToolMessage)
    assert told.failed
    assert "cut off at column 25" in told.text
    assert '{"path": "a.txt", "conte' in told.text
    assert [intent.call.id for intent in stage.events(CallIntended)] == ["c"]


async def test_answers_that_stay_unreadable_end_as_stuck(stage) -> None:
    broken = [MalformedCall(f"c{n}", "add", "{", "cut off") for n in range(9)]
    ended = await stage.agent(broken).run(stage.start())
    assert ended.ending is Ending.STUCK
    assert len(stage.events(ModelAnswered)) == 3


async def test_calls_of_one_answer_run_in_order_and_are_all_answered_before_the_next(stage) -> None:
    model = ScriptedModel([[adding(1), adding(2), call("nothing", "c3")], "done", "done"])
    await stage.agent(model).run(stage.start())
    assert [(m.call_id, m.text) for m in model.requests[1].messages if isinstance(m, ToolMessage)][:2] == [
        ("c1", "2"),
        ("c2", "3"),
    ]
    assert [m.call_id for m in model.requests[1].messages if isinstance(m, ToolMessage)] == ["c1", "c2", "c3"]


async def test_the_same_call_over_and_over_is_pointed_out_and_then_ends_the_run(stage) -> None:
    same = [call("add", f"c{n}", a=1, b=1) for n in range(40)]
    ended = await stage.agent(same).run(stage.start())
    assert ended.ending is Ending.STUCK
    assert [nudge.reason for nudge in stage.events(Nudged)] == ["repetition"] * 2
    assert len(stage.events(CallFinished)) == 9


async def test_a_loop_that_was_pointed_out_can_be_left(stage) -> None:
    script = [*(call("add", f"c{n}", a=1, b=1) for n in range(3)), adding(9), "ten"]
    ended = await stage.agent(script).run(stage.start())
    assert ended.result == "ten"


async def test_what_is_sent_fits_the_window_and_the_journal_keeps_all(stage) -> None:
    for n in range(12):
        (stage.root / f"{n}.txt").write_text(f"file {n}\n" + "word " * 600)
    reads = [call("read_file", f"c{n}", path=f"{n}.txt") for n in range(12)]
    profile = ModelProfile(context_window=9000, max_output_tokens=500)
    model = ScriptedModel([*reads, "done"], profile=profile)
    ended = await stage.agent(model).run(stage.start())
    assert ended.ending is Ending.FINISHED
    assert all(model.estimate(request) + request.max_tokens <= 9000 for request in model.requests)
    results = [m for m in model.requests[-1].messages if isinstance(m, ToolMessage)]
    assert "more characters, read_output shows them" in results[0].text
    assert "file 0" in results[0].text
    assert [len(m.text) > 2000 for m in results[-2:]] == [True, True]
    assert all("left out" not in finished.result.text for finished in stage.events(CallFinished))


async def test_a_model_that_answers_in_text_is_not_offered_finish(stage) -> None:
    profile = ModelProfile(context_window=100_000, answers_in_text=True)
    model = ScriptedModel(["done"], profile=profile)
    await stage.agent(model).run(stage.start())
    assert "finish" not in {spec.name for spec in model.requests[0].tools}


# --- the record


async def test_nothing_goes_on_when_the_journal_cannot_be_written(stage) -> None:
    class Full(MemoryLog):
        def append(self, event: Any, *, durable: bool = False, with_next: bool = False) -> Any:
            if isinstance(event, CallIntended):
                raise JournalError("the disk is full")
            return super().append(event, durable=durable, with_next=with_next)

    with pytest.raises(JournalError):
        await stage.agent([call("write_file", path="a", content="x"), "done"], log=Full()).run(stage.start())
    assert not (stage.root / "a").exists()


async def test_a_question_is_in_the_journal_while_its_answer_is_waited_for(stage, tmp_path: Path) -> None:
    seen: list[list[type]] = []

    class Waits(ScriptedModel):
        async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
            await asyncio.sleep(0)
            with Journal.open(tmp_path / "journal.db") as other:
                seen.append([type(one.event) for one in other.events(log.run_id)])
            async for piece in super().stream(request):
                yield piece

    with Journal.open(tmp_path / "journal.db") as journal, journal.start() as log:
        await stage.agent(Waits([adding(1), "two"]), log=log).run(stage.start())
    step = [ModelAsked, ModelAnswered, CallIntended, CallFinished]
    assert seen == [[RunStarted, ModelAsked], [RunStarted, *step, ModelAsked]]


async def test_a_question_that_cannot_be_written_ends_the_run_and_what_it_waited_for(stage) -> None:
    closed: list[str] = []

    class Full(MemoryLog):
        def flush(self) -> None:
            raise JournalError("the disk is full")

    class Waits(ScriptedModel):
        async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
            try:
                await asyncio.sleep(60)
            finally:
                closed.append("the stream")
            async for piece in super().stream(request):
                yield piece

    with pytest.raises(JournalError, match="full"):
        await stage.agent(Waits(["two"]), log=Full()).run(stage.start())
    assert closed == ["the stream"]


async def test_whoever_watches_sees_every_event_that_is_recorded(stage) -> None:
    await stage.agent([adding(1), "two"]).run(stage.start())
    assert stage.watcher.events == [recorded.event for recorded in stage.log.events()]


async def test_a_run_in_the_journal_is_the_run_in_memory(stage, tmp_path: Path) -> None:
    def script() -> list[Any]:
        return [adding(1), [adding(2), call("nothing", "x")], "done", "done"]

    await stage.agent(script()).run(stage.start())
    with Journal.open(tmp_path / "j.db") as journal, journal.start() as log:
        stored = Stage(stage.workspace, log)
        await stored.agent(script()).run(stage.start())
        read = [recorded.event for recorded in journal.events(log.run_id)]
    kinds = [type(recorded.event) for recorded in stage.log.events()]
    assert [type(event) for event in read] == kinds
    assert read == [recorded.event for recorded in log.events()]


async def test_text_that_is_half_a_character_reaches_the_journal_as_a_mark(stage, tmp_path: Path) -> None:
    @tool(effect=Effect.PURE)
    def odd() -> str:
        """Give a name that is no text."""
        return "name-\udcff"

    with Journal.open(tmp_path / "j.db") as journal, journal.start() as log:
        agent = stage.agent([call("odd"), "done"], odd, log=log)
        log.append(stage.start())
        agent = stage.agent([call("odd"), "done"], odd, log=log)
        assert (await agent.run()).ending is Ending.FINISHED


async def test_an_agent_begun_in_the_middle_goes_on_there(stage) -> None:
    first = stage.agent([adding(1), adding(2), "three"])
    first.record(stage.start())
    for _ in range(4):
        await first.step()
    second = stage.agent([adding(1), adding(2), "three"])
    assert second.state.messages == first.state.messages
    assert (await second.run()).result == "three"
    assert [f.result.call_id for f in stage.events(CallFinished)] == ["c1", "c2"]
