"""The only place that names concrete classes: from settings to a run.

Whoever runs goals goes through here (the terminal, an app, the example goals), so there is one way
in which a run is put together.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentkit.agents.loop import Agent
from agentkit.agents.review import Check
from agentkit.core.errors import SandboxUnavailable, UnknownModel, UsageError
from agentkit.core.events import Ending, Finding, RunEnded, RunResumed, RunStarted
from agentkit.core.protocols import ChatModel, RunLog, Sink
from agentkit.core.usage import Limits
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.journal.store import Journal
from agentkit.models.embedded import best_ready
from agentkit.models.registry import ModelOptions, make_model
from agentkit.prompts.library import load_prompt
from agentkit.settings import Settings, load_settings
from agentkit.settings.values import OriginKind
from agentkit.tooling.context import nobody_to_ask
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.dispatch import Approver
from agentkit.tooling.policy import Approve, Policy
from agentkit.tooling.sandbox import Limits as SandboxLimits
from agentkit.tooling.sandbox import Sandbox, find_sandbox
from agentkit.tooling.sandbox.environment import checked_workspace
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace

GLANCE = 30
"""Files that the first message names; a model that needs more lists the folder."""
CHECK_SECONDS = 600.0
"""How long the person's check command may take."""


@dataclass(frozen=True)
class Surroundings:
    """What a run is given beside its settings; the defaults are what the terminal uses headless."""

    sinks: Sequence[Sink] = ()
    approver: Approver | None = None
    """Asked when policy says ask; nobody by default, and then asking is denying."""
    ask: Callable[[str], Awaitable[str]] = nobody_to_ask
    on_wait: Callable[[str], None] | None = None
    on_open: Callable[[RunLog], None] | None = None
    """Told of the run's record once this process holds it, before the model is loaded."""
    tools: Mapping[str, Tool] | None = None
    """The tools to offer; every installed one by default."""
    model: ChatModel | None = None
    """The model to use instead of the one that the settings name."""
    log: RunLog | None = None
    """A record of the run instead of one in the journal."""
    sandbox: Callable[[], Sandbox] = find_sandbox
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that is over, and what it took."""

    run_id: str
    ended: RunEnded
    steps: int
    tokens: int
    seconds: float


async def run_goal(goal: str, settings: Settings, around: Surroundings | None = None) -> Outcome:
    """Take on a goal and work until the run is over.

    Raises:
        UsageError: the model, the workspace, a rule or a prompt cannot be used as named.
        JournalError: the run could not be recorded.
    """
    if not goal.strip():
        raise UsageError("the goal is empty; say what should be true at the end")
    around = around or Surroundings()
    with _recorded(settings, around) as log:
        async with _agent(settings, around, log) as agent:
            return await _finish(agent, _beginning(goal, settings, agent))


async def resume_run(
    run_id: str, settings: Settings, around: Surroundings | None = None, *, force: bool = False
) -> Outcome:
    """Go on with a run that was killed or interrupted, exactly where it stood.

    The goal, the workspace and the model are those it began with; limits, rules and the like too,
    unless a flag says otherwise.

    Args:
        run_id: The run's name, or the beginning of it.
        settings: Of this sitting.
        around: Of this sitting.
        force: Take it even from a process that may live, such as one on a host that is gone.

    Raises:
        RunNotFound: the journal has no such run.
        RunBusy: another process is working on it.
        UsageError: it is over already, or what it needs is no longer there.
    """
    around = around or Surroundings()
    with _taken_up(run_id, settings, around, force=force) as log:
        first = log.events()[0].event if log.events() else None
        if not isinstance(first, RunStarted):
            raise UsageError(f"run {log.run_id} holds no goal; there is nothing to resume")
        async with _agent(_as_started(settings, first), around, log) as agent:
            if agent.state.ended is not None and agent.state.ended.ending in _OVER:
                ending = agent.state.ended.ending
                raise UsageError(f"run {log.run_id} is over ({ending}); start a new one with agentkit run")
            agent.record(RunResumed(os.getpid()), durable=True)
            return await _finish(agent, None)


_OVER = frozenset({Ending.FINISHED, Ending.GAVE_UP})
"""Endings that leave nothing to go on with; after any other, a resumed run tries again."""


async def _finish(agent: Agent, start: RunStarted | None) -> Outcome:
    ended = await agent.run(start)
    state = agent.state
    return Outcome(agent.log.run_id, ended, state.steps, state.usage.total, agent.seconds)


@contextmanager
def _recorded(settings: Settings, around: Surroundings) -> Generator[RunLog]:
    if around.log is not None:
        yield around.log
        return
    _require_journal_outside(settings)
    with Journal.open(settings.journal, redact=_redactor(around)) as journal, journal.start() as log:
        yield log


def _require_journal_outside(settings: Settings) -> None:
    """Refuse to keep the record where the agent can change it."""
    if settings.workspace.is_dir():
        checked_workspace(settings.workspace)  # all of /tmp: then the journal is not what is wrong
    if settings.journal.resolve().is_relative_to(settings.workspace.resolve()):
        raise UsageError(
            f"the journal {settings.journal} lies in the workspace {settings.workspace}, where the agent "
            "could change it; name another with --journal"
        )


@contextmanager
def _taken_up(run_id: str, settings: Settings, around: Surroundings, *, force: bool) -> Generator[RunLog]:
    if around.log is not None:
        yield around.log
        return
    with (
        Journal.open(settings.journal, redact=_redactor(around)) as journal,
        journal.resume(journal.find(run_id), force=force) as log,
    ):
        yield log


@asynccontextmanager
async def _agent(settings: Settings, around: Surroundings, log: RunLog) -> AsyncGenerator[Agent]:
    tools = dict(installed_tools() if around.tools is None else around.tools)
    policy = policy_of(settings)
    policy.check_names(tools.values())
    with Workspace.open(settings.workspace) as workspace:
        checked_workspace(workspace.root)  # before anything is asked, not at the first command
        if around.on_open is not None:
            around.on_open(log)
        model = around.model or await in_daemon(
            lambda: make_model_of(settings, around.on_wait), "load the model"
        )
        try:
            yield Agent(
                model=model,
                tools=tools,
                workspace=workspace,
                log=log,
                policy=policy,
                sandbox=around.sandbox,
                limits=Limits(settings.max_steps, settings.max_seconds, settings.max_tokens),
                check=_check(settings.check, workspace, around.sandbox),
                approver=around.approver,
                ask=around.ask,
                temperature=settings.temperature,
                seed=settings.seed,
                sinks=around.sinks,
            )
        finally:
            if around.model is None:
                await model.aclose()


def chosen_model(settings: Settings) -> str:
    """The model that the settings name; for `auto`, the best that is ready on this machine.

    Raises:
        UnknownModel: `auto`, and no embedded model is here.
    """
    if settings.model != "auto":
        return settings.model
    name = best_ready()
    if name is None:
        raise UnknownModel(
            "no model is chosen and no embedded one is here; run: agentkit models fetch smollm2, "
            "or say --model openai:NAME"
        )
    return f"local:{name}"


def make_model_of(settings: Settings, on_wait: Callable[[str], None] | None = None) -> ChatModel:
    """The model that the settings name, loaded.

    Raises:
        UnknownModel: there is none by that name, or its weights are not here.
        MissingKey: its provider needs a key.
    """
    options = ModelOptions(
        api_key=settings.api_key.reveal() if settings.api_key else None,
        base_url=settings.base_url,
        retries=settings.retries,
        idle_seconds=settings.idle_seconds,
        on_wait=on_wait,
    )
    return make_model(chosen_model(settings), options)


def policy_of(settings: Settings) -> Policy:
    """The approval mode and rules of the settings."""
    return Policy(
        Approve(settings.approve),
        deny=frozenset(settings.deny),
        ask=frozenset(settings.ask),
        allow=frozenset(settings.allow),
    )


def _redactor(around: Surroundings) -> Redactor:
    return Redactor(secrets_of(around.environ))


def _beginning(goal: str, settings: Settings, agent: Agent) -> RunStarted:
    prompt = load_prompt(agent.model.profile.prompt, [settings.prompts])
    opening = prompt.render({"goal": goal, "files": glance(agent.workspace)})
    return RunStarted(
        goal=goal,
        model=agent.model.name,
        workspace=str(agent.workspace.root),
        approve=str(agent.policy.approve),
        limits=agent.limits,
        prompt=prompt.used,
        opening=opening,
        workspace_before=agent.log.keep(agent.workspace.manifest()),
        check=settings.check or "",
        deny=settings.deny,
        ask=settings.ask,
        allow=settings.allow,
        base_url=settings.base_url,
        temperature=settings.temperature,
        seed=settings.seed,
    )


def _as_started(settings: Settings, started: RunStarted) -> Settings:
    """What the run began with, save for what a flag of this sitting says; no rule is ever dropped."""
    begun: dict[str, Any] = {
        "approve": started.approve,
        "max_steps": started.limits.steps,
        "max_seconds": started.limits.seconds,
        "max_tokens": started.limits.tokens,
        "check": started.check or None,
        "base_url": started.base_url,
        "temperature": started.temperature,
        "seed": started.seed,
    }
    flags = {
        name
        for name, origins in settings.origins.items()
        if any(origin.kind is OriginKind.FLAG for origin in origins)
    }
    allow = settings.allow if "allow" in flags else ()
    return settings.replacing(
        model=started.model,
        workspace=Path(started.workspace),
        deny=tuple(dict.fromkeys((*started.deny, *settings.deny))),
        ask=tuple(dict.fromkeys((*started.ask, *settings.ask))),
        allow=tuple(dict.fromkeys((*started.allow, *allow))),
        **{name: value for name, value in begun.items() if name not in flags},
    )


def glance(workspace: Workspace) -> str:
    """The workspace's files on one line; the first `GLANCE` of them."""
    files = workspace.files()
    if not files:
        return "none"
    more = f", and {len(files) - GLANCE} more" if len(files) > GLANCE else ""
    return ", ".join(files[:GLANCE]) + more


def _check(command: str | None, workspace: Workspace, sandbox: Callable[[], Sandbox]) -> Check | None:
    """The person's check command as something a review can run, inside the sandbox."""
    if not command:
        return None

    async def check() -> Finding:
        limits = SandboxLimits(wall_seconds=CHECK_SECONDS)
        try:
            confined = sandbox()
        except SandboxUnavailable as error:
            return Finding(f"the check {command!r} passes", holds=False, found=str(error))
        done = await confined.run(["/bin/sh", "-c", command], workspace=workspace.root, limits=limits)
        last = done.output.decode("utf-8", "replace").strip().split("\n")[-1]
        how = f"stopped: {done.stopped_by}" if done.stopped_by else f"exit status {done.status}"
        found = f"{how}: {last}" if last else how
        return Finding(f"the check {command!r} passes", done.status == 0, found)

    return check


async def arun(
    goal: str,
    *,
    tools: Sequence[Tool] | None = None,
    model: ChatModel | str | None = None,
    sinks: Sequence[Sink] = (),
    approver: Approver | None = None,
    **settings: object,
) -> Outcome:
    """Reach a goal from Python.

    Args:
        goal: What should be true at the end.
        tools: Offered beside the installed ones; one with an installed tool's name replaces it.
        model: A model, or the name of one; by default the one that the settings name.
        sinks: Watch the run.
        approver: Asked when policy says ask.
        settings: Any setting by its name: `workspace`, `max_steps`, `approve`, `check`, …

    Raises:
        UsageError: the model, the workspace, a rule or a setting cannot be used as named.
    """
    if isinstance(model, str):
        settings["model"] = model
    offered = {**installed_tools(), **{tool.name: tool for tool in tools or ()}}
    around = Surroundings(
        sinks=sinks,
        approver=approver,
        tools=offered,
        model=None if isinstance(model, str) else model,
    )
    return await run_goal(goal, load_settings(settings), around)


def run(goal: str, **given: Any) -> Outcome:
    """Reach a goal from Python and wait for it: `arun` for code that is not asynchronous.

    Raises:
        UsageError: as `arun` does.
    """
    return asyncio.run(arun(goal, **given))
