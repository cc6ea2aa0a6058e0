"""A run from its goal, or from where it stood, to its end."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import cache

from msgspec.structs import replace

from agentkit.agents.employment import Terms, employ, in_turn
from agentkit.agents.hiring import Runs
from agentkit.agents.loop import Agent
from agentkit.agents.strategies import make_strategy
from agentkit.assembly.beginnings import as_started, beginning, resumed
from agentkit.assembly.encoders import later_encoder
from agentkit.assembly.indexes import SettledIndex
from agentkit.assembly.parts import (
    check_of,
    checked_policy,
    form_of,
    larger_of,
    limits_of,
    make_model_of,
    price_of,
    prompts_of,
    require_batch,
    searching_of,
    snapshots_of,
)
from agentkit.assembly.records import begun, first_event, is_foreign, runs_of, taken_up, written_by
from agentkit.assembly.remembered import remembered
from agentkit.assembly.surroundings import Outcome, Surroundings
from agentkit.core.errors import UsageError
from agentkit.core.events import OVER, RunStarted
from agentkit.core.protocols import RunLog, Sink
from agentkit.memory.agent import AgentMemory
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.discovery import enabled_packs, installed_tools, require_own_names
from agentkit.tooling.net.reach import Reach
from agentkit.tooling.packs import offering
from agentkit.tooling.remembering import NoMemory, Remembers
from agentkit.tooling.residents import Residents
from agentkit.tooling.sandbox.environment import refuse_of_system
from agentkit.tooling.snapshots.undoing import require_whole
from agentkit.tooling.workspace import Workspace

FOR_ANOTHER = "agent/for-another"
"""The prompt around the task of an agent that works for another."""


async def run_goal(goal: str, settings: Settings, around: Surroundings | None = None) -> Outcome:
    """Take on a goal and work until the run is over.

    Raises:
        UsageError: the model, the workspace, a rule or a prompt cannot be used as named.
        JournalError: the run could not be recorded.
    """
    if not goal.strip():
        raise UsageError("the goal is empty; say what should be true at the end")
    async with _new(settings, around or Surroundings()) as agent:
        return await _finish(agent, beginning(goal, settings, agent))


async def resume_run(
    run_id: str, settings: Settings, around: Surroundings | None = None, *, force: bool = False
) -> Outcome:
    """Go on with a run that was killed or interrupted, exactly where it stood.

    The goal, the workspace and the model are those it began with; limits, rules and the like too,
    unless a flag says otherwise. Of a run that was imported only what narrows is: the workspace, the
    server and what may run are those of the settings.

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
    async with _earlier(run_id, settings, around or Surroundings(), force=force) as agent:
        if agent.state.ended is not None and agent.state.ended.ending in OVER:
            run_id, ending = agent.log.run_id, agent.state.ended.ending
            raise UsageError(
                f"run {run_id} is over ({ending}); start a new one with agentkit run, "
                f"or say more to it: agentkit --resume {run_id}"
            )
        agent.record(resumed(agent), durable=True)
        return await _finish(agent, None)


@asynccontextmanager
async def conversation(
    settings: Settings, around: Surroundings | None = None, run_id: str = ""
) -> AsyncGenerator[Agent]:
    """An agent that is told one task after the other by `Agent.say`: of a new run, or of one that is there.

    A new run has no event before `agent.record(beginning(words, settings, agent))`; one that is taken
    up keeps its model, workspace and rules, and may have ended in any way.

    Raises:
        UsageError: the model, the workspace or a rule cannot be used as named, or the run holds no goal.
        RunBusy: another process is working on it.
    """
    around = around or Surroundings()
    if not run_id:
        async with _new(settings, around) as agent:
            agent.talks = True
            yield agent
        return
    async with _earlier(run_id, settings, around, force=False) as agent:
        agent.talks, agent.earlier = True, written_by(agent.log)
        yield agent


@asynccontextmanager
async def _new(settings: Settings, around: Surroundings) -> AsyncGenerator[Agent]:
    """The agent of a run that has no event yet."""
    with (
        Workspace.open(settings.workspace) as workspace,
        runs_of(settings, around, workspace) as runs,
        await begun(around, runs) as log,
    ):
        async with _agent(settings, around, log, runs, workspace) as agent:
            yield agent


@asynccontextmanager
async def _earlier(
    run_id: str, settings: Settings, around: Surroundings, *, force: bool
) -> AsyncGenerator[Agent]:
    """The agent of a run that is there, with the settings that it began with."""
    with taken_up(run_id, settings, around, force=force) as (log, runs):
        first = first_event(log)
        require_whole(log)
        settings = as_started(settings, first, log.events(), foreign=is_foreign(log))
        with Workspace.open(settings.workspace) as workspace:
            async with _agent(settings, around, log, runs, workspace) as agent:
                yield agent


async def _finish(agent: Agent, start: RunStarted | None) -> Outcome:
    ended = await agent.run(start)
    state = agent.state
    used = state.used
    cost = None if state.all_unpriced else used.cost
    return Outcome(agent.log.run_id, ended, used.steps, used.tokens, agent.seconds, cost)


@asynccontextmanager
async def _agent(
    settings: Settings, around: Surroundings, log: RunLog, runs: Runs, workspace: Workspace
) -> AsyncGenerator[Agent]:
    everyday = dict(installed_tools() if around.tools is None else around.tools)
    packs = enabled_packs(settings.packs, memory=settings.memory is not None)
    require_own_names(everyday, packs)
    policy = checked_policy(settings, everyday)
    price = price_of(settings, around, log)
    encoder = later_encoder(settings) if settings.memory is not None else None
    with remembered(settings, around, log, workspace, encoder) as memory:
        refuse_of_system(workspace.root)  # before anything is asked, not at the first command
        if around.on_open is not None:
            around.on_open(log)
        model = around.model or await in_daemon(
            lambda: make_model_of(settings, around.on_wait), "load the model"
        )
        residents = around.residents or Residents()
        offered = offering(everyday, packs, model.profile.most_tools, policy.offers)
        require_batch(settings, offered.tools)
        larger = larger_of(settings, around)
        asking = asyncio.Lock()  # by all agents together
        documents = SettledIndex(settings)
        agent = None
        try:
            agent = Agent(
                model=model,
                tools=offered.tools,
                hidden=offered.hidden,
                residents=residents,
                documents=around.documents or documents,
                memory=memory or NoMemory(),
                reach=Reach(settings.domains, inside=settings.inside),
                searching=searching_of(settings, around),
                skills=settings.skills,
                workspace=workspace,
                log=log,
                policy=policy,
                sandbox=around.sandbox,
                snapshots=snapshots_of(settings, around, log, workspace),
                limits=limits_of(settings),
                price=price,
                pool=around.pool,
                larger=larger,
                form=form_of(settings, log),
                check=check_of(settings.check, workspace, around.sandbox),
                approver=around.approver,
                asking=asking,
                ask=in_turn(asking, around.ask),
                strategy=make_strategy(settings.strategy, offered.tools),
                library=prompts_of(settings),
                temperature=settings.temperature,
                seed=settings.seed,
                sinks=around.sinks if memory is None else (memory, *around.sinks),
            )
            employ(agent, lambda: _terms(settings, around, runs, workspace, memory))
            yield agent
        finally:
            if agent is not None and agent.crew is not None:
                await agent.crew.aclose()
            if around.residents is None:
                await residents.aclose()
            await documents.aclose()
            if encoder is not None:
                await encoder.aclose()
            if larger is not None:
                await larger.aclose()
            if around.model is None:
                await model.aclose()
            if agent is not None:
                agent.retire()


def _terms(
    settings: Settings, around: Surroundings, runs: Runs, workspace: Workspace, memory: AgentMemory | None
) -> Terms:
    """How a run of these settings may let other agents work for it."""

    @cache  # most runs begin none
    def others() -> Settings:
        # who it was and what the answer must look like was said to the first of them
        return settings.replacing(
            check=None, strategy="one-shot", name=None, role=None, goals=(), output_schema=None
        )

    def begin(task: str, name: str, agent: Agent) -> RunStarted:
        prompt = agent.library.load(FOR_ANOTHER)
        begun = beginning(prompt.message({"task": task, "name": name}), others(), agent)
        return replace(begun, goal=task, also=(*begun.also, prompt.used))

    def remembering(log: RunLog) -> tuple[Remembers, Sequence[Sink]]:
        if memory is None:
            return NoMemory(), ()
        one = memory.of_run(log)
        return one, (one,)

    return Terms(
        runs=runs,
        memory=remembering,
        snapshots=lambda log: snapshots_of(settings, around, log, workspace),
        beginning=begin,
        resumed=resumed,
        most=settings.max_agents,
        depth=settings.max_agent_depth,
    )
