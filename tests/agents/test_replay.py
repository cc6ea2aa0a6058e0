"""A recorded run comes out again, event by event, and what does not is found."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agentkit.agents.fold import fold
from agentkit.agents.replay import Replayed, replay
from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.errors import ContextOverflow, ModelError, UsageError
from agentkit.core.events import (
    CallDecided,
    CallFinished,
    CallIntended,
    Compacted,
    Ending,
    FilesLeftOut,
    FilesSet,
    FilesSetting,
    ModelAsked,
    ModelFailed,
    Nudged,
    PersonSaid,
    PersonStopped,
    Recorded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits
from agentkit.journal.chain import encode
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoing import undo
from agentkit.tooling.tool import Tool, tool
from agentkit.tooling.work_clock import WorkClock
from agentkit.tooling.workspace import Workspace

from .test_golden import RUNS, TOOLS, call, finish
from .test_person import rest, stopped_in_step

NAMED = {one.name: one for one in TOOLS}


async def recorded(folder: Path, script: Sequence[Any], **flags: Any) -> list[Recorded]:
    """A run of this script, in a workspace in `folder`."""
    settings, around = setting(folder, script, **flags)
    run_id = (await run_goal(flags.pop("goal", "do it"), settings, around)).run_id
    return events_of(folder, run_id)


def setting(folder: Path, script: Sequence[Any], **flags: Any) -> tuple[Any, Surroundings]:
    (folder / "work").mkdir(exist_ok=True)
    around = {name: flags.pop(name) for name in ("approver", "environ") if name in flags}
    flags.pop("goal", None)
    settings = load_settings(
        {"workspace": str(folder / "work"), "journal": str(folder / "journal.db"), **flags}
    )
    return settings, Surroundings(model=ScriptedModel(script), tools=NAMED, **around)


def events_of(folder: Path, run_id: str) -> list[Recorded]:
    with Journal.open(folder / "journal.db") as journal:
        events, bodies = journal.stored(run_id)
    assert [encode(one.event) for one in events] == bodies
    return events


async def again(events: Sequence[Recorded], tools: Mapping[str, Tool] = NAMED) -> Replayed:
    return await replay(events, tools)


def swapped(events: Sequence[Recorded], kind: type, **changed: Any) -> tuple[list[Recorded], int]:
    """The record with the last event of a kind changed, and the number of that."""
    seq = max(one.seq for one in events if isinstance(one.event, kind))
    return [
        replace(one, event=replace(one.event, **changed)) if one.seq == seq else one for one in events
    ], seq


@pytest.mark.parametrize("name", RUNS)
async def test_every_kind_of_run_comes_out_again(name: str, tmp_path: Path) -> None:
    from .test_golden import events_of as golden_events

    (tmp_path / "work").mkdir()
    await golden_events(RUNS[name], tmp_path / "work", tmp_path)
    with Journal.open(tmp_path / "journal.db") as journal:
        (run,) = journal.runs()
        events, bodies = journal.stored(run.run_id)
    done = await replay(events, NAMED, bodies)
    assert (done.difference, done.events, done.rewritten) == (None, len(events), 0)
    assert done.unchecked == ()
    assert done.ended == events[-1].event
    assert done.steps == sum(isinstance(one.event, ModelAsked) for one in events)


async def test_nothing_runs_and_nothing_is_written(tmp_path: Path) -> None:
    ran: list[str] = []

    @tool(effect=Effect.WRITES)
    def touch(path: str) -> str:
        """Touch."""
        ran.append(path)
        return "touched"

    around = Surroundings(model=ScriptedModel([call("touch", path="a"), "done"]), tools={"touch": touch})
    settings, _ = setting(tmp_path, [])
    run_id = (await run_goal("touch a", settings, around)).run_id
    events = events_of(tmp_path, run_id)
    before = (tmp_path / "journal.db").read_bytes()
    assert (await again(events, {"touch": touch})).difference is None
    assert ran == ["a"]
    assert (tmp_path / "journal.db").read_bytes() == before


CHANGES: list[tuple[type, dict[str, Any]]] = [
    (ModelAsked, {"step": 7}),
    (CallIntended, {"effect": Effect.NETWORK}),
    (CallIntended, {"idempotent": False}),
    (CallIntended, {"call": ToolCall("c1", "write", {"path": "b.txt", "text": "x"})}),
    (RunEnded, {"ending": Ending.GAVE_UP}),
    (RunEnded, {"result": "another answer"}),
    (RunEnded, {"claimed": ()}),
]


@pytest.mark.parametrize(("kind", "changed"), CHANGES)
async def test_what_the_loop_would_not_do_is_found_where_it_stands(
    kind: type, changed: dict[str, Any], tmp_path: Path
) -> None:
    events = await recorded(tmp_path, [call("write", path="a.txt", text="x"), "a.txt is written"])
    other, seq = swapped(events, kind, **changed)
    done = await again(other)
    assert done.difference is not None
    assert (done.difference.seq, done.events) == (seq, seq - 1)
    assert done.difference.recorded == other[seq - 1].event
    assert done.difference.came == events[seq - 1].event


OTHER = (SystemMessage("You work otherwise."), UserMessage("do it"))


@pytest.mark.parametrize(
    ("kind", "changed"),
    [(RunStarted, {"opening": ()}), (RunStarted, {"opening": OTHER}), (ModelAsked, {"digest": "0" * 18})],
)
async def test_what_the_model_is_told_otherwise_is_found_at_its_request(
    kind: type, changed: dict[str, Any], tmp_path: Path
) -> None:
    events = await recorded(tmp_path, [call("write", path="a.txt", text="x"), "a.txt is written"])
    other, seq = swapped(events, kind, **changed)
    difference = (await again(other)).difference
    assert difference is not None
    assert isinstance(difference.recorded, ModelAsked)
    assert isinstance(difference.came, ModelAsked)
    assert difference.came.digest != difference.recorded.digest
    assert difference.seq == (seq if kind is ModelAsked else 2)


async def test_a_result_that_was_told_otherwise_is_found_at_the_next_request(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", a=1, b=1), "Two."])
    result = next(one.event.result for one in events if isinstance(one.event, CallFinished))
    other, seq = swapped(events, CallFinished, result=replace(result, text="3"))
    difference = (await again(other)).difference
    assert difference is not None
    assert isinstance(difference.recorded, ModelAsked)
    assert difference.seq > seq


async def test_a_record_without_digests_is_not_held_to_them(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", a=1, b=1), "Two."])
    older = [
        replace(one, event=replace(one.event, digest="")) if isinstance(one.event, ModelAsked) else one
        for one in events
    ]
    assert (await again(older)).difference is None


async def test_a_request_that_cannot_be_made_anew_is_listed_and_no_difference(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", a=1, b=1), "Two."])
    begun = replace(events[0], event=replace(events[0].event, opening=OTHER, forked_from="other@1"))
    done = await again([begun, *events[1:]])
    assert done.unchecked == ("the request of step 1",)
    assert done.difference is not None  # the second step is its own

    @tool(effect=Effect.READS, pinned=lambda _: "a file that is open")
    def look() -> str:
        """Look."""
        return "looked"

    done = await again(events, {**NAMED, "look": look})
    assert done.difference is None
    assert done.unchecked == ("the request of step 1", "the request of step 2")


async def test_an_event_too_many_or_too_few_is_found(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", a=1, b=n) for n in range(3)] + ["done"])
    for place, one in enumerate(events[1:-1], 1):
        fewer = [*events[:place], *events[place + 1 :]]
        assert (await again(fewer)).difference is not None, one
    doubled = [*events[:3], events[2], *events[3:]]
    assert (await again(doubled)).difference is not None


async def test_a_tool_that_takes_other_arguments_now_makes_a_difference(tmp_path: Path) -> None:
    @tool(name="write", effect=Effect.WRITES, idempotent=True)
    def narrower(path: str) -> str:
        """Write nothing."""
        return path

    events = await recorded(tmp_path, [call("write", path="a.txt", text="x"), "done"])
    difference = (await again(events, {**NAMED, "write": narrower})).difference
    assert difference is not None
    assert isinstance(difference.came, CallFinished)
    assert "text" in difference.came.result.text


async def test_a_rule_that_is_stricter_makes_a_difference(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("write", path="a.txt", text="x"), "done"])
    stricter = [replace(events[0], event=replace(events[0].event, deny=("write",))), *events[1:]]
    difference = (await again(stricter)).difference
    assert difference is not None
    assert isinstance(difference.recorded, CallIntended)
    assert isinstance(difference.came, CallDecided)


@pytest.mark.parametrize("allowed", [True, False])
async def test_what_the_person_said_is_taken_from_the_record(allowed: bool, tmp_path: Path) -> None:
    async def approver(*_: Any) -> bool:
        return allowed

    script = [call("send", text="hello"), call("finish", "c2", result="so it is", reached=allowed)]
    events = await recorded(tmp_path, script, approver=approver)
    assert any(isinstance(one.event, CallDecided) and one.event.by == "person" for one in events)
    assert (await again(events)).difference is None
    # and had nobody been asked, it could not have been sent
    unasked = [one for one in events if not isinstance(one.event, CallDecided)]
    renumbered = [replace(one, seq=seq) for seq, one in enumerate(unasked, 1)]
    assert (await again(renumbered)).difference is not None or not allowed


async def test_a_run_that_went_on_with_other_limits_and_rules_comes_out_again(tmp_path: Path) -> None:
    script = [*(call("add", f"c{n}", a=n, b=1) for n in range(2)), call("send", "c8", text="it"), "sent"]
    settings, around = setting(tmp_path, script, max_steps=2)
    run_id = (await run_goal("add", settings, around)).run_id
    more, around = setting(tmp_path, script, max_steps=9, allow=["send"])
    assert (await resume_run(run_id, more, around)).ended.ending is Ending.FINISHED
    events = events_of(tmp_path, run_id)
    (resumed,) = [one.event for one in events if isinstance(one.event, RunResumed)]
    assert (resumed.limits and resumed.limits.steps, resumed.allow) == (9, ("send",))
    done = await again(events)
    assert (done.difference, done.events) == (None, len(events))


async def test_a_record_that_breaks_off_anywhere_comes_out_as_far_as_it_goes(tmp_path: Path) -> None:
    script = [
        [call("write", "c1", path="a.txt", text="1"), call("nothing", "c2"), call("send", "c3", text="x")],
        call("read", "c4", path="a.txt"),
        "done",
    ]
    events = await recorded(tmp_path, script)
    for count in range(1, len(events) + 1):
        done = await again(events[:count])
        assert (done.difference, done.events) == (None, count)
        resumed = [*events[:count], Recorded(count + 1, events[count - 1].at, RunResumed(1))]
        assert (await again(resumed)).events == count + 1


async def test_a_model_that_failed_and_a_loop_come_out_again(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", a=1, b=1), ModelError("it fell silent")])
    assert isinstance(events[-2].event, ModelFailed)
    assert (await again(events)).difference is None
    (tmp_path / "b").mkdir()
    events = await recorded(tmp_path / "b", [call("add", f"c{n}", a=1, b=1) for n in range(12)])
    assert any(isinstance(one.event, Nudged) for one in events)
    assert (await again(events)).difference is None
    other, _ = swapped(events, Nudged, text="told otherwise")
    assert (await again(other)).difference is not None


async def test_a_view_that_was_cut_and_a_request_that_was_refused_come_out_again(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "long.txt").write_text("x" * 7000)
    reads = [call("read", f"c{n}", path="long.txt") for n in range(5)]
    events = await recorded(tmp_path, [*reads, ContextOverflow("too long"), *reads, "done"])
    assert {one.event.reason for one in events if isinstance(one.event, Compacted)} == {"overflow", "full"}
    assert (await again(events)).difference is None


@pytest.mark.parametrize("script", [["done"], [ContextOverflow("too long")]])
async def test_a_request_that_could_be_no_shorter_comes_out_again(script: list[Any], tmp_path: Path) -> None:
    settings, around = setting(tmp_path, script)
    if script == ["done"]:
        model = ScriptedModel(script, profile=ModelProfile(100, max_output_tokens=50))
        around = replaced(around, model=model)
    run_id = (await run_goal("do it", settings, around)).run_id
    events = events_of(tmp_path, run_id)
    assert "no shorter request can be made" in events[-1].event.result
    assert (await again(events)).difference is None


async def test_a_secret_that_was_not_recorded_is_not_missed(tmp_path: Path) -> None:
    key = "sk-" + "a1B2c3D4" * 5
    script = [call("write", path="a.txt", text=f"the key is {key}"), "done"]
    events = await recorded(tmp_path, script, environ={"MY_API_KEY": key})
    assert key not in str(events)
    done = await again(events)
    # and a request that held it has another digest now
    assert (done.difference, done.unchecked) == (None, ("write (c1)", "the request of step 2"))


async def test_a_tool_that_is_not_here_is_taken_as_recorded(tmp_path: Path) -> None:
    events = await recorded(
        tmp_path, [call("write", path="a.txt", text="x"), call("finish", "c2", result="x")]
    )
    done = await again(events, {"finish": finish})
    assert (done.difference, done.unchecked) == (None, ("write (c1)",))


class Slow:
    """Takes twenty seconds for each answer."""

    name = "scripted:slow"
    profile = ModelProfile(context_window=1_000_000)

    def __init__(self) -> None:
        self.now = 1e9

    async def stream(self, request: ModelRequest) -> AsyncIterator[Answer]:
        self.now += 20
        yield Answer(AssistantMessage(calls=(call("add", f"c{self.now}", a=int(self.now), b=1),)))

    def estimate(self, request: ModelRequest) -> int:
        return 10

    async def aclose(self) -> None:
        pass


async def test_time_that_ran_out_comes_out_again(stage) -> None:
    model = Slow()
    stage.log = MemoryLog(clock=lambda: model.now)
    agent = stage.agent(model, limits=Limits(seconds=50), clock=WorkClock(lambda: model.now))
    ended = await agent.run(stage.start(limits=Limits(seconds=50)))
    assert ended.ending is Ending.BUDGET
    assert (await again(stage.log.events())).difference is None
    less = [replace(one, at=1e9) for one in stage.log.events()]
    difference = (await again(less)).difference
    assert difference is not None
    assert isinstance(difference.recorded, Nudged)
    assert difference.recorded.reason == "budget"


@pytest.mark.parametrize("limit", [{"max_steps": 3}, {"max_tokens": 3000}, {"max_cost": 0.003}])
async def test_a_last_answer_at_a_limit_comes_out_again(tmp_path: Path, limit: dict[str, Any]) -> None:
    script = [call("add", f"c{n}", a=n, b=1) for n in range(9)]
    events = await recorded(tmp_path, script, prices="scripted:test=1/2", **limit)
    assert [one.event.reason for one in events if isinstance(one.event, Nudged)][-1] == "closing"
    assert (await again(events)).difference is None


async def test_a_wall_clock_that_jumps_is_no_time_at_work(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", f"c{n}", a=n, b=1) for n in range(3)] + ["done"])
    jumped = [replace(one, at=one.at + (10_000 if one.seq > 4 else 0)) for one in events]
    assert (await again(jumped)).difference is None


async def test_a_record_without_a_goal_is_refused() -> None:
    with pytest.raises(UsageError, match="holds no goal"):
        await again([])
    with pytest.raises(UsageError, match="holds no goal"):
        await again([Recorded(1, 1.0, Nudged("n", "x"))])


async def test_what_could_not_be_undone_and_what_was_undone_comes_out_again(tmp_path: Path) -> None:
    async def answers(_tool: Tool, call: ToolCall, _reason: str) -> bool:
        return call.id == "c2"

    (tmp_path / "work").mkdir()
    (tmp_path / "work/big").write_text("more than a megabyte" * 60_000)
    script = [
        call("extend", path="big", text="x"),
        call("extend", "c2", path="big", text="y"),
        call("write", "c3", path="small", text="z"),
        [call("write", "c4", path="small", text="a"), call("write", "c5", path="other", text="b")],
        "There is more to do.",
    ]
    given: dict[str, Any] = {"kept_file_mb": 1, "max_steps": 5, "approver": answers}
    settings, around = setting(tmp_path, script, **given)
    run_id = (await run_goal("do it", settings, around)).run_id
    with (
        Journal.open(tmp_path / "journal.db") as journal,
        journal.resume(run_id) as log,
        Workspace.open(tmp_path / "work") as workspace,
    ):
        assert undo(log, Snapshots(workspace, log.contents), 3).steps == (4,)
    settings, around = setting(
        tmp_path, [*script, call("finish", "c6", result="done")], **{**given, "max_steps": 9}
    )
    await resume_run(run_id, settings, around)
    events = events_of(tmp_path, run_id)
    kinds = [type(one.event) for one in events]
    assert {FilesLeftOut, FilesSetting, FilesSet} < set(kinds)
    assert kinds.count(CallDecided) == 2
    replayed = await again(events)
    assert (replayed.difference, replayed.rewritten) == (None, 0)
    with Journal.open(tmp_path / "journal.db") as journal:
        told = [m.text for m in fold(journal.events(run_id)).messages if isinstance(m, UserMessage)]
    assert any("The person undid what step 4 did" in text for text in told)


async def test_a_call_that_was_denied_because_it_could_not_be_undone_comes_out_again(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/big").write_text("more than a megabyte" * 60_000)
    events = await recorded(tmp_path, [call("extend", path="big", text="x"), "done"], kept_file_mb=1)
    (decided,) = [one.event for one in events if isinstance(one.event, CallDecided)]
    assert "could not be brought back" in decided.reason
    replayed = await again(events)
    assert (replayed.difference, replayed.rewritten) == (None, 0)


async def test_a_conversation_with_stops_and_words_in_between_comes_out_again(stage) -> None:
    @tool(effect=Effect.EXECUTES)
    async def wait() -> str:
        """Wait."""
        await asyncio.sleep(60)
        return "waited"

    heard = iter(["", "be brief", *[""] * 99])
    script = [
        call("add", a=1, b=1),
        "Two.",
        [call("wait", "c2"), call("add", "c3", a=2, b=2)],
        "I was stopped.",
        call("add", "c4", a=3, b=3),
        "Six.",
    ]
    agent = stage.agent(script, wait, hear=lambda: next(heard))
    await agent.run(stage.start())
    await agent.say("Wait a minute.")
    await agent.step()
    await stopped_in_step(agent)
    await agent.stop()
    for words in ("What happened?", "And three and three?"):
        await agent.say(words)
        await rest(agent)
    events = stage.log.events()
    assert {PersonSaid, PersonStopped} <= {type(one.event) for one in events}
    tools = {**installed_tools(), "add": NAMED["add"], "wait": wait}
    done = await again(events, tools)
    assert (done.difference, done.events) == (None, len(events))


async def test_events_that_say_the_same_in_other_bytes_are_counted(tmp_path: Path) -> None:
    events = await recorded(tmp_path, [call("add", a=1, b=1), "done"])
    older = [json.dumps(json.loads(encode(one.event))).encode() for one in events]
    done = await replay(events, NAMED, older)
    assert (done.difference, done.rewritten, done.events) == (None, len(events), len(events))


async def test_a_record_with_an_approval_mode_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    events = await recorded(tmp_path, ["done"])
    strange = [replace(events[0], event=replace(events[0].event, approve="never")), *events[1:]]
    with pytest.raises(UsageError, match="approval mode 'never'"):
        await again(strange)
