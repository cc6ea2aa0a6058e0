"""From settings to a run: the one way in, for a new run and for one that goes on."""

import gc
import json
import os
import weakref
from pathlib import Path
from typing import Any

import pytest

from agentkit.assembly import (
    Surroundings,
    chosen_model,
    glance,
    resume_run,
    run_goal,
)
from agentkit.core.errors import (
    NoJournal,
    RunNotFound,
    SettingsError,
    UnknownModel,
    UsageError,
    WorkspaceError,
)
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    Ending,
    Event,
    ModelAnswered,
    RunEnded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Effect, Outcome
from agentkit.core.usage import Limits, Usage
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal
from agentkit.models.embedded import BY_REACH, SMALL_MACHINE, best_ready
from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel
from agentkit.python import arun, load_model, run
from agentkit.settings import Settings, load_settings
from agentkit.tooling.sandbox import Finished
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace

from .conftest import FakeSandbox, Watcher, add


@pytest.fixture
def choices(workspace: Path, tmp_path: Path) -> dict[str, Any]:
    return {"workspace": str(workspace), "journal": str(tmp_path / "journal.db")}


def script(tmp_path: Path, *lines: dict[str, Any]) -> str:
    path = tmp_path / "script.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return f"scripted:{path}"


def recorded(settings: Settings, run_id: str) -> list[Event]:
    with Journal.open(settings.journal) as journal:
        return [one.event for one in journal.events(run_id)]


# --- a new run


async def test_a_goal_is_reached_and_what_it_took_is_told(choices, tmp_path: Path) -> None:
    model = script(tmp_path, {"calls": [{"name": "list_files", "arguments": {}}]}, {"text": "none"})
    settings = load_settings({**choices, "model": model})
    outcome = await run_goal("what is here?", settings)
    assert (outcome.ended.ending, outcome.ended.result, outcome.steps) == (Ending.FINISHED, "none", 2)
    assert outcome.tokens > 0
    events = recorded(settings, outcome.run_id)
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert events[0].goal == "what is here?"
    assert "what is here?" in events[0].opening[-1].text


async def test_a_run_that_is_over_is_freed_without_a_search_for_it(choices) -> None:
    model = ScriptedModel([AssistantMessage("done")])
    freed = weakref.ref(model)
    gc.disable()
    try:
        await run_goal("x", load_settings(choices), Surroundings(model=model, log=MemoryLog()))
        del model
        assert freed() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("goal", ["", "  \n"])
async def test_an_empty_goal_is_refused_and_nothing_is_recorded(choices, goal: str) -> None:
    with pytest.raises(UsageError, match="the goal is empty"):
        await run_goal(goal, load_settings(choices))
    with pytest.raises(NoJournal):
        await resume_run("", load_settings(choices))


@pytest.mark.parametrize(
    ("changed", "fault", "told"),
    [
        ({"model": "nobody:x"}, UnknownModel, "no model 'nobody:x'"),
        ({"model": "scripted:/no/such"}, UsageError, "No such file"),
        ({"model": "scripted:x", "workspace": "/no/such"}, WorkspaceError, "there is no folder"),
        ({"model": "scripted:x", "deny": ["wirte_file"]}, SettingsError, "'wirte_file' names no tool"),
        *(
            ({"model": "scripted:x", "workspace": folder}, WorkspaceError, "workspace|whole")
            for folder in ("/", "/tmp", "/etc", "/usr", "/dev/shm")
        ),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_is_asked(
    choices, changed: dict[str, Any], fault: type[Exception], told: str
) -> None:
    with pytest.raises(fault, match=told):
        await run_goal("x", load_settings({**choices, **changed}))


async def test_arun_takes_a_model_tools_and_settings_by_name(choices) -> None:
    watcher = Watcher()
    model = ScriptedModel([ToolCall("c", "add", {"a": 1, "b": 1}), "two"])
    outcome = await arun("add", model=model, tools=[add], sinks=[watcher], max_steps=5, **choices)
    assert outcome.ended.result == "two"
    assert {"add", "read_file"} - {spec.name for spec in model.requests[0].tools} == {"read_file"}
    assert any(isinstance(event, CallFinished) for event in watcher.events)
    assert not model.closed  # it is the caller's


async def test_what_the_task_names_can_be_written_though_it_is_not_there(choices) -> None:
    model = ScriptedModel([ToolCall("c", "list_files", {}), "There is no brush."])
    (Path(choices["workspace"]) / "paint.py").write_text("")
    await arun("trash brush", model=model, **choices)
    for request in model.requests:
        [delete] = [spec for spec in request.tools if spec.name == "delete_file"]
        assert {"paint.py", "brush"} <= set(delete.choices["path"])


async def test_a_tool_of_the_caller_replaces_an_installed_one_of_its_name(choices) -> None:
    @tool(effect=Effect.READS)
    def list_files() -> str:
        """List."""
        return "mine"

    model = ScriptedModel([ToolCall("c", "list_files", {}), "ok"])
    watcher = Watcher()
    await arun("x", model=model, tools=[list_files], sinks=[watcher], **choices)
    assert [e.result.text for e in watcher.events if isinstance(e, CallFinished)] == ["mine"]


async def test_an_approver_is_asked_and_its_answer_counts(choices) -> None:
    @tool(effect=Effect.NETWORK)
    def send() -> str:
        """Send."""
        return "sent"

    async def yes(*_: object) -> bool:
        return True

    model = ScriptedModel([ToolCall("c", "send", {}), "ok"])
    outcome = await arun("x", model=model, tools=[send], approver=yes, **choices)
    assert outcome.ended.ending is Ending.FINISHED


def test_run_waits_for_the_end(choices, tmp_path: Path) -> None:
    assert run("x", model=script(tmp_path, {"text": "done"}), **choices).ended.result == "done"


async def test_run_waits_for_the_end_where_an_event_loop_runs_already(choices, tmp_path: Path) -> None:
    assert run("x", model=script(tmp_path, {"text": "done"}), **choices).ended.result == "done"


def test_a_model_is_loaded_by_name_or_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = script(tmp_path, {"text": "hello"})
    assert as_runnable(load_model(name)).invoke("hi") == "hello"
    monkeypatch.setenv("AGENTKIT_MODEL", name)
    assert load_model().name == name
    with pytest.raises(UnknownModel):
        load_model("nobody:x")


async def test_an_unknown_setting_is_refused(choices) -> None:
    with pytest.raises(SettingsError, match="max_stepz"):
        await arun("x", model=ScriptedModel(["a"]), max_stepz=3, **choices)


@pytest.mark.parametrize(
    ("finished", "holds", "found"),
    [
        (Finished(0, None, b"3 passed\n", 1.0), True, "exit status 0: 3 passed"),
        (Finished(2, None, b"a\n2 failed\n", 1.0), False, "exit status 2: 2 failed"),
        (Finished(None, "wall", b"", 600.0), False, "stopped: wall"),
        (Finished(1, None, b"\xff", 1.0), False, "exit status 1: \ufffd"),
    ],
)
async def test_the_check_runs_in_the_sandbox_and_decides(choices, finished, holds, found) -> None:
    sandbox = FakeSandbox([finished] * 5)
    around = Surroundings(model=ScriptedModel(["done"] * 5), sandbox=lambda: sandbox)
    outcome = await run_goal("x", load_settings({**choices, "check": "make test"}), around)
    assert sandbox.asked[0] == ["/bin/sh", "-c", "make test"]
    assert (outcome.ended.verified[0].holds, outcome.ended.verified[0].found) == (holds, found)
    assert outcome.ended.ending is (Ending.FINISHED if holds else Ending.CHECK_FAILED)


async def test_a_secret_of_the_environment_does_not_reach_the_journal(choices, tmp_path: Path) -> None:
    secret = "a-very-private-word-17"
    model = ScriptedModel([ToolCall("c", "write_file", {"path": "a", "content": secret}), f"it is {secret}"])
    around = Surroundings(model=model, environ={"MY_API_KEY": secret})
    settings = load_settings(choices)
    await run_goal(f"use {secret}", settings, around)
    # the files of the workspace are kept as they are, for nothing else could be put back
    names = [name for name in os.listdir(tmp_path) if name.startswith("journal.db")]
    files = [tmp_path / name for name in names if "-files" not in name]
    stored = b"".join(path.read_bytes() for path in files)
    assert secret.encode() not in stored
    assert b"[secret:MY_API_KEY]" in stored


def test_a_glance_names_the_first_files_and_how_many_more(workspace: Path) -> None:
    with Workspace.open(workspace) as opened:
        assert glance(opened) == "none"
        for number in range(35):
            (workspace / f"{number:02}").write_text("")
        assert glance(opened).startswith("00, 01, ")
        assert glance(opened).endswith(", and 5 more")


async def test_a_record_that_is_given_is_the_one_written_beside_a_journal_for_the_others(
    choices, tmp_path: Path
) -> None:
    settings = load_settings({**choices, "model": script(tmp_path, {"text": "ok"})})
    with Journal.open(settings.journal) as journal, journal.start() as given:
        around = Surroundings(log=given, runs=journal)
        await run_goal("x", settings, around)
        assert [run.run_id for run in journal.runs()] == [given.run_id]


# --- going on


async def killed(choices, tmp_path: Path, *after: Event, **changed: Any) -> tuple[str, Settings]:
    """A run that got as far as its first answer, and then `after`, and then its process died."""
    writes = {"name": "write_file", "arguments": {"path": "a", "content": "x"}}
    model = script(tmp_path, {"calls": [writes]}, {"text": "ok"})
    settings = load_settings({**choices, "model": model, **changed})
    call = ToolCall("call_1", "write_file", {"path": "a", "content": "x"})
    events = [ModelAnswered(1, AssistantMessage(calls=(call,)), Usage(5, 5), 0.1, "calls"), *after]
    log = MemoryLog()
    await run_goal("x", settings, Surroundings(log=log))
    with Journal.open(settings.journal) as journal, journal.start() as stored:
        for event in [log.events()[0].event, *events]:
            stored.append(event, durable=True)
        for text in (log.recall(log.events()[0].event.workspace_before),):
            stored.keep(text or "")
    (settings.workspace / "a").unlink(missing_ok=True)
    return stored.run_id, settings


async def test_a_resumed_run_goes_on_where_it_stood(choices, tmp_path: Path) -> None:
    run_id, settings = await killed(choices, tmp_path)
    outcome = await resume_run(run_id, settings)
    assert outcome.ended.ending is Ending.FINISHED
    assert (settings.workspace / "a").read_text() == "x"
    events = recorded(settings, run_id)
    assert [type(event) for event in events].count(RunStarted) == 1
    assert [type(event) for event in events].count(RunResumed) == 1


async def test_a_resumed_run_keeps_the_model_workspace_and_limits_it_began_with(
    choices, tmp_path: Path
) -> None:
    run_id, settings = await killed(choices, tmp_path, max_steps=7, max_tokens=90_000)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    now = load_settings({**choices, "model": "nobody:x", "workspace": str(elsewhere)})
    outcome = await resume_run(run_id[:20], now)
    assert outcome.ended.ending is Ending.FINISHED
    assert (settings.workspace / "a").exists()
    assert not (elsewhere / "a").exists()
    started = recorded(settings, run_id)[0]
    assert isinstance(started, RunStarted)
    assert started.limits == Limits(7, settings.max_seconds, 90_000)


async def test_a_resumed_run_does_not_forget_what_was_denied(choices, tmp_path: Path) -> None:
    run_id, settings = await killed(choices, tmp_path, deny=["write_file"])
    await resume_run(run_id, load_settings({**choices, "model": settings.model}))
    results = [e.result for e in recorded(settings, run_id) if isinstance(e, CallFinished)]
    assert [result.outcome for result in results] == [Outcome.DENIED]


async def test_a_step_in_doubt_that_may_be_done_twice_is_done_again(choices, tmp_path: Path) -> None:
    call = ToolCall("call_1", "write_file", {"path": "a", "content": "x"})
    intent = CallIntended(call, Effect.WRITES, idempotent=True)
    run_id, settings = await killed(choices, tmp_path, intent)
    await resume_run(run_id, settings)
    assert (settings.workspace / "a").read_text() == "x"


@pytest.mark.parametrize("ending", [Ending.FINISHED, Ending.GAVE_UP])
async def test_a_run_that_is_over_is_not_resumed(choices, tmp_path: Path, ending: Ending) -> None:
    run_id, settings = await killed(choices, tmp_path, RunEnded(ending, "it is done"))
    with pytest.raises(UsageError, match=rf"run {run_id} is over \({ending}\)"):
        await resume_run(run_id, settings)


async def test_a_run_that_ended_early_can_be_tried_again(choices, tmp_path: Path) -> None:
    run_id, settings = await killed(choices, tmp_path, RunEnded(Ending.MODEL_FAILED, "503"))
    assert (await resume_run(run_id, settings)).ended.ending is Ending.FINISHED


async def test_a_run_nobody_knows_cannot_be_resumed(choices) -> None:
    with pytest.raises(NoJournal):
        await resume_run("nope", load_settings(choices))
    Journal.open(load_settings(choices).journal).close()
    with pytest.raises(RunNotFound):
        await resume_run("nope", load_settings(choices))


# --- the model when nobody chose one


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for models with none in it."""
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def test_without_any_embedded_model_the_line_that_gets_one_is_told(choices, models: Path) -> None:
    assert best_ready() is None
    with pytest.raises(UnknownModel, match="agentkit models fetch"):
        chosen_model(load_settings({**choices, "model": "auto"}))


def test_a_chosen_model_is_taken_as_named(choices) -> None:
    assert chosen_model(load_settings({**choices, "model": "openai:x"})) == "openai:x"


@pytest.mark.parametrize(
    ("ready", "memory", "best"),
    [
        (set(BY_REACH), SMALL_MACHINE, BY_REACH[0]),
        (set(BY_REACH), SMALL_MACHINE - 1, BY_REACH[-1]),
        ({BY_REACH[-1]}, SMALL_MACHINE, BY_REACH[-1]),
        ({BY_REACH[0]}, SMALL_MACHINE - 1, None),
        (set(), SMALL_MACHINE, None),
    ],
)
def test_the_best_ready_model_that_fits_the_memory_is_taken(ready, memory, best) -> None:
    assert best_ready(memory, lambda name: name in ready) == best
