"""Whatever a model says, a person answers and a kill cuts off: the record comes out again."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.agents.replay import replay
from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.errors import ModelError, RateLimited, UsageError
from agentkit.core.events import Recorded
from agentkit.core.messages import MalformedCall, ToolCall
from agentkit.journal.memory import MemoryLog
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit.tooling.dispatch import Reply

from .test_golden import TOOLS

NAMED = {one.name: one for one in TOOLS}
SCHEMA = '{"type": "object", "required": ["port"]}'

paths = st.sampled_from(["a.txt", "b/c.txt", "no.txt", "../out.txt", ""])
texts = st.sampled_from(["x", "y" * 9000, "line\n" * 3])
right: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "add": st.fixed_dictionaries({"a": st.integers(0, 3), "b": st.just(1)}),
    "read": st.fixed_dictionaries({"path": paths}),
    "write": st.fixed_dictionaries({"path": paths, "text": texts}),
    "extend": st.fixed_dictionaries({"path": paths, "text": texts}),
    "send": st.fixed_dictionaries({"text": texts}),
    "finish": st.fixed_dictionaries(
        {"result": st.sampled_from(["done", '{"port": 1}']), "reached": st.booleans()}
    ),
}
names = st.sampled_from([*right, *right, "nothing"])
ids = st.sampled_from(["c1", "c2", "c3", "c4"])
calls = names.flatmap(
    lambda name: st.builds(ToolCall, ids, st.just(name), right.get(name, st.just({})) | st.just({"a": 1}))
)
some_calls = st.lists(calls, min_size=1, max_size=3, unique_by=lambda one: one.id)
rarely: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["done", '{"port": 80}', "", "a.txt and config.ini are right"]),
    st.builds(MalformedCall, st.just("m1"), st.just("add"), st.just("{"), st.just("cut off")),
    st.sampled_from([ModelError("it fell silent"), RateLimited("too often")]),
)
answers = st.one_of(some_calls, some_calls, some_calls, rarely)
words = st.lists(st.sampled_from(["add", "read", "write", "extend", "send", "network", "writes"]), max_size=2)
chosen = st.fixed_dictionaries(
    {},
    optional={
        "approve": st.sampled_from(["read", "ask", "auto", "all"]),
        "deny": words,
        "ask": words,
        "allow": words,
        "max_steps": st.integers(2, 9),
        "max_tokens": st.integers(1000, 30_000),
        "strategy": st.sampled_from(["plan-and-execute", "reflexion"]),
        "output_schema": st.just("schema.json"),
    },
)
replies = st.sampled_from([None, True, False, Reply(False, "not now"), Reply(True, arguments={"text": "hi"})])


async def one_run(
    folder: Path, script: Sequence[Any], flags: dict[str, Any], more: dict[str, Any], reply: Any, cut: int
) -> Sequence[Recorded]:
    """A run that is killed after `cut` events and goes on with `more`, if it can."""
    (folder / "work").mkdir()
    (folder / "schema.json").write_text(SCHEMA)

    async def approver(*_: Any) -> Any:
        return reply

    def around(log: MemoryLog) -> Surroundings:
        return Surroundings(
            model=ScriptedModel([*script, *["done"] * 20]),
            tools=NAMED,
            log=log,
            approver=None if reply is None else approver,
        )

    def chosen_by(given: dict[str, Any]) -> Any:
        schema = {"output_schema": str(folder / "schema.json")} if "output_schema" in given else {}
        return load_settings({"workspace": str(folder / "work"), **given, **schema}, environ={}, cwd=folder)

    log = MemoryLog()
    await run_goal("write a.txt", chosen_by(flags), around(log))
    kept = list(log.events())[: max(1, cut)]
    again = MemoryLog(events=[one.event for one in kept])
    again._texts = log._texts
    try:
        await resume_run("memory", chosen_by(more), around(again))
    except UsageError:  # it was over
        return log.events()
    return again.events()


@given(st.lists(answers, min_size=1, max_size=8), chosen, chosen, replies, st.integers(1, 30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_run_comes_out_again(
    script: list[Any], flags: dict[str, Any], more: dict[str, Any], reply: Any, cut: int
) -> None:
    more.pop("strategy", None)
    with tempfile.TemporaryDirectory() as folder:
        events = asyncio.run(one_run(Path(folder), script, flags, more, reply, cut))
    done = asyncio.run(replay(events, NAMED))
    assert done.difference is None
    assert done.events == len(events)
