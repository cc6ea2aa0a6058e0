"""The first event of a run and of each later sitting, and the settings that a run goes on with."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentkit.agents.form import asked_for
from agentkit.agents.loop import Agent
from agentkit.agents.nudges import require_usable
from agentkit.assembly.parts import profile_of
from agentkit.assembly.records import written_by
from agentkit.core.events import PromptUsed, Recorded, RuleKind, RuleSet, RunResumed, RunStarted
from agentkit.core.messages import UserMessage
from agentkit.core.protocols import ModelProfile
from agentkit.core.tools import Effect
from agentkit.prompts.opening import opening_of
from agentkit.settings import Settings
from agentkit.settings.kept import rules_file
from agentkit.settings.values import Origin, OriginKind
from agentkit.tooling.manifest import text_paths_in
from agentkit.tooling.workspace import Workspace

GLANCE = 30
"""Files that the first message names; a model that needs more lists the folder."""


MOST_KNOWN = 4000
"""Characters of what an agent is told of the person from before; of a small window, fewer."""

MACHINE = f"Commands run on {platform.system()}, confined to the workspace."
"""What an agent is told that may run some."""


def beginning(goal: str, settings: Settings, agent: Agent) -> RunStarted:
    """The first event of a run of that goal: everything it begins with."""
    library = agent.library.standing()
    for name in agent.strategy.prompts:
        library.load(name)  # one that is not usable is told of now, and not in the midst of the run
    told = profile_of(settings)
    require_usable(library)
    asked, also = goal, tuple[PromptUsed, ...]()
    if agent.form is not None:
        demand, used = asked_for(agent.form, library)
        asked, also = f"{goal}\n\n{demand}", (used,)
    there = agent.workspace.manifest()
    values = {"goal": asked, "files": named_files(text_paths_in(there))}
    opening = opening_of(library, agent.model.profile.prompt, values, told, _machine(agent))
    known = agent.memory.known(goal, min(MOST_KNOWN, agent.model.profile.context_window // 8))
    *before, last = opening.messages
    return RunStarted(
        goal=goal,
        model=agent.model.name,
        workspace=str(agent.workspace.root),
        approve=str(agent.policy.approve),
        limits=agent.limits,
        prompt=opening.used,
        opening=(*before, UserMessage(known), last) if known else opening.messages,
        workspace_before=agent.log.keep(there),
        check=settings.check or "",
        deny=settings.deny,
        ask=settings.ask,
        allow=settings.allow,
        kept=(*_kept(settings, "deny"), *_kept(settings, "allow")),
        packs=settings.packs,
        domains=settings.domains,
        inside=settings.inside,
        batch=settings.batch,
        larger_model=settings.larger_model or "",
        base_url=settings.base_url,
        temperature=settings.temperature,
        seed=settings.seed,
        profile=agent.model.profile,
        output_schema=agent.form.text if agent.form is not None else "",
        strategy=settings.strategy,
        agent_profile=None if told.is_empty else told,
        also=(*opening.also, *also),
        memory=settings.memory or "",
        price=agent.price,
    )


def _machine(agent: Agent) -> str:
    """What commands run on, for an agent that may run some."""
    running = {name for name, tool in agent.tools.items() if tool.effect is Effect.EXECUTES}
    return MACHINE if running and any(spec.name in running for spec in agent.offered()) else ""


def glance(workspace: Workspace) -> str:
    """The workspace's files on one line; the first `GLANCE` of them."""
    return named_files(workspace.files())


def named_files(files: Sequence[str]) -> str:
    """Files on one line; the first `GLANCE` of them."""
    if not files:
        return "none"
    more = f", and {len(files) - GLANCE} more" if len(files) > GLANCE else ""
    return ", ".join(files[:GLANCE]) + more


def resumed(agent: Agent) -> RunResumed:
    """Another sitting, with the limits and rules that it has."""
    policy = agent.policy
    return RunResumed(
        pid=os.getpid(),
        limits=agent.limits,
        approve=str(policy.approve),
        deny=tuple(sorted(policy.deny)),
        ask=tuple(sorted(policy.ask)),
        allow=tuple(sorted(policy.allow)),
        price=agent.price,
        output_schema=agent.form.text if agent.form is not None else "",
        untrusted=written_by(agent.log),
    )


_LIMITS = ("max_steps", "max_seconds", "max_tokens", "max_cost", "max_tool_seconds")
_FOR_THE_PERSON = ("approve", "check", "packs", "domains", "inside", "larger_model", "base_url", "memory")
"""What lets a run do more, or sends it elsewhere: a record that another wrote has no say in it."""


def as_started(
    settings: Settings, started: RunStarted, events: Sequence[Recorded] = (), *, foreign: bool = False
) -> Settings:
    """What the run began with, save for what a flag of this sitting says; no rule is dropped unasked.

    Of a foreign run only what narrows, and the manner of work; the rest is as the person set it.

    Args:
        settings: Of this sitting.
        started: How the run began.
        events: What is recorded since: the rules that the person gave in it hold again.
        foreign: Whether another may have written the record.
    """
    begun = _begun(started)
    if foreign:
        lower = {name: _lower(begun[name], getattr(settings, name)) for name in _LIMITS}
        begun = {name: value for name, value in begun.items() if name not in _FOR_THE_PERSON} | lower
    flags = {
        name
        for name, origins in settings.origins.items()
        if any(origin.kind is OriginKind.FLAG for origin in origins)
    }
    granted = () if foreign else _less(started.allow, started.kept)
    allow = settings.allow if foreign or "allow" in flags else _kept(settings, "allow")
    begun_with = settings.replacing(
        model=started.model,
        workspace=settings.workspace if foreign else Path(started.workspace),
        strategy=started.strategy,
        deny=tuple(dict.fromkeys((*_less(started.deny, started.kept), *settings.deny))),
        ask=tuple(dict.fromkeys((*started.ask, *settings.ask))),
        allow=tuple(dict.fromkeys((*granted, *allow))),
        **{name: value for name, value in begun.items() if name not in flags},
    )
    for rule in rules_given(events):
        if rule.kind != "allow" or not foreign:
            begun_with = with_rule(begun_with, rule)
    return begun_with


def rules_given(events: Sequence[Recorded]) -> tuple[RuleSet, ...]:
    """The rules that the person gave for this run at questions, and did not take back."""
    standing: dict[tuple[str, str], RuleSet] = {}
    for event in (recorded.event for recorded in events):
        if isinstance(event, RuleSet) and event.scope == "run":
            standing.pop((event.kind, event.rule), None)
            if event.holds:
                standing[event.kind, event.rule] = event
    return tuple(standing.values())


def with_rule(settings: Settings, rule: RuleSet) -> Settings:
    """The settings with a rule that was given at a question, or without one that was taken back."""
    if not rule.holds:
        return settings.with_rule(rule.kind, rule.rule, None)
    if rule.scope == "run":
        origin = Origin(OriginKind.QUESTION, "given at a question")
    else:
        origin = Origin(OriginKind.KEPT, str(rules_file(os.environ)))
    return settings.with_rule(rule.kind, rule.rule, origin)


def _kept(settings: Settings, kind: RuleKind) -> tuple[str, ...]:
    """The rules of a kind that stand in the person's file of kept rules."""
    return tuple(
        rule
        for rule in getattr(settings, kind)
        if (origin := settings.rule_origins.get(f"{kind} = {rule}")) and origin.kind is OriginKind.KEPT
    )


def _less(rules: Sequence[str], gone: Sequence[str]) -> tuple[str, ...]:
    return tuple(rule for rule in rules if rule not in gone)


def not_taken_over(run_id: str, settings: Settings, started: RunStarted) -> str:
    """In one line, what the record of a foreign run says and a sitting with it does not do."""
    used = as_started(settings, started, foreign=True)
    begun = _begun(started)
    names = [name for name in _FOR_THE_PERSON if begun[name] and begun[name] != getattr(used, name)]
    names += [name for name in _LIMITS if begun[name] != getattr(used, name)]
    if not set(started.allow) <= set(used.allow):
        names.append("allow")
    if started.workspace != str(used.workspace.resolve()):
        names.append("workspace")
    if not names:
        return f"run {run_id} was imported"
    return f"run {run_id} was imported; not taken over from its record, for yours holds: {', '.join(names)}"


def _begun(started: RunStarted) -> dict[str, Any]:
    """The settings that stand in the record, save for the model, the folder, the strategy and the rules."""
    return {
        "approve": started.approve,
        "max_steps": started.limits.steps,
        "max_seconds": started.limits.seconds,
        "max_tokens": started.limits.tokens,
        "max_cost": started.limits.cost,
        "max_tool_seconds": started.limits.tool_seconds,
        "check": started.check or None,
        "packs": started.packs,
        "domains": started.domains,
        "inside": started.inside,
        "larger_model": started.larger_model or None,
        "base_url": started.base_url,
        "memory": started.memory or None,
        "temperature": started.temperature,
        "seed": started.seed,
        "output_schema": None,  # that of the beginning is in the record, whatever its file says by now
        **_manner(started.profile),
    }


def _lower(one: Any, other: Any) -> Any:
    """The lower of two limits; `None` is none."""
    return min((limit for limit in (one, other) if limit is not None), default=None)


def _manner(profile: ModelProfile | None) -> dict[str, Any]:
    """The settings that a remote model's profile came from; a run of an older agentkit has none."""
    if profile is None:
        return {}
    return {
        "context_window": profile.context_window,
        "max_output_tokens": profile.max_output_tokens,
        "calls_per_step": profile.calls_per_step,
        "most_tools": profile.most_tools,
        "text_calls": profile.text_calls or None,
        "thoughts": profile.thoughts,
    }
