"""What an agent that works for another is made of: all that the other is made of, and never more."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

import msgspec

from agentkit.agents.crew import Crew
from agentkit.agents.hiring import Order, Runner, Runs
from agentkit.agents.loop import Agent
from agentkit.agents.state import RunState
from agentkit.agents.strategies import OneShot
from agentkit.core.events import CallIntended, Recorded, RunResumed, RunStarted
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import RunLog, Sink
from agentkit.tooling.dispatch import Approver, Reply
from agentkit.tooling.packs import LOADER, offering
from agentkit.tooling.remembering import Remembers
from agentkit.tooling.residents import Residents
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.tool import Tool

Ask = Callable[[str], Awaitable[str]]
"""Puts a question to a person and returns the answer."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How agents may be employed, below one run."""

    runs: Runs
    """Where their runs are recorded."""
    snapshots: Callable[[RunLog], Snapshots]
    """Where the files of such a run are kept."""
    memory: Callable[[RunLog], tuple[Remembers, Sequence[Sink]]]
    """What such a run has of the person's memory, and what watches it for that."""
    beginning: Callable[[str, str, Agent], RunStarted]
    """The first event, of a task and the name of who takes it on."""
    resumed: Callable[[Agent], RunResumed]
    most: int
    """Agents that a run may begin."""
    depth: int
    """How far down: agents of a run, their agents, and so on."""


def employ(head: Agent, make_terms: Callable[[], Terms]) -> None:
    """Let a run begin agents, on the terms that are made where it has a tool for that."""
    if not any(tool.delegates for tool in head.tools.values()):
        return
    terms = make_terms()
    if terms.depth < 1:
        return
    given = [name for name, tool in head.tools.items() if not tool.ends_run]
    head.crew = Crew(_Employer(head, terms), terms.runs, given, terms.most)
    head.crew.head = head


@dataclass(frozen=True, slots=True)
class _Employer:
    head: Agent
    terms: Terms

    @asynccontextmanager
    async def hire(self, order: Order, log: RunLog) -> AsyncGenerator[Agent]:
        """An agent with the tools, the rules and the people of the run that it works for, or less."""
        head, terms = self.head, self.terms
        below = replace(terms, depth=terms.depth - 1)
        residents = Residents(head.residents)
        tools = {name: tool for name, tool in head.tools.items() if _is_given(tool, order, below.depth)}
        hidden = head.hidden
        if order.tools:  # these alone, in packs of their own where even they are too many
            tools.pop(LOADER, None)
            offered = offering(tools, (), head.model.profile.most_tools, head.policy.offers)
            tools, hidden = offered.tools, offered.hidden
        memory, keeping = terms.memory(log)
        agent = replace(
            head,
            log=log,
            memory=memory,
            state=RunState(),
            tools=tools,
            hidden=hidden,
            snapshots=terms.snapshots(log),
            limits=order.limits,
            crew=None,
            check=None,
            form=None,
            strategy=OneShot(),
            earlier="",
            approver=_asking(order.name, head.approver),
            ask=_asking_in_words(order.name, head.ask),
            hear=order.hear,
            residents=residents,
            sinks=(*keeping, _Relay(head, order)),
        )
        employ(agent, lambda: below)
        try:
            yield agent
        finally:
            head.kin[:] = [one for one in head.kin if one is not agent]
            if agent.crew is not None:
                await agent.crew.aclose()
            await residents.aclose()

    def beginning(self, task: str, name: str, runner: Runner) -> RunStarted:
        """The first event of the agent's run, which says whom it works for."""
        first = self.terms.beginning(task, name, cast("Agent", runner))
        policy = self.head.policy  # with what the person said at questions since the run began
        return msgspec.structs.replace(
            first,
            parent=self.head.log.run_id,
            agent=name,
            untrusted=self.head.untrusted,
            deny=tuple(sorted(policy.deny)),
            ask=tuple(sorted(policy.ask)),
            allow=tuple(sorted(policy.allow)),
        )

    def resumed(self, runner: Runner) -> RunResumed:
        """The event with which it is taken up again."""
        return self.terms.resumed(cast("Agent", runner))


def _is_given(tool: Tool, order: Order, depth: int) -> bool:
    """Whether an agent gets a tool of the run that it works for."""
    named = not order.tools or tool.name in order.tools
    return (named and depth > 0) if tool.delegates else (named or tool.ends_run)


def _asking(name: str, approver: Approver | None) -> Approver | None:
    """Asks whoever is asked by the run above, and says for whom."""
    if approver is None:
        return None

    async def ask(tool: Tool, call: ToolCall, reason: str) -> bool | Reply:
        return await approver(tool, call, f"the agent {name} asks: {reason}")

    return ask


def _asking_in_words(name: str, ask: Ask) -> Ask:
    return lambda question: ask(f"{name} asks: {question}")


def in_turn(asking: asyncio.Lock, ask: Ask) -> Ask:
    """The same person, who is asked nothing while the lock is held by another question."""

    async def answer(question: str) -> str:
        async with asking:
            return await ask(question)

    return answer


@dataclass(frozen=True, slots=True)
class _Relay:
    """Shows those who watch a run what its agents do, a line for each call."""

    head: Agent
    order: Order

    def on_event(self, recorded: Recorded) -> None:
        if isinstance(recorded.event, CallIntended):
            self._tell(f"{self.order.name}: {recorded.event.call.name}\n")

    def on_text(self, text: str) -> None:
        """Nothing: the answer is the result."""

    def on_restart(self, reason: str) -> None:
        """Nothing, as for the text."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing: what its tools print is in its own record."""

    def _tell(self, text: str) -> None:
        for sink in self.head.sinks:
            sink.on_output(self.order.call_id, text)
