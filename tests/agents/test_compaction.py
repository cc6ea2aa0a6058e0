"""What leaves first, what is said of it, and how it comes back."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from agentkit.agents.compaction import compact, told, undo_compaction, window_after_refusal, window_of
from agentkit.agents.context import context_table
from agentkit.agents.episodes import episodes, superseded
from agentkit.agents.fold import fold
from agentkit.agents.state import RunState
from agentkit.core.errors import ContextOverflow
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    Compacted,
    Ending,
    Event,
    ModelAnswered,
    ModelAsked,
    PersonSaid,
    PersonStopped,
    RunStarted,
    handles_in,
)
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.protocols import ModelProfile, ModelRequest
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Usage
from agentkit.journal.memory import MemoryLog
from agentkit.models.scripted import ScriptedModel

from .conftest import Stage

MODEL = ScriptedModel(["done"], profile=ModelProfile(context_window=8000, max_output_tokens=500))


def reading(n: int, path: str, text: str, effect: Effect = Effect.READS) -> list[Event]:
    call = ToolCall(f"c{n}", "read_file", {"path": path})
    return [
        ModelAnswered(n, AssistantMessage(calls=(call,)), Usage(), 0.1, "calls"),
        CallIntended(call, effect, idempotent=True),
        CallFinished(ToolResult(call.id, call.name, Outcome.OK, text)),
    ]


def run_of(stage: Stage, *steps: list[Event]) -> RunState:
    for event in (stage.start(), *(event for step in steps for event in step)):
        stage.log.append(event)
    return fold(stage.log.events())


def texts(state: RunState) -> list[str]:
    return [message.text for message in state.view]


def compacted(stage: Stage, state: RunState, **given: Any) -> tuple[Compacted, RunState]:
    event = compact(state, MODEL, (), stage.log.keep, **given)
    assert event is not None
    return event, fold([stage.log.append(event)], state)


def long(name: str, lines: int = 100) -> str:
    return "".join(f"{name} {n}\n" for n in range(lines))


def test_older_results_are_cut_first_and_the_whole_stays_behind_their_handle(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", long(f"line of {n}")) for n in range(1, 13)))
    room = MODEL.estimate(ModelRequest(state.view)) - 1
    event, after = compacted(stage, state, room=room)
    assert not event.retold
    assert [one.place for one in event.left] == list(range(1, 24, 2))[: len(event.left)]
    for one in event.left:
        whole = state.said[one.place].text
        assert stage.log.recall(one.handle) == whole
        cut = after.view[one.place + 2].text
        assert cut.startswith(whole[:120])
        assert cut.endswith(whole[-60:])
        assert f"[{one.handle}: {len(whole) - 180} more characters, read_output shows them]" in cut
    assert handles_in(event) == tuple(one.handle for one in event.left)
    assert after.handles == handles_in(event)


def test_a_file_that_was_read_again_is_shown_once(stage: Stage) -> None:
    again = [reading(n, "same.txt", long(f"version {n}", 30)) for n in range(1, 10)]
    other = [reading(10, "other.txt", long("line", 30))]
    state = run_of(stage, *again, *other)
    event, after = compacted(stage, state)
    assert [one.place for one in event.left if one.superseded] == list(range(1, 16, 2))
    assert all(stage.log.recall(one.handle) == state.said[one.place].text for one in event.left)
    assert after.view[3].text == f"[{event.left[0].handle}: out of date or repeated, see the newer result]"
    assert texts(after)[-4:] == texts(state)[-4:]


def test_a_short_result_is_not_replaced_by_a_longer_note(stage: Stage) -> None:
    state = run_of(
        stage, *(reading(n, "same.txt", "short") for n in range(1, 12)), reading(12, "b", long("b"))
    )
    event, _ = compacted(stage, state)
    assert event.left == ()


def test_a_part_of_a_file_is_dropped_when_a_newer_look_shows_all_of_it(stage: Stage) -> None:
    parts = [reading(1, "a.txt", long("row", 10)), reading(2, "b.txt", long("row", 9))]
    state = run_of(stage, *parts, reading(3, "a.txt", long("row", 30)), reading(4, "c.txt", long("row", 40)))
    state = replace(
        state,
        attempts=tuple(
            replace(one, call=replace(one.call, arguments={**one.call.arguments, "lines": n}))
            for n, one in enumerate(state.attempts)
        ),
    )
    assert superseded(episodes(state)) == [1]


def test_the_oldest_steps_become_lines_that_name_call_outcome_and_handle(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", f"short {n}\nand more") for n in range(1, 30)))
    event, after = compacted(stage, state)
    assert not event.left
    first = event.retold[0]
    assert first.line == 'step 1 read_file(path="1.txt"): short 1…'
    assert "short 1\nand more" in str(stage.log.recall(first.handle))
    lines = after.view[2].text.splitlines()
    assert lines[0].startswith("[Earlier steps, shortened")
    assert lines[1] == f"- {first.line} [{first.handle}]"
    assert isinstance(after.view[-1], ToolMessage)
    assert texts(after)[-2:] == texts(state)[-2:]


def test_lines_become_one_line_whose_handle_holds_them(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", f"short {n}\nand more") for n in range(1, 60)))
    floor = MODEL.estimate(ModelRequest(state.opening))
    event, after = compacted(stage, state, room=floor + 700)
    joined = event.retold[-1]
    assert joined.lines
    text = stage.log.recall(joined.handle)
    assert text is not None
    assert len(text.splitlines()) == joined.lines
    assert 'step 1 read_file(path="1.txt"): short 1… [out-' in text
    assert f"- {joined.lines} older lines like these… [{joined.handle}]" in after.view[2].text
    # what stands behind the lines can still be opened
    assert set(handles_in(event)) == set(after.handles)
    assert len(handles_in(event)) > joined.lines


def test_a_compaction_says_what_left_and_what_stayed(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", long(f"line of {n}")) for n in range(1, 13)))
    event, after = compacted(stage, state)
    assert event.before == MODEL.estimate(ModelRequest(state.view))
    assert event.after == MODEL.estimate(ModelRequest(after.view)) < event.before
    assert event.whole == sum(message in state.messages for message in after.view)
    cut = len(event.left)
    assert told(event) == (
        f"{cut} older results cut to the ends; {event.whole} messages stay whole; "
        f"{event.before:,} to {event.after:,} tokens"
    )


def test_a_compaction_is_undone_one_by_one(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", long(f"line of {n}")) for n in range(1, 13)))
    _, once = compacted(stage, state)
    _, twice = compacted(stage, once)
    assert len({len(str(texts(one))) for one in (state, once, twice)}) == 3
    for expected in (once, state):
        undone = undo_compaction(twice, MODEL)
        assert undone is not None
        twice = fold([stage.log.append(undone)], twice)
        assert twice.view == expected.view
        assert undone.after == MODEL.estimate(ModelRequest(expected.view))
    assert undo_compaction(twice, MODEL) is None


def test_what_is_said_after_an_undoing_follows_it(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", long(f"line of {n}")) for n in range(1, 13)))
    _, after = compacted(stage, state)
    undone = undo_compaction(after, MODEL)
    assert undone is not None
    later = [undone, *reading(7, "7.txt", "seven")]
    after = fold([stage.log.append(event) for event in later], after)
    assert after.view == after.messages
    assert texts(after)[-1] == "seven"


def test_a_summary_of_ones_own_takes_the_place_of_the_lines(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", f"short {n}\nand more") for n in range(1, 30)))
    event = compact(state, MODEL, (), stage.log.keep, line=lambda episode: f"looked at {episode.first}…")
    assert event is not None
    assert event.retold[0].line == "looked at 0…"
    assert "short 1\nand more" in str(stage.log.recall(event.retold[0].handle))


def test_calls_that_a_person_stopped_leave_with_their_answer_and_shift_no_number(stage: Stage) -> None:
    first, second = ToolCall("a", "add", {"a": 1}), ToolCall("b", "add", {"a": 2})
    stopped = [
        ModelAnswered(1, AssistantMessage(calls=(first, second)), Usage(), 0.1, "calls"),
        CallIntended(first, Effect.PURE, idempotent=True),
        CallFinished(ToolResult("a", "add", Outcome.OK, "1")),
        PersonStopped(""),
        PersonSaid("go on"),
    ]
    state = run_of(stage, stopped, *(reading(n, f"{n}.txt", f"short {n}\nand more") for n in range(2, 30)))
    event, after = compacted(stage, state)
    assert (
        event.retold[0].line == "step 1 add(a=1): 1; add: add did not run: the person stopped the work first"
    )
    assert event.retold[1].line.startswith('step 2 read_file(path="2.txt")')
    assert any(message.text.endswith("go on") for message in after.view)


def test_nothing_is_left_out_where_nothing_can_be_won(stage: Stage) -> None:
    assert compact(run_of(stage), MODEL, (), stage.log.keep) is None
    assert compact(fold(stage.log.events()), MODEL, (), stage.log.keep, room=1) is None


def test_the_table_adds_up_to_the_request(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", long(f"line of {n}")) for n in range(1, 13)))
    _, after = compacted(stage, state)
    tools = stage.agent(MODEL).offered()
    table = context_table(after, MODEL, tools)
    assert table.used == MODEL.estimate(ModelRequest(after.view, tools))
    assert sum(row.tokens for row in table.rows) == table.used
    assert (table.room, table.answer) == (7500, 500)
    counts = {row.what: row.count for row in table.rows}
    assert counts["tools"] == len(tools)
    assert counts["results"] + counts["results cut to their ends"] == 12
    assert counts["system"] == counts["task"] == 1


# --- in a run


async def test_pinned_parts_that_do_not_fit_end_the_run_with_what_would_help(stage: Stage) -> None:
    model = ScriptedModel(["done"], profile=ModelProfile(context_window=900, max_output_tokens=100))
    ended = await stage.agent(model).run(stage.start("x" * 3000))
    assert ended.ending is Ending.MODEL_FAILED
    assert "scripted:test takes 800 tokens beside its answer" in ended.result
    assert "use a model with a larger window" in ended.result
    assert model.requests == []


async def test_between_two_compactions_every_request_begins_with_the_one_before(stage: Stage) -> None:
    for n in range(20):
        (stage.root / f"{n}.txt").write_text(long(f"line of {n}", 100))
    calls = [ToolCall(f"c{n}", "read_file", {"path": f"{n}.txt"}) for n in range(20)]
    profile = ModelProfile(context_window=9000, max_output_tokens=500)
    model = ScriptedModel([*calls, "done"], profile=profile)
    await stage.agent(model).run(stage.start())
    breaks = [
        number
        for number, (one, two) in enumerate(pairwise(model.requests), 1)
        if two.messages[: len(one.messages)] != one.messages
    ]
    asked = 0
    compacted_before: list[int] = []
    for recorded in stage.log.events():
        asked += isinstance(recorded.event, ModelAsked)
        if isinstance(recorded.event, Compacted):
            compacted_before.append(asked)
    assert breaks == compacted_before
    # half of the room is free after each, so they are few
    assert 1 <= len(breaks) <= 4


async def test_read_output_is_offered_once_something_was_left_out(stage: Stage) -> None:
    for n in range(8):
        (stage.root / f"{n}.txt").write_text(long(f"line of {n}", 300))
    calls = [ToolCall(f"c{n}", "read_file", {"path": f"{n}.txt"}) for n in range(8)]

    def recall(request: ModelRequest) -> ToolCall:
        handle = next(tool for tool in request.tools if tool.name == "read_output").choices["handle"][0]
        return ToolCall("again", "read_output", {"handle": handle, "pattern": "line of 0 150"})

    profile = ModelProfile(context_window=9000, max_output_tokens=500)
    model = ScriptedModel([*calls, recall, "done"], profile=profile)
    await stage.agent(model).run(stage.start())
    offered = [{tool.name for tool in request.tools} for request in model.requests]
    assert "read_output" not in offered[0]
    assert "read_output" in offered[-1]
    assert stage.events(CallFinished)[-1].result.text == "151: line of 0 150\n[1 match]"


async def test_a_window_that_was_learnt_holds_for_the_rest_of_the_run_and_not_for_another_model(
    stage: Stage,
) -> None:
    calls = [ToolCall(f"c{n}", "read_file", {"path": f"{n}.txt"}) for n in range(12)]
    for n in range(12):
        (stage.root / f"{n}.txt").write_text(long(f"line of {n}", 150))
    profile = ModelProfile(context_window=100_000, max_output_tokens=400)
    model = ScriptedModel([*calls[:6], ContextOverflow("too long"), *calls[6:], "done"], profile=profile)
    await stage.agent(model).run(stage.start())
    first, *later = stage.events(Compacted)
    assert [event.reason for event in later][:1] == ["full"]
    sizes = [model.estimate(request) + request.max_tokens for request in model.requests]
    assert sizes[6] > first.window
    assert all(size <= first.window for size in sizes[7:])
    events = [recorded.event for recorded in stage.log.events()]
    assert isinstance(events[0], RunStarted)
    assert fold(stage.log.events()).window == first.window
    forked = MemoryLog(events=[replace(events[0], model="other:model"), *events[1:]])
    assert fold(forked.events()).window == 0


def test_the_room_for_an_answer_shrinks_with_the_window() -> None:
    profile = ModelProfile(context_window=8000, max_output_tokens=1000)
    assert _pair(window_of(profile)) == (7000, 1000)
    assert _pair(window_of(profile, 2000)) == (1500, 500)
    assert _pair(window_of(profile, 9000)) == (7000, 1000)


def _pair(window: Any) -> Sequence[int]:
    return window.input, window.output


@pytest.mark.parametrize(("told_window", "expected"), [(4096, 4096), (0, 5000), (20_000, 5000)])
def test_what_a_refusal_tells_of_the_window(told_window: int, expected: int) -> None:
    assert window_after_refusal(10_000, told_window) == expected


def test_the_opening_is_what_it_was(stage: Stage) -> None:
    state = run_of(stage, *(reading(n, f"{n}.txt", long(f"line of {n}")) for n in range(1, 13)))
    _, after = compacted(stage, state)
    assert after.view[:2] == (SystemMessage("You work."), UserMessage("do it"))
    assert [event.step for event in stage.events(ModelAsked)] == []
