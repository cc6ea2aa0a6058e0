"""What to do next follows from the recorded events and from nothing else."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.next_action import (
    MOST_LOOP_NUDGES,
    MOST_UNREADABLE,
    Ask,
    Nudge,
    Perform,
    Review,
    Settle,
    Stop,
    next_action,
)
from agentkit.agents.repetition import LONGEST_CYCLE, TIMES, repetition
from agentkit.agents.state import Attempt, RunState, after, fold
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    Ending,
    Event,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PromptUsed,
    Recorded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall, ToolMessage, UserMessage
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Limits, Usage

START = RunStarted(
    "do it", "scripted:x", "/w", "auto", Limits(), PromptUsed("p", "1", "d"), (UserMessage("do it"),)
)
LOOK = ToolCall("c1", "read_file", {"path": "a"})
WRITE = ToolCall("c2", "write_file", {"path": "b", "content": "x"})


def state_of(*events: Event, every: float = 1.0) -> RunState:
    """The state after events that were recorded `every` seconds apart."""
    clock = count()
    return fold(Recorded(index, next(clock) * every, event) for index, event in enumerate(events))


def answered(*calls: ToolCall, text: str = "", step: int = 1, finish: str = "stop") -> ModelAnswered:
    return ModelAnswered(step, AssistantMessage(text, calls), Usage(100, 10), 1.0, finish)


def finished(call: ToolCall, outcome: Outcome = Outcome.OK, text: str = "fine") -> CallFinished:
    return CallFinished(ToolResult(call.id, call.name, outcome, text))


def intended(call: ToolCall, *, ends_run: bool = False) -> CallIntended:
    return CallIntended(call, Effect.WRITES, idempotent=False, ends_run=ends_run)


def after_calls(*rounds: tuple[ToolCall, Outcome, str]) -> RunState:
    events: list[Event] = [START]
    for step, (call, outcome, text) in enumerate(rounds, 1):
        own = ToolCall(f"{call.id}-{step}", call.name, call.arguments)
        events += [answered(own, step=step), intended(own), finished(own, outcome, text)]
    return state_of(*events)


def act(state: RunState, limits: Limits | None = None, seconds: float = 0.0) -> object:
    return next_action(state, limits or Limits(), seconds)


def test_a_new_run_asks_the_model() -> None:
    assert act(state_of(START)) == Ask()


def test_calls_are_performed_in_their_order_before_the_model_is_asked_again() -> None:
    state = state_of(START, answered(LOOK, WRITE))
    assert act(state) == Perform(LOOK)
    state = after(state, Recorded(9, 9, intended(LOOK)))
    state = after(state, Recorded(10, 10, finished(LOOK)))
    assert act(state) == Perform(WRITE)
    state = after(state, Recorded(11, 11, intended(WRITE)))
    state = after(state, Recorded(12, 12, finished(WRITE)))
    assert act(state) == Ask()


def test_a_call_without_a_result_is_settled_first() -> None:
    state = state_of(START, answered(LOOK, WRITE), intended(WRITE), RunResumed(1))
    assert act(state) == Settle(intended(WRITE))


def test_plain_text_is_the_last_word() -> None:
    assert act(state_of(START, answered(text="done"))) == Review("done")


def test_a_successful_finish_is_the_last_word_and_a_refused_one_is_not() -> None:
    finish = ToolCall("f", "finish", {"result": "done"})
    ended = state_of(START, answered(finish), intended(finish, ends_run=True), finished(finish, text="done"))
    assert act(ended) == Review("done")
    refused = state_of(
        START, answered(finish), intended(finish, ends_run=True), finished(finish, Outcome.FAILED, "no")
    )
    assert act(refused) == Ask()


def test_an_objection_takes_the_last_word_back() -> None:
    state = state_of(START, answered(text="done"), Nudged("claim", "it is not there"))
    assert act(state) == Ask()
    assert state.said[-1] == UserMessage("it is not there")


def test_a_malformed_call_is_answered_with_its_error_and_asked_again() -> None:
    broken = MalformedCall("m", "write_file", '{"path": "a', "EOF at column 11")
    state = state_of(START, ModelAnswered(1, AssistantMessage(malformed=(broken,)), Usage(), 1.0))
    told = state.said[-1]
    assert isinstance(told, ToolMessage)
    assert told.failed
    assert "EOF at column 11" in told.text
    assert '{"path": "a' in told.text
    assert act(state) == Ask()


def test_three_unusable_answers_in_a_row_are_the_end() -> None:
    state = state_of(START)
    for step in range(1, MOST_UNREADABLE + 1):
        state = after(state, Recorded(step, step, answered(text="", step=step)))
        if step < MOST_UNREADABLE:
            nudge = act(state)
            assert isinstance(nudge, Nudge)
            state = after(state, Recorded(step, step, Nudged(nudge.reason, nudge.text)))
    stop = act(state)
    assert isinstance(stop, Stop)
    assert stop.ending is Ending.STUCK


def test_a_usable_answer_forgives_the_unusable_ones_before() -> None:
    state = state_of(START, answered(text=""), Nudged("unreadable", "say something"), answered(LOOK, step=2))
    assert state.unreadable == 0


def test_text_cut_off_by_the_token_limit_is_no_answer() -> None:
    state = state_of(START, answered(text="The port is 80", finish="length"))
    assert isinstance(act(state), Nudge)


def test_a_failed_model_ends_the_run_and_a_resumed_run_tries_again() -> None:
    state = state_of(START, ModelAsked(1, 50), ModelFailed(1, "ProviderDown", "503: over capacity"))
    assert act(state) == Stop(Ending.MODEL_FAILED, "503: over capacity")
    assert act(after(state, Recorded(5, 5, RunResumed(1)))) == Ask()


@pytest.mark.parametrize(
    ("limits", "seconds"), [(Limits(steps=1), 0), (Limits(tokens=110), 0), (Limits(seconds=30), 30.0)]
)
def test_each_limit_ends_the_run(limits: Limits, seconds: float) -> None:
    state = state_of(START, ModelAsked(1, 500), answered(LOOK), intended(LOOK), finished(LOOK))
    stop = act(state, limits, seconds)
    assert isinstance(stop, Stop)
    assert stop.ending is Ending.BUDGET


def test_calls_that_are_paid_for_still_run_at_the_step_limit() -> None:
    assert act(state_of(START, ModelAsked(1, 500), answered(LOOK)), Limits(steps=1)) == Perform(LOOK)


def test_a_reservation_is_settled_by_the_answer_and_lost_in_a_crash() -> None:
    waiting = state_of(START, ModelAsked(1, 500))
    assert waiting.spent_tokens == 500
    assert after(waiting, Recorded(2, 2, answered(LOOK))).spent_tokens == 110
    crashed = after(waiting, Recorded(2, 2, RunResumed(1)))
    assert crashed.spent_tokens == 500
    assert after(crashed, Recorded(3, 3, answered(LOOK))).spent_tokens == 610


def test_the_time_between_two_sittings_is_not_work() -> None:
    state = state_of(START, answered(LOOK), every=2.0)
    state = after(state, Recorded(2, 5000.0, RunResumed(1)))
    state = after(state, Recorded(3, 5003.0, finished(LOOK)))
    assert state.seconds == 5.0


def test_a_clock_that_jumps_back_takes_no_time_away() -> None:
    state = after(state_of(START, every=1.0), Recorded(1, -500.0, answered(LOOK)))
    assert state.seconds == 0.0


def test_the_same_call_with_the_same_result_is_pointed_out_then_ends_the_run() -> None:
    state = after_calls(*[(LOOK, Outcome.OK, "same")] * TIMES)
    for turn in range(MOST_LOOP_NUDGES):
        nudge = act(state)
        assert isinstance(nudge, Nudge)
        assert "read_file" in nudge.text
        state = after(state, Recorded(100 + turn, 100, Nudged(nudge.reason, nudge.text)))
        assert act(state) == Ask()
        for again in range(TIMES):
            call = ToolCall(f"again-{turn}-{again}", "read_file", {"path": "a"})
            for event in (answered(call), intended(call), finished(call, text="same")):
                state = after(state, Recorded(200, 200, event))
    stop = act(state)
    assert isinstance(stop, Stop)
    assert stop.ending is Ending.STUCK


def test_a_denied_call_that_is_repeated_ends_as_denied() -> None:
    state = after_calls(*[(WRITE, Outcome.DENIED, "not allowed")] * TIMES)
    stop = act(state)
    assert isinstance(stop, Stop)
    assert stop.ending is Ending.DENIED


def attempts(*rows: tuple[str, str, str]) -> list[Attempt]:
    return [
        Attempt(ToolCall(str(i), name, {"x": argument}), ToolResult(str(i), name, Outcome.OK, text))
        for i, (name, argument, text) in enumerate(rows)
    ]


def test_polling_something_that_changes_is_no_loop() -> None:
    assert repetition(attempts(*[("read_file", "a", f"line {n}") for n in range(9)])) is None


def test_the_same_tool_with_other_arguments_is_no_loop() -> None:
    assert repetition(attempts(*[("read_file", f"{n}.txt", "same") for n in range(9)])) is None


@given(st.integers(1, LONGEST_CYCLE), st.integers(0, 6))
def test_every_cycle_is_found_after_three_rounds_and_not_before(length: int, before: int) -> None:
    prefix = [("read_file", f"p{n}", "x") for n in range(before)]
    cycle = [("find_text", f"c{n}", "y") for n in range(length)]
    assert repetition(attempts(*prefix, *cycle * TIMES)) is not None
    assert repetition(attempts(*prefix, *(cycle * TIMES)[1:])) is None


def test_one_kind_of_failure_three_times_is_a_loop_whatever_the_arguments() -> None:
    rounds = [
        (ToolCall("c", "edit_file", {"old": f"{n}"}), Outcome.FAILED, f'no match for "{n}"') for n in range(3)
    ]
    assert isinstance(act(after_calls(*rounds)), Nudge)
