"""What to do next follows from the recorded events and from nothing else."""

from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.attempt import Attempt
from agentkit.agents.fold import after, fold
from agentkit.agents.next_action import (
    MOST_LOOP_NUDGES,
    MOST_UNREADABLE,
    Ask,
    AskLast,
    Close,
    Leave,
    Perform,
    Review,
    Settle,
    Stop,
    next_action,
)
from agentkit.agents.nudges import Nudge, Words
from agentkit.agents.repetition import LONGEST_CYCLE, TIMES, repetition
from agentkit.agents.state import RunState
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    CallFinished,
    CallIntended,
    Ending,
    Event,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonSaid,
    PromptUsed,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall, ToolMessage, UserMessage
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Limits, Spent, Usage
from agentkit.prompts.library import Library

WORDS = Words(Library())
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
    return ModelAnswered(step, AssistantMessage(text, calls), Usage(100, 10), 1.0, finish, Decimal("0.5"))


def finished(call: ToolCall, outcome: Outcome = Outcome.OK, text: str = "fine") -> CallFinished:
    return CallFinished(ToolResult(call.id, call.name, outcome, text, seconds=2.5))


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
            state = after(state, Recorded(step, step, WORDS.nudged(nudge)))
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
    ("limits", "seconds"),
    [
        (Limits(steps=1), 0),
        (Limits(steps=2), 0),  # the second is for the last answer
        (Limits(tokens=110), 0),
        (Limits(cost=Decimal("0.5")), 0),
        (Limits(tool_seconds=2.5), 0),
        (Limits(seconds=30), 27.0),  # a tenth is for the last answer
    ],
)
def test_each_limit_closes_the_run(limits: Limits, seconds: float) -> None:
    state = state_of(START, ModelAsked(1, 500), answered(LOOK), intended(LOOK), finished(LOOK))
    assert isinstance(act(state, limits, seconds), Close)


def test_calls_that_are_paid_for_still_run_at_the_step_limit() -> None:
    assert act(state_of(START, ModelAsked(1, 500), answered(LOOK)), Limits(steps=1)) == Perform(LOOK)


@pytest.mark.parametrize("limits", [Limits(steps=2), Limits(tokens=111), Limits(cost=Decimal("0.51"))])
def test_below_its_limits_a_run_goes_on(limits: Limits) -> None:
    assert act(state_of(START, ModelAsked(1, 500), answered(LOOK)), limits) == Perform(LOOK)


def test_calls_are_left_undone_and_told_so_when_there_is_no_time_for_them() -> None:
    state = state_of(START, ModelAsked(1, 500), answered(LOOK, WRITE), intended(LOOK), finished(LOOK))
    for limits, seconds in ((Limits(tool_seconds=2.5), 0.0), (Limits(seconds=10), 9.0)):
        assert isinstance(left := act(state, limits, seconds), Leave)
        assert left.call == WRITE


CLOSED = (START, ModelAsked(1, 9), answered(LOOK), intended(LOOK), finished(LOOK))
CLOSING = Nudged("closing", "Say what you have.", "the limit of 2 steps is reached")


def test_the_last_answer_ends_the_run_and_is_kept() -> None:
    state = state_of(*CLOSED, CLOSING)
    assert act(state, Limits(steps=2)) == AskLast()
    state = after(after(state, Recorded(8, 8, ModelAsked(2, 9))), Recorded(9, 9, answered(text="half")))
    assert act(state, Limits(steps=2)) == Stop(Ending.BUDGET, CLOSING.cause, "half")


def test_a_call_in_the_last_answer_is_not_made() -> None:
    state = state_of(*CLOSED, CLOSING, ModelAsked(2, 9), answered(WRITE, text="and then", step=2))
    assert state.pending == ()
    assert state.said[-1] == AssistantMessage("and then")
    empty = act(state_of(*CLOSED, CLOSING, ModelAsked(2, 9), answered(WRITE, step=2)))
    assert empty == Stop(Ending.BUDGET, f"{CLOSING.cause}; the last answer was empty")


def test_a_model_that_fails_at_the_last_answer_does_not_hide_the_limit() -> None:
    stop = act(state_of(*CLOSED, CLOSING, ModelAsked(2, 9), ModelFailed(2, "ProviderDown", "503")))
    assert isinstance(stop, Stop)
    assert (stop.ending, stop.partial) == (Ending.BUDGET, "")
    assert CLOSING.cause in stop.why
    assert "503" in stop.why


def test_time_that_runs_out_at_the_last_answer_ends_the_run() -> None:
    state = state_of(*CLOSED, CLOSING, ModelAsked(2, 9))
    stop = act(state, Limits(seconds=30), 30.0)
    assert isinstance(stop, Stop)
    assert "no time for a last answer" in stop.why


def test_a_resumed_run_with_more_to_spend_works_on_after_its_closing() -> None:
    ended = RunEnded(Ending.BUDGET, "half", because=CLOSING.cause)
    state = state_of(*CLOSED, CLOSING, ModelAsked(2, 9), answered(text="half", step=2), ended, RunResumed(1))
    assert act(state, Limits(steps=9)) == Ask()
    assert isinstance(act(state, Limits(steps=2)), Close)


def test_a_crash_around_the_last_answer_loses_neither_it_nor_the_ceiling() -> None:
    before = state_of(*CLOSED, CLOSING, ModelAsked(2, 9), RunResumed(1))
    assert isinstance(act(before, Limits(steps=2)), Close)
    assert before.spent.steps == 2
    after_it = state_of(*CLOSED, CLOSING, ModelAsked(2, 9), answered(text="half", step=2), RunResumed(1))
    assert act(after_it, Limits(steps=2)) == Stop(Ending.BUDGET, CLOSING.cause, "half")


@pytest.mark.parametrize("part", [0.79, 0.8, 0.9])
@pytest.mark.parametrize("kind", ["steps", "tokens", "cost", "tool_seconds", "seconds"])
def test_the_agent_is_told_once_when_most_of_a_limit_is_used(kind: str, part: float) -> None:
    events: list[Event] = [START]
    for step in range(1, 11):
        call = ToolCall(f"c{step}", "read_file", {"path": f"{step}"})
        events += [ModelAsked(step, 9), answered(call, step=step), intended(call), finished(call)]
    used = {"steps": 10, "tokens": 1100, "cost": Decimal(5), "tool_seconds": 25.0, "seconds": 30.0}[kind]
    limit = type(used)(round(float(used) / part, 3)) if kind != "steps" else round(10 / part)
    state = state_of(*events)
    found = act(state, Limits(**{kind: limit}), 30.0)
    if float(used) / float(limit) < 0.8:
        assert found == Ask()
        return
    if kind in ("seconds", "steps") and part == 0.9:
        assert isinstance(found, Close)
        return
    assert isinstance(found, Nudge)
    assert found.reason == "budget"
    assert " of " in found.values["used"]
    told = after(state, Recorded(99, 40, WORDS.nudged(found)))
    assert act(told, Limits(**{kind: limit}), 30.0) == Ask()


def test_each_task_has_steps_and_tool_seconds_of_its_own_and_all_have_the_same_money() -> None:
    agent = AgentStarted(
        "scout", "r", "look", "c", Limits(steps=3, tokens=70, cost=Decimal(1), tool_seconds=9.0)
    )
    spent = AgentEnded("scout", Ending.FINISHED, "seen", Spent(2, 60, Decimal("0.25"), 4.0))
    at_work = state_of(*CLOSED, agent)
    assert at_work.spent == Spent(1 + 3, 110 + 70, Decimal("1.5"), 2.5 + 9.0)
    over = state_of(*CLOSED, agent, spent, RunEnded(Ending.FINISHED, "done"))
    assert over.spent == Spent(1 + 2, 110 + 60, Decimal("0.75"), 2.5 + 4.0)
    again = after(over, Recorded(20, 20, PersonSaid("and now?")))
    assert again.spent == Spent(0, 170, Decimal("0.75"), 0.0)


def test_tokens_reserved_in_a_crash_have_their_price() -> None:
    crashed = state_of(START, ModelAsked(1, 500, reserved_cost=Decimal("0.7")), RunResumed(1))
    assert (crashed.spent.tokens, crashed.spent.cost) == (500, Decimal("0.7"))


def test_a_reservation_is_settled_by_the_answer_and_lost_in_a_crash() -> None:
    waiting = state_of(START, ModelAsked(1, 500))
    assert waiting.spent.tokens == 500
    assert after(waiting, Recorded(2, 2, answered(LOOK))).spent.tokens == 110
    crashed = after(waiting, Recorded(2, 2, RunResumed(1)))
    assert crashed.spent.tokens == 500
    assert after(crashed, Recorded(3, 3, answered(LOOK))).spent.tokens == 610


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
        assert "read_file" in nudge.values["seen"]
        state = after(state, Recorded(100 + turn, 100, WORDS.nudged(nudge)))
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
