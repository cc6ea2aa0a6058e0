"""Goals and models from Python: any setting is a keyword argument, and an editor knows them all."""

import asyncio
import reprlib
from collections.abc import Iterable, Sequence
from typing import Unpack, cast

from agentkit.agents.pool import Pool
from agentkit.assembly import Outcome, Surroundings, make_model_of, run_goal
from agentkit.core.errors import UsageError
from agentkit.core.protocols import ChatModel, Sink
from agentkit.core.runnable.facade import waited
from agentkit.settings import load_settings
from agentkit.settings.given import Given
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.dispatch import Approver
from agentkit.tooling.tool import Tool


async def arun(
    goal: str,
    *,
    tools: Sequence[Tool] | None = None,
    model: ChatModel | str | None = None,
    sinks: Sequence[Sink] = (),
    approver: Approver | None = None,
    pool: Pool | None = None,
    **settings: Unpack[Given],
) -> Outcome:
    """Reach a goal from Python.

    Args:
        goal: What should be true at the end.
        tools: Offered beside the installed ones; one with an installed tool's name replaces it.
        model: A model, or the name of one; by default the one that the settings name.
        sinks: Watch the run.
        approver: Asked when policy says ask.
        pool: A ceiling that this run shares with others.
        settings: Any setting by its name: `workspace`, `max_steps`, `approve`, `check`, …

    Raises:
        UsageError: the goal is no text, or the model, the workspace, a rule or a setting cannot be used as
            named.
    """
    if not isinstance(cast("object", goal), str):
        raise UsageError(f"a goal is said in words; found {reprlib.repr(goal)}")
    named = {"model": model} if isinstance(model, str) else {}
    offered = {**installed_tools(), **_by_name(tools or ())}
    around = Surroundings(
        sinks=sinks,
        approver=approver,
        tools=offered,
        pool=pool,
        model=None if isinstance(model, str) else model,
    )
    return await run_goal(goal, load_settings({**settings, **named}, in_code=True), around)


def run(
    goal: str,
    *,
    tools: Sequence[Tool] | None = None,
    model: ChatModel | str | None = None,
    sinks: Sequence[Sink] = (),
    approver: Approver | None = None,
    pool: Pool | None = None,
    **settings: Unpack[Given],
) -> Outcome:
    """Reach a goal from Python and wait for it: `arun` for code that is not asynchronous.

    It works in a notebook as well, where an event loop runs already: that one stands still meanwhile.

    Raises:
        UsageError: as `arun` does.
    """

    async def reached() -> Outcome:
        return await arun(
            goal, tools=tools, model=model, sinks=sinks, approver=approver, pool=pool, **settings
        )

    return waited(reached) if _in_a_loop() else asyncio.run(reached())


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _by_name(tools: object) -> dict[str, Tool]:
    """The tools that a person gave, which may be anything.

    Raises:
        UsageError: one of them is none.
    """
    if isinstance(tools, Tool) or not isinstance(tools, Iterable):
        raise UsageError(f"tools must be a list of tools; found {reprlib.repr(tools)}")
    named: dict[str, Tool] = {}
    for one in cast("Iterable[object]", tools):
        if not isinstance(one, Tool):
            known = getattr(one, "__name__", reprlib.repr(one))
            advice = "write @tool above it (from agentkit import tool)"
            if isinstance(one, str):
                advice = "the installed tools are offered anyway, and packs=[...] names packs of more"
            raise UsageError(f"tools holds {known}, which is no tool; {advice}")
        named[one.name] = one
    return named


def load_model(model: str | None = None, **settings: Unpack[Given]) -> ChatModel:
    """The model of that name, ready to answer; without one, that which the settings name.

    Raises:
        UnknownModel: there is none by that name, or its weights are not here.
        MissingKey: its provider needs a key.
    """
    named = {"model": model} if model is not None else {}
    return make_model_of(load_settings({**settings, **named}, in_code=True))
