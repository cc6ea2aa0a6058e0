"""Going in circles: what is taken for it and what is not, what is done about it, and what is recorded."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agents.chanting import EVERY, SHORTEST, TIMES, Watch, chant
from agentkit.agents.compaction import compact
from agentkit.agents.headway import LEFT_BEHIND
from agentkit.agents.larger import Larger
from agentkit.agents.next_action import MOST_LOOP_NUDGES, raised
from agentkit.agents.repetition import NOTHING_NEW
from agentkit.agents.state import RunState
from agentkit.core.events import (
    CallFinished,
    Ending,
    Finding,
    Loop,
    ModelAnswered,
    ModelAsked,
    Nudged,
    RunEnded,
)
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits, Price
from agentkit.models.scripted import ScriptedModel
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import Tool, tool

from .conftest import Stage


@tool(effect=Effect.READS, polls=True)
def look_at_job(name: str) -> str:
    """Look at a job."""
    return f"{name} is still running"


@tool(effect=Effect.READS)
def look(place: str) -> str:
    """Look somewhere."""
    return f"nothing in {place}"


@tool(effect=Effect.WRITES)
def add_line(path: str, context: ToolContext) -> str:
    """Add a line."""
    context.workspace.append_bytes(path, b"line\n")
    return "added"


@tool(effect=Effect.READS)
def fails(place: str) -> str:
    """Fail."""
    raise FileNotFoundError(f"there is no place like '{place}'")


TOOLS = (look_at_job, look, add_line, fails)


def calls(*rows: tuple[Tool, str]) -> list[ToolCall]:
    return [
        ToolCall(f"c{n}", one.name, {next(iter(one.signature.json_schema["properties"])): value})
        for n, (one, value) in enumerate(rows)
    ]


async def run(stage: Stage, script: Sequence[Any], model: Any = None, **given: Any) -> RunEnded:
    batch = given.pop("batch", ())
    model = model or ScriptedModel([*script, "done", "done", "done"])
    agent = stage.agent(model, *TOOLS, limits=Limits(steps=80), **given)
    start = stage.start()
    return await agent.run(type(start)(**{**_fields(start), "batch": batch, "model": model.name}))


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


# --- the ladder


async def test_words_come_first_then_a_higher_temperature_then_the_end(stage: Stage) -> None:
    model = ScriptedModel([*calls(*[(look, "a")] * 20)])
    ended = await run(stage, (), model)
    first, second = stage.events(Nudged)
    assert first.text.startswith("You called look 3 times in the same way and got the same result. Doing it")
    assert second.text.startswith("You called look 3 times in the same way and got the same result. You were")
    assert 'It was look(place="a"), and the last answer was: nothing in a.' in second.text
    assert "Once more ends the run" in second.text
    assert [request.temperature for request in model.requests] == [0.0] * 6 + [0.7] * 3
    assert [asked.temperature for asked in stage.events(ModelAsked)] == [None] * 6 + [0.7] * 3
    assert ended.ending is Ending.STUCK
    assert ended.result == (
        "You called look 3 times in the same way and got the same result. "
        'It was look(place="a"), and the last answer was: nothing in a. This was pointed out 2 times.'
    )
    loop = Loop("call", 3, ('look(place="a")',), "nothing in a")
    assert (first.loop, second.loop, ended.loop) == (loop, loop, loop)


async def test_a_call_that_tells_something_new_takes_the_temperature_down_again(stage: Stage) -> None:
    model = ScriptedModel([*calls(*[(look, "a")] * 6, (look, "b"), (look, "c")), "done"])
    await run(stage, (), model, temperature=0.5)
    assert [request.temperature for request in model.requests] == [0.5] * 6 + [0.8, 0.5, 0.5]


async def test_a_loop_that_was_left_behind_is_not_held_against_the_next(stage: Stage) -> None:
    rounds = [*[(look, "a")] * 3, *((look, f"{n}") for n in range(LEFT_BEHIND))]
    again = [*[(look, "b")] * 3, *((look, f"again {n}") for n in range(LEFT_BEHIND)), *[(look, "c")] * 3]
    ended = await run(stage, calls(*rounds, *again))
    assert ended.ending is Ending.FINISHED
    assert len(stage.events(Nudged)) == 3
    assert all("You were told before" not in nudge.text for nudge in stage.events(Nudged))


async def test_a_loop_that_fails_is_told_with_its_error(stage: Stage) -> None:
    await run(stage, calls(*[(fails, f"{n}") for n in range(3)]))
    nudge = stage.events(Nudged)[0]
    assert nudge.text.startswith(
        "fails failed 3 times in a row in the same way. It said: FileNotFoundError: there is no place like"
    )
    assert nudge.loop.signal == "error"
    assert nudge.loop.calls == tuple(f'fails(place="{n}")' for n in range(3))


async def test_a_cycle_names_every_call_of_it(stage: Stage) -> None:
    await run(stage, calls(*[(look, "a"), (fails, "b")] * 3, (look, "c")))
    (nudge,) = stage.events(Nudged)
    assert "the same round of calls (look, fails) 3 times with the same results" in nudge.text
    assert nudge.loop == Loop(
        "cycle",
        3,
        ('look(place="a")', 'fails(place="b")'),
        "FileNotFoundError: there is no place like 'b'",
    )


# --- arguments that do not fit


def unfit(count: int, name: str = "add") -> list[ToolCall]:
    """Calls that are wrong in another way each time."""
    return [ToolCall(f"u{n}", name, {"a": f"x{n}", f"b{n}": n}) for n in range(count)]


async def test_arguments_that_do_not_fit_three_times_end_the_run_after_one_warning(stage: Stage) -> None:
    model = ScriptedModel([*unfit(12), "done"])
    ended = await run(stage, (), model)
    first, *_ = stage.events(CallFinished)
    assert "argument a: Input should be a valid integer" in first.result.text
    assert (
        '. add takes: {"additionalProperties": false, "properties": {"a": {"type": "integer"}'
        in first.result.text
    )
    (nudge,) = stage.events(Nudged)
    assert nudge.text.startswith("2 answers in a row called add in a way in which it cannot run. It said: ")
    assert "Once more ends the run" in nudge.text
    assert (ended.ending, len(model.requests)) == (Ending.STUCK, 3)
    assert ended.loop.signal == "misfit"
    assert [request.temperature for request in model.requests] == [0.0, 0.0, 0.7]


async def test_a_call_that_fits_or_another_tool_begins_the_count_anew(stage: Stage) -> None:
    fits = ToolCall("f", "add", {"a": 1, "b": 2})
    script = [*unfit(2), fits, *unfit(2, "look"), *unfit(2), fits]
    assert (await run(stage, script)).ending is Ending.FINISHED
    assert len(stage.events(Nudged)) == 3


async def test_calls_of_one_answer_are_one_strike(stage: Stage) -> None:
    assert (await run(stage, [unfit(5), ToolCall("f", "add", {"a": 1, "b": 2})])).ending is Ending.FINISHED
    assert stage.events(Nudged) == []


async def test_a_model_that_is_shown_names_is_told_names(stage: Stage) -> None:
    profile = ModelProfile(context_window=100_000, shows_schemas=False)
    await run(stage, (), ScriptedModel([*unfit(1), "done"], profile=profile))
    assert stage.events(CallFinished)[0].result.text.endswith(". add takes: add(a, b)")


# --- a larger model


def larger(*script: Any, window: int = 1_000_000, price: Price | None = None) -> tuple[Larger, ScriptedModel]:
    other = ScriptedModel(script, name="scripted:larger", profile=ModelProfile(window, max_output_tokens=500))

    async def make() -> ScriptedModel:
        made.append(other)
        return other

    made: list[ScriptedModel] = []
    return Larger(make, price), other


async def test_a_larger_model_is_asked_once_words_did_not_help_until_something_is_new(stage: Stage) -> None:
    # a script goes on where the conversation is
    model = ScriptedModel([*calls(*[(look, "a")] * 6), *["unused"] * 2, "done"])
    way_out, other = larger(
        *["unused"] * 6, *calls((look, "a"), (look, "b")), price=Price(Decimal(3), Decimal(15))
    )
    ended = await run(stage, (), model, larger=way_out, price=Price(Decimal(1), Decimal(1)))
    assert ended.ending is Ending.FINISHED
    assert (len(model.requests), len(other.requests)) == (7, 2)
    assert other.requests[0].temperature == 0.0
    assert [asked.model for asked in stage.events(ModelAsked)] == [*[""] * 6, *["scripted:larger"] * 2, ""]
    first, *_, last, _ = stage.events(ModelAnswered)
    assert first.cost == Price(Decimal(1), Decimal(1)).of(first.usage)
    assert last.cost == Price(Decimal(3), Decimal(15)).of(last.usage)
    assert other.closed is False
    await way_out.aclose()
    assert other.closed


async def test_a_larger_model_that_cannot_take_the_request_is_not_asked(stage: Stage) -> None:
    model = ScriptedModel([*calls(*[(look, "a")] * 9)])
    way_out, other = larger("unused", window=600)
    assert (await run(stage, (), model, larger=way_out)).ending is Ending.STUCK
    assert other.requests == []
    assert model.requests[-1].temperature == 0.7


async def test_a_larger_model_is_not_made_where_there_is_no_loop(stage: Stage) -> None:
    async def make() -> ScriptedModel:
        raise AssertionError("it was made")

    assert (await run(stage, calls((look, "a")), larger=Larger(make))).ending is Ending.FINISHED


# --- nothing new


WANDERING = "abcacbabcbacbcabacbc"
"""No round of it comes three times in a row."""


async def test_calls_that_tell_nothing_new_are_a_loop_in_whatever_order(stage: Stage) -> None:
    await run(stage, calls(*((look, place) for place in WANDERING[:13]), (look, "d")))
    (nudge,) = stage.events(Nudged)
    assert nudge.loop.signal == "nothing new"
    assert nudge.loop.times == NOTHING_NEW
    assert nudge.text.startswith("Your last 10 calls told you nothing new and changed nothing. Doing it")
    assert len(stage.events(CallFinished)) == 14


async def test_a_changed_file_is_something_new(stage: Stage) -> None:
    both = [row for place in WANDERING for row in ((look, place), (add_line, "a.txt"))]
    await run(stage, calls(*both))
    assert stage.events(Nudged) == []


async def test_to_look_again_at_what_left_the_view_is_no_loop(stage: Stage) -> None:
    places = WANDERING[:13]
    model = ScriptedModel([*calls(*((look, place) for place in places)), "done"])

    def relieved() -> str:
        if len(agent.state.attempts) == 8 and not agent.state.compactions:
            event = compact(agent.state, model, agent.offered(), stage.log.keep)
            assert event is not None
            agent.record(event)
        return ""

    agent = stage.agent(model, *TOOLS, hear=relieved)
    await agent.run(stage.start())
    assert agent.state.compactions
    assert stage.events(Nudged) == []


# --- what is no loop


async def test_a_tool_that_polls_may_be_called_for_ever(stage: Stage) -> None:
    ended = await run(stage, calls(*[(look_at_job, "build")] * 40))
    assert (ended.ending, stage.events(Nudged)) == (Ending.FINISHED, [])


async def test_polling_breaks_no_loop_up_around_it(stage: Stage) -> None:
    await run(stage, calls(*[(look_at_job, "build"), (look, "a"), (look, "a"), (look, "a")] * 2))
    assert [nudge.loop.calls for nudge in stage.events(Nudged)] == [('look(place="a")',)] * 2


@pytest.mark.parametrize("batch", [(), ("look",)])
async def test_a_batch_that_the_person_declared_is_no_loop(stage: Stage, batch: tuple[str, ...]) -> None:
    ended = await run(stage, calls(*[(look, "a")] * 20), batch=batch)
    assert ended.ending is (Ending.FINISHED if batch else Ending.STUCK)


# --- answers that call nothing


async def test_the_last_try_at_a_usable_answer_is_made_at_a_higher_temperature(stage: Stage) -> None:
    broken = [MalformedCall(f"c{n}", "look", "{", "cut off") for n in range(9)]
    model = ScriptedModel(broken)
    ended = await run(stage, (), model)
    assert ended.ending is Ending.STUCK
    assert [request.temperature for request in model.requests] == [0.0, 0.0, 0.7]
    assert ended.result.startswith(
        "3 answers in a row could not be used. The last answer was: this call could"
    )
    assert ended.loop.signal == "no call"


async def test_words_empty_answers_and_objections_together_end_too(stage: Stage) -> None:
    async def check() -> Finding:
        return Finding("the check passes", holds=False, found="2 failed")

    empty = Answer(AssistantMessage(""))
    ended = await run(stage, ["done", empty, "done", empty, "done"], check=check)
    assert ended.ending is Ending.STUCK
    assert (ended.loop.signal, ended.loop.times) == ("no call", 4)


# --- chanting


class Chanting(ScriptedModel):
    """Streams what it is given, in pieces, and counts what was drawn of it."""

    def __init__(self, *streams: Sequence[Any], piece: int = 7) -> None:
        super().__init__(["unused"])
        self.streams, self.piece = list(streams), piece
        self.characters = 0
        self.closed_at: list[int] = []

    async def stream(self, request: ModelRequest) -> AsyncIterator[Any]:
        self.requests.append(request)
        try:
            for part in self.streams.pop(0):
                if not isinstance(part, str):
                    yield part
                    continue
                for start in range(0, len(part), self.piece):
                    self.characters += self.piece
                    yield TextDelta(part[start : start + self.piece])
        finally:
            self.closed_at.append(self.characters)


def answer(text: str) -> Answer:
    return Answer(AssistantMessage(text))


async def test_an_answer_that_goes_round_and_round_is_cut_off_and_told(stage: Stage) -> None:
    words = "I will look at it. "
    model = Chanting(["First: " + words * 10_000], ["fine", answer("fine")])
    ended = await run(stage, (), model)
    assert model.closed_at[0] <= SHORTEST + EVERY + 100
    cut = stage.events(ModelAnswered)[0]
    assert cut.finish == "chant"
    assert cut.message.text == f"First: {words}{words}".rstrip() + "…"
    assert cut.loop.signal == "chant"
    assert SHORTEST // len(words) <= cut.loop.times <= (SHORTEST + EVERY + 100) // len(words)
    asked = stage.events(ModelAsked)[0]
    assert 0 < cut.usage.total <= asked.reserved_tokens
    assert cut.usage.input_tokens == model.estimate(model.requests[0])
    (nudge,) = stage.events(Nudged)
    assert "said the same" in nudge.text
    assert "(I will look at it.)" in nudge.text
    assert nudge.loop == cut.loop
    assert ended.result == "fine"


async def test_chanting_three_times_ends_the_run_with_the_words(stage: Stage) -> None:
    model = Chanting(*[["no. " * 1000]] * 5)
    ended = await run(stage, (), model)
    assert ended.ending is Ending.STUCK
    assert len(model.requests) == 3
    assert [request.temperature for request in model.requests] == [0.0, 0.0, 0.7]
    assert ended.loop.signal == "chant"
    assert ended.result == "3 answers in a row could not be used. The last answer was: no."


async def test_an_answer_that_began_anew_is_looked_at_anew(stage: Stage) -> None:
    half = "so so " * (SHORTEST // 12)
    model = Chanting([half, StreamRestarted("it broke"), half, answer(half)])
    ended = await run(stage, (), model)
    assert ended.result == half


@given(st.text("ab \n", min_size=1, max_size=40), st.integers(0, 60), st.text("xyz", max_size=300))
def test_words_are_chanting_when_they_are_many_and_the_same(unit: str, times: int, before: str) -> None:
    found = chant(before + unit * times)
    repeated = len(unit) * times
    if repeated >= max(SHORTEST, TIMES * len(unit)):
        assert found is not None
        assert (
            found.unit * found.times
            == (before + unit * times)[found.start :][: len(found.unit) * found.times]
        )
        assert found.start <= len(before)
    elif not before and repeated < SHORTEST:
        assert found is None


@given(st.lists(st.integers(1, 50), min_size=1, max_size=300))
def test_it_is_found_for_every_chunking_within_a_look_or_two(sizes: list[int]) -> None:
    text, watch = "", Watch()
    for size in sizes * 20:
        text += "again and again "[len(text) % 16 :][:size]
        if watch.found_in(text):
            break
        if len(text) > SHORTEST + 2 * EVERY + 50:
            raise AssertionError("it went on")


@pytest.mark.parametrize(
    "text",
    [
        "=" * 200 + "\n",
        "".join(f"| {n} | {n * n} |\n" for n in range(400)),
        "0 " * 300,
        "".join(f"line {n}: all is well\n" for n in range(300)),
    ],
)
def test_rules_tables_and_counted_lines_are_no_chanting(text: str) -> None:
    assert all(chant(text[:end]) is None for end in range(0, len(text), 50))


def test_the_temperature_has_a_ceiling() -> None:
    stuck = RunState(loops=MOST_LOOP_NUDGES)
    assert raised(stuck, 0.0) == 0.7
    assert raised(stuck, 1.4) == 1.5
    assert raised(RunState(), 0.0) is None
