from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from agentkit.core.errors import RunNotFound, UsageError
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    CallPlanned,
    Ending,
    Event,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonSaid,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Usage
from agentkit.journal.run_log import JournalLog
from agentkit.journal.store import Journal

from .conftest import STARTED


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db") as opened:
        yield opened


def step(number: int, handle: str = "") -> list[Event]:
    """A step that calls one tool."""
    call = ToolCall(f"c{number}", "look", {})
    return [
        ModelAsked(number, 100),
        ModelAnswered(number, AssistantMessage(calls=(call,)), Usage(1, 1), 0.1),
        CallIntended(call, Effect.READS, True),
        CallFinished(ToolResult(call.id, "look", Outcome.OK, "seen", handle)),
    ]


def last_word(number: int) -> list[Event]:
    return [ModelAsked(number, 100), ModelAnswered(number, AssistantMessage("done"), Usage(1, 1), 0.1)]


def recorded(log: JournalLog, events: Sequence[Event]) -> str:
    for event in events:
        log.append(event)
    return log.run_id


def events_of(journal: Journal, run_id: str) -> list[Event]:
    return [one.event for one in journal.events(run_id)]


def three_steps(journal: Journal) -> str:
    events = [STARTED, *step(1), *step(2), *last_word(3), RunEnded(Ending.FINISHED, "done")]
    with journal.start() as log:
        return recorded(log, events)


def test_a_fork_has_the_history_up_to_the_step_and_says_where_it_comes_from(journal: Journal) -> None:
    origin = three_steps(journal)
    before = journal.events(origin)
    fork = journal.fork(origin, 1)
    first = replace(STARTED, forked_from=f"{origin}@1")
    assert events_of(journal, fork.run_id) == [first, *step(1)]
    assert journal.events(origin) == before
    assert (fork.step, fork.steps, fork.events, fork.answered) == (1, 3, 5, False)
    assert [run.forked_from for run in journal.runs()] == ["", f"{origin}@1"]
    assert not journal.runs()[1].busy


def test_a_fork_at_step_zero_is_the_goal_alone(journal: Journal) -> None:
    origin = three_steps(journal)
    fork = journal.fork(origin, 0)
    assert events_of(journal, fork.run_id) == [replace(STARTED, forked_from=f"{origin}@0")]


def test_a_fork_without_a_step_leaves_behind_that_the_run_was_over(journal: Journal) -> None:
    origin = three_steps(journal)
    fork = journal.fork(origin)
    assert events_of(journal, fork.run_id)[1:] == [*step(1), *step(2), *last_word(3)]
    assert fork.answered


@pytest.mark.parametrize("ending", sorted(set(Ending) - {Ending.FINISHED, Ending.GAVE_UP}))
def test_an_end_that_a_resumed_run_overcomes_is_taken_along(journal: Journal, ending: Ending) -> None:
    with journal.start() as log:
        origin = recorded(log, [STARTED, *step(1), RunEnded(ending, "why")])
    fork = journal.fork(origin)
    assert events_of(journal, fork.run_id)[-1] == RunEnded(ending, "why")
    assert not fork.answered


def test_a_fork_of_a_fork_names_the_nearer_one(journal: Journal) -> None:
    first = journal.fork(three_steps(journal), 2)
    with journal.resume(first.run_id) as log:
        recorded(log, [RunResumed(1), *step(3)])
    second = journal.fork(first.run_id, 3)
    events = events_of(journal, second.run_id)
    assert events == [
        replace(STARTED, forked_from=f"{first.run_id}@3"), *step(1), *step(2), RunResumed(1), *step(3)
    ]  # fmt: skip


def test_another_model_does_not_inherit_the_address(journal: Journal) -> None:
    with journal.start() as log:
        origin = recorded(log, [replace(STARTED, base_url="http://localhost:1"), *step(1)])
    same, other = journal.fork(origin), journal.fork(origin, model="openai:other")
    first = events_of(journal, same.run_id)[0]
    assert isinstance(first, RunStarted)
    assert (first.model, first.base_url) == ("scripted:one", "http://localhost:1")
    first = events_of(journal, other.run_id)[0]
    assert isinstance(first, RunStarted)
    assert (first.model, first.base_url) == ("openai:other", None)
    elsewhere = journal.fork(origin, model="openai:other", base_url="http://localhost:2")
    first = events_of(journal, elsewhere.run_id)[0]
    assert isinstance(first, RunStarted)
    assert first.base_url == "http://localhost:2"


@pytest.mark.parametrize("wrong", [4, 99])
def test_a_step_that_is_not_there_names_those_that_are(journal: Journal, wrong: int) -> None:
    origin = three_steps(journal)
    with pytest.raises(UsageError, match=f"no step {wrong} .* forked at 0 to 3"):
        journal.fork(origin, wrong)
    assert len(journal.runs()) == 1


def test_a_step_that_is_under_way_is_none_yet(journal: Journal) -> None:
    """The run is at work; what it has done so far can be forked all the same."""
    with journal.start() as log:
        recorded(log, [STARTED, *step(1)])
        for event in step(2)[:-1]:
            log.append(event)
            with pytest.raises(UsageError, match="forked at 0 to 1"):
                journal.fork(log.run_id, 2)
            assert journal.fork(log.run_id).step == 1
        log.append(step(2)[-1])
        assert journal.fork(log.run_id).step == 2
        log.append(Nudged("repetition", "look elsewhere"))


def test_the_calls_of_a_plan_belong_to_the_step_that_planned_them(journal: Journal) -> None:
    planned: list[Event] = []
    for number in (1, 2):
        call = ToolCall(f"E{number}", "look", {})
        planned += [
            CallPlanned(call),
            CallIntended(call, Effect.READS, True),
            CallFinished(ToolResult(call.id, "look", Outcome.OK, "seen")),
        ]
    with journal.start() as log:
        recorded(log, [STARTED, *last_word(1)])
        for count, event in enumerate(planned, 1):
            log.append(event)
            whole = count % 3 == 0
            assert journal.fork(log.run_id).step == (1 if whole else 0)
        recorded(log, last_word(2))
    fork = journal.fork(log.run_id, 1)
    assert events_of(journal, fork.run_id)[1:] == [*last_word(1), *planned]


def test_a_model_that_failed_ends_its_step(journal: Journal) -> None:
    with journal.start() as log:
        failed = [ModelAsked(2, 9), ModelFailed(2, "e", "m")]
        recorded(log, [STARTED, *step(1), *failed, RunEnded(Ending.MODEL_FAILED, "m")])
    assert journal.fork(log.run_id).step == 2


def test_what_holds_no_goal_cannot_be_forked(journal: Journal) -> None:
    with journal.start() as empty, journal.start() as other:
        other.append(Nudged("n", "no goal"))
        for log in (empty, other):
            with pytest.raises(UsageError, match="holds no goal"):
                journal.fork(log.run_id)
    with pytest.raises(RunNotFound):
        journal.fork("2qc5xr-none")


def test_texts_are_shared_and_outlive_the_run_they_come_from(journal: Journal) -> None:
    with journal.start() as log:
        handle = log.keep("a long result")
        origin = recorded(log, [STARTED, *step(1, handle), *step(2, log.keep("not of the fork"))])
    fork = journal.fork(origin, 1)
    assert journal._database.one("SELECT count(*) FROM texts") == (2,)
    assert journal.remove([origin]).texts == 1
    with journal.resume(fork.run_id) as log:
        assert log.recall(handle) == "a long result"


def test_a_fork_can_be_exported(journal: Journal, tmp_path: Path) -> None:
    fork = journal.fork(three_steps(journal), 2)
    with Journal.open(tmp_path / "other.db") as other:
        other.take_in(journal.export(fork.run_id), "file")
        assert other.events(fork.run_id) == journal.events(fork.run_id)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.integers(0, 5), at=st.integers(0, 5), again=st.integers(0, 5))
def test_a_fork_is_a_prefix_wherever_it_is_made(journal: Journal, steps: int, at: int, again: int) -> None:
    with journal.start() as log:
        origin = recorded(log, [STARTED, *(event for n in range(1, steps + 1) for event in step(n))])
    if at > steps:
        with pytest.raises(UsageError):
            journal.fork(origin, at)
        return
    fork = journal.fork(origin, at)
    assert journal.events(fork.run_id)[1:] == journal.events(origin)[1 : 1 + 4 * at]
    assert (
        journal.events(journal.fork(fork.run_id, min(at, again)).run_id)[1:]
        == (journal.events(journal.fork(origin, min(at, again)).run_id)[1:])
    )


@pytest.mark.parametrize(("at", "last"), [(1, ModelAnswered), (2, PersonSaid), (None, PersonSaid)])
def test_a_fork_leaves_out_what_the_person_said_after_the_step(
    journal: Journal, at: int | None, last: type
) -> None:
    log = journal.start()
    over = RunEnded(Ending.FINISHED, "done", claimed=("done",))
    events = [STARTED, *last_word(1), over, PersonSaid("more"), *last_word(2), over, PersonSaid("still more")]
    fork = journal.fork(recorded(log, events), at)
    assert type(events_of(journal, fork.run_id)[-1]) is last
    assert not fork.answered
