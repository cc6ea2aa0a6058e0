"""The real loop over cases, with scripted models."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.errors import ContextOverflow, ProviderDown, UsageError
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect
from agentkit.evaluation import After, Case, Task
from agentkit.evaluation.log import Row, Run, read_log
from agentkit.evaluation.runner import default_log, in_file_name, journal_of, model_name, run_task
from agentkit.journal.store import Journal
from agentkit.models.scripted import After as Later
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import Settings, load_settings
from agentkit.tooling.tool import tool


def write(text: str = "8") -> list[Any]:
    return [ToolCall("1", "write_file", {"path": "port.txt", "content": text}), "port.txt holds the port"]


def holds_port(after: After) -> bool:
    return after.files == {**after.before, "port.txt": "8"}


def case(name: str, **more: Any) -> Case:
    given: dict[str, Any] = {
        "family": "write",
        "check": holds_port,
        "files": {"config.ini": "port = 8"},
        **more,
    }
    return Case(id=name, goal=f"write the port ({name})", **given)


class Answering:
    """Plays a script for each case and remembers which were asked."""

    def __init__(self, **scripts: Sequence[Any]) -> None:
        self.scripts = scripts
        self.asked: list[str] = []
        self.models: list[ScriptedModel] = []

    def __call__(self, case: Case) -> ScriptedModel:
        self.asked.append(case.id)
        self.models.append(ScriptedModel(self.scripts.get(case.id, write())))
        return self.models[-1]


@pytest.fixture
def settings() -> Settings:
    return load_settings({"model": "scripted:test"})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run/log.jsonl"


async def test_each_case_works_on_a_copy_and_is_judged_by_what_it_leaves(
    settings: Settings, out: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.ini").write_text("port = 8")
    task = Task("ports", (case("right", folder=source, files={}), case("wrong", folder=source)))
    run = await run_task(task, settings, out, models=Answering(wrong=write("9")))
    assert {name: row.reached for name, row in run.rows.items()} == {"right": True, "wrong": False}
    assert run.rows["wrong"].why == "the check does not hold"
    assert run.rows["right"].steps == 2
    assert run.rows["right"].tokens > 0
    assert [path.name for path in source.iterdir()] == ["config.ini"]
    assert read_log(out) == run


async def test_each_case_has_a_journal_of_its_own(settings: Settings, out: Path) -> None:
    run = await run_task(Task("t", (case("a"), case("A/a"))), settings, out, models=Answering())
    for name, row in run.rows.items():
        with Journal.open(journal_of(out, name)) as journal:
            [recorded] = journal.runs()
            assert (recorded.run_id, recorded.goal) == (row.run, f"write the port ({name})")
    assert journal_of(out, "a") != journal_of(out, "A")


async def test_only_what_is_missing_is_run(settings: Settings, out: Path) -> None:
    task = Task("t", tuple(case(name) for name in "abc"))
    await run_task(task, settings, out, cases=task.cases[:1], models=Answering())
    rest, none = Answering(), Answering()
    run = await run_task(task, settings, out, models=rest)
    assert rest.asked == ["b", "c"]
    await run_task(task, settings, out, models=none)
    assert none.asked == []
    assert len(run.rows) == 3


async def test_a_finished_log_does_not_need_the_model(settings: Settings, out: Path) -> None:
    task = Task("t", (case("a"),))
    await run_task(task, settings, out, models=Answering())
    assert await run_task(task, settings, out)  # there is no script test


async def test_a_fault_of_the_service_is_an_error_and_tried_again(settings: Settings, out: Path) -> None:
    task = Task("t", (case("a"),))
    run = await run_task(task, settings, out, models=Answering(a=[ProviderDown("nobody answers")]))
    assert (run.rows["a"].reached, run.rows["a"].why) == (None, "ProviderDown: nobody answers")
    run = await run_task(task, settings, out, models=Answering())
    assert run.rows["a"].reached is True


async def test_a_window_that_is_full_is_the_agents_failure(settings: Settings, out: Path) -> None:
    run = await run_task(
        Task("t", (case("a"),)), settings, out, models=Answering(a=[ContextOverflow("long")])
    )
    assert run.rows["a"].reached is False


async def test_a_check_that_raises_is_an_error_and_the_others_go_on(settings: Settings, out: Path) -> None:
    def broken(after: After) -> bool:
        return bool(after.files["none.txt"])

    task = Task("t", (case("a", check=broken), case("b")))
    run = await run_task(task, settings, out, models=Answering())
    assert (run.rows["a"].reached, run.rows["a"].why) == (None, "KeyError: 'none.txt'")
    assert run.rows["b"].reached is True


async def test_a_check_that_takes_its_time_keeps_nobody_waiting(settings: Settings, out: Path) -> None:
    both = threading.Barrier(2)

    def check(after: After) -> bool:
        both.wait(timeout=60)  # for the other case's check, which comes only if this one does not block it
        return holds_port(after)

    task = Task("t", (case("a", check=check), case("b", check=check)))
    run = await run_task(task, settings, out, models=Answering(), parallel=2)
    assert [row.reached for row in run.rows.values()] == [True, True]


async def test_a_check_may_run_an_event_loop(settings: Settings, out: Path) -> None:
    async def judged(after: After) -> bool:
        return holds_port(after)

    task = Task("t", (case("a", check=lambda after: asyncio.run(judged(after))),))
    run = await run_task(task, settings, out, models=Answering())
    assert (run.rows["a"].reached, run.rows["a"].why) == (True, "")


async def test_a_check_sees_folders_answer_and_successful_calls(settings: Settings, out: Path) -> None:
    seen: list[After] = []

    def check(after: After) -> bool:
        seen.append(after)
        return True

    script = [
        ToolCall("1", "read_file", {"path": "missing.txt"}),
        ToolCall("2", "make_folder", {"path": "new"}),
        "made",
    ]
    await run_task(Task("t", (case("a", check=check),)), settings, out, models=Answering(a=script))
    [after] = seen
    assert after.folders == {"new"}
    assert after.answer == "made"
    assert after.calls == (("make_folder", {"path": "new"}),)


async def test_a_case_brings_tools_of_its_own(settings: Settings, out: Path) -> None:
    @tool(effect=Effect.PURE)
    def exchange_rate(currency: str) -> str:
        """Tell the rate."""
        return "1.08"

    script = [ToolCall("1", "exchange_rate", {"currency": "USD"}), "1.08"]
    own = case("own", tools=(exchange_rate,), check=lambda after: after.calls[0][0] == "exchange_rate")
    answering = Answering(own=script)
    run = await run_task(Task("t", (own, case("other"))), settings, out, models=answering)
    assert run.rows["own"].reached is True
    offered = [{spec.name for spec in model.requests[0].tools} for model in answering.models]
    assert ["exchange_rate" in names for names in offered] == [True, False]


@pytest.mark.parametrize("parallel", [1, 3])
async def test_so_many_cases_are_at_work_at_a_time(settings: Settings, out: Path, parallel: int) -> None:
    at_work: list[int] = []
    now = 0

    async def sleep(_seconds: float) -> None:
        nonlocal now
        now += 1
        at_work.append(now)
        await asyncio.sleep(0.02)
        now -= 1

    task = Task("t", tuple(case(str(number)) for number in range(6)))

    def models(_case: Case) -> ScriptedModel:
        return ScriptedModel([Later(1, write()[0]), "done"], sleep=sleep)

    await run_task(task, settings, out, models=models, parallel=parallel)
    assert max(at_work) == parallel


async def test_every_row_is_told_when_it_is_written(settings: Settings, out: Path) -> None:
    told: list[Row] = []
    run: Run = await run_task(
        Task("t", (case("a"), case("b"))), settings, out, models=Answering(), on_row=told.append
    )
    assert sorted(row.id for row in told) == sorted(run.rows)


async def test_another_model_does_not_go_on_with_the_log(settings: Settings, out: Path) -> None:
    task = Task("t", (case("a"),))
    await run_task(task, settings, out, models=Answering())
    with pytest.raises(UsageError, match="model 'scripted:test' there, 'openai:other' here"):
        await run_task(task, load_settings({"model": "openai:other"}), out, models=Answering())


async def test_an_altered_check_does_not_go_on_with_the_log(settings: Settings, out: Path) -> None:
    await run_task(Task("t", (case("a"),)), settings, out, models=Answering())
    altered = Task("t", (case("a", check=lambda after: "port.txt" in after.files),))
    with pytest.raises(UsageError, match=r"cases .* there"):
        await run_task(altered, settings, out, models=Answering())


async def test_a_secret_in_an_answer_stays_out_of_the_log(
    settings: Settings, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "correct-horse-battery")
    script = [*write()[:1], "the key is correct-horse-battery"]
    run = await run_task(Task("t", (case("a"),)), settings, out, models=Answering(a=script))
    assert run.rows["a"].reached is True
    assert read_log(out).rows["a"].answer == run.rows["a"].answer == "the key is [secret:SHOP_API_KEY]"


async def test_a_fault_of_the_log_ends_it_all(settings: Settings, out: Path) -> None:
    def full(_row: Row) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        await run_task(Task("t", (case("a"), case("b"))), settings, out, models=Answering(), on_row=full)


def test_the_log_nobody_named_is_another_for_other_cases_settings_and_models(settings: Settings) -> None:
    logs = [
        default_log(Task("my task", (case("a"),)), settings),
        default_log(Task("my task", (case("b"),)), settings),
        default_log(Task("my task", (case("a"),)), settings.replacing(max_steps=3)),
        default_log(Task("my task", (case("a"),)), settings.replacing(model="openai:x")),
    ]
    assert len(set(logs)) == 4
    assert default_log(Task("my task", (case("a"),)), settings) == logs[0]
    assert logs[0].parent == settings.journal.parent / "evals"
    assert logs[0].name.startswith("my-task-scripted-test-")


def test_file_names_are_harmless() -> None:
    assert in_file_name("../a b:c/..") == "a-b-c"


def test_one_adapter_on_two_entries_is_two_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").write_text("x")
    monkeypatch.chdir(tmp_path)
    names = [
        model_name(load_settings({"model": f"local:{name}+own"})) for name in ("smollm2", "smollm2-base")
    ]
    assert names == [f"local:smollm2+{tmp_path}/own", f"local:smollm2-base+{tmp_path}/own"]


async def test_a_row_tells_the_check_that_judged_it(settings: Settings, out: Path) -> None:
    other = case("b", check=lambda after: bool(after.answer))
    run = await run_task(Task("t", (case("a"), other, case("c"))), settings, out, models=Answering())
    checks = [read_log(out).rows[name].check for name in "abc"]
    assert checks[0] == checks[2] != checks[1]
    assert checks == [run.rows[name].check for name in "abc"]


def test_a_limit_in_money_without_a_price_is_refused_before_any_case(tmp_path: Path) -> None:
    settings = load_settings({"model": "openai:m", "max_cost": 1})
    with pytest.raises(UsageError, match="nobody said what openai:m costs"):
        asyncio.run(run_task(Task("t", (case("a"),)), settings, tmp_path / "log.jsonl"))
    assert list(tmp_path.iterdir()) == []
