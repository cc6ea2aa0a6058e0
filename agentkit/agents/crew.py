"""The agents that work for a run: begun, spoken to, stopped, and taken up again after a crash.

Each is a run of its own in the journal, with the same loop, the rules of the run it works for, and a
slice of what that may still spend. The slice is set aside as long as the agent is at work; what it did
not spend comes back. All of them live in this process, so none outlives it.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentkit.agents.budget import slice_of
from agentkit.agents.hired import Hired
from agentkit.agents.hiring import Employer, Order, Runner, Runs
from agentkit.core.errors import AgentkitError, JournalError, RunBusy, RunNotFound, ToolFault
from agentkit.core.events import (
    AgentEnded,
    AgentStarted,
    AgentTold,
    Ending,
    PersonSaid,
    RunEnded,
    RunStarted,
)
from agentkit.core.protocols import RunLog
from agentkit.core.usage import Limits, Spent
from agentkit.tooling.agents import Agents

MOST_SHOWN = 2000
"""Characters of an agent's answer in a list of all; whoever waits for it gets it whole."""
MESSAGE_SHARE = 0.25
"""The part of what is left that is set aside for an agent that goes on after a message."""
_FORKED = "it works for the run that this one was forked from; start another"
_NAME = re.compile(r"[A-Za-z][\w-]{0,31}")


@dataclass
class _AtWork:
    """An agent that this process works on."""

    task: "asyncio.Task[None]"
    inbox: list[AgentTold] = field(default_factory=list[AgentTold])
    """What it has not heard yet."""
    runner: Runner | None = None
    dismissed: bool = False
    """Whether it is stopped for good, and not only with the process."""
    unheard: str = ""
    """Why it ended without hearing the rest of what was said to it."""


class Crew:
    """The agents that work for one run.

    Args:
        employer: Makes them.
        runs: Where they are recorded.
        tools: What can be given to one, by name.
        most: How many the run may begin.
    """

    def __init__(self, employer: Employer, runs: Runs, tools: Sequence[str], most: int) -> None:
        self.head: Runner | None = None
        """Whom they work for."""
        self._employer = employer
        self._runs = runs
        self._tools = tools
        self._most = most
        self._at_work: dict[str, _AtWork] = {}

    def by(self, call_id: str) -> Agents:
        """The agents as one call may deal with them."""
        return _ByCall(self, call_id)

    def take_up(self) -> None:
        """Go on with every agent that was at work, or had not heard everything, when the run was left."""
        for one in self._employed.state.agents:
            name = one.started.name
            if (working := self._at_work.get(name)) is None:
                if one.ended is None or one.told:
                    self._set_to_work(name, one.told)
            elif one.ended is None and working.task.done() and not working.task.cancelled():
                working.task.result()  # it failed, and nobody waited for it

    async def change(self) -> bool:
        """Wait until an agent ends and gives back what it did not spend; false when none is at work."""
        at_work = [name for name in self._at_work if self._require(name).ended is None]
        if at_work:
            tasks = [self._at_work[name].task for name in at_work]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return bool(at_work)

    def dismiss(self) -> None:
        """Stop every agent for good, and record what it has spent; its task ends at its next await."""
        for one in self._employed.state.agents:
            working = self._at_work.get(one.started.name)
            if working is not None:  # one that has ended may be about to go on with what it was told
                working.dismissed = True
                working.task.cancel()
            if one.ended is None:
                self._record_stop(one, working)

    async def aclose(self) -> None:
        """Leave no agent at work in this process; what was not stopped for good can be gone on with.

        Raises:
            JournalError: an agent's record could not be written.
        """
        tasks = [working.task for working in self._at_work.values()]
        for task in tasks:
            task.cancel()
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, Exception):
                raise done

    async def start(
        self,
        call_id: str,
        name: str,
        task: str,
        *,
        tools: Sequence[str],
        max_steps: int | None,
        share: float,
        wait: bool,
    ) -> str:
        """As `Agents.start`, for a call."""
        found = self._employed.state.agent(name)
        if found is None:
            self._require_possible(name, task, tools)
            granted = self._granted(share, max_steps)
            with self._runs.start() as log:
                run_id = log.run_id
                started = AgentStarted(name, run_id, task, call_id, granted, tuple(tools))
                self._employed.record(started, durable=True)
            self._set_to_work(name)
        elif found.started.call_id != call_id:
            raise ToolFault(f"there is an agent {name} already; message it, or choose another name")
        return await self._report(name, wait=wait)

    async def message(self, call_id: str, name: str, text: str, *, wait: bool) -> str:
        """As `Agents.message`, for a call."""
        if not text.strip():
            raise ToolFault("the message is empty; say what the agent should hear")
        found = self._require(name)
        if call_id in (found.started.call_id, *(told.call_id for told in found.told)):
            pass  # the call is made again after a crash, and what it said is with the agent
        elif found.ended is None or not self._at_rest(name):
            told = AgentTold(name, text, call_id)
            self._employed.record(told, durable=True)
            self._at_work[name].inbox.append(told)
        else:
            self._go_on(found, call_id, text)
            await self._gone(name)
            self._set_to_work(name)
        return await self._report(name, wait=wait)

    async def listed(self, *, wait: bool) -> str:
        """As `Agents.listed`."""
        if not self._employed.state.agents:
            return "no agent works for you"
        if wait:
            for name in list(self._at_work):
                await self._done(name)
        return "\n".join(_line(one, MOST_SHOWN) for one in self._employed.state.agents)

    async def stop(self, name: str) -> str:
        """As `Agents.stop`."""
        if self._require(name).ended is None:
            working = self._at_work[name]
            working.dismissed = True
            working.task.cancel()
            await self._gone(name)
            if (one := self._require(name)).ended is None:
                self._record_stop(one, working)
        return _line(self._require(name), MOST_SHOWN)

    def _record_stop(self, one: Hired, working: _AtWork | None) -> None:
        total, unpriced, untrusted = one.claim, one.unpriced, ""
        if working is not None and working.runner is not None:
            working.runner.dismiss()  # else what is set aside below it would count as spent
            state, untrusted = working.runner.state, working.runner.untrusted
            total, unpriced = state.total, state.all_unpriced
        ended = AgentEnded(one.started.name, Ending.INTERRUPTED, "it was stopped", total, unpriced, untrusted)
        self._employed.record(ended, durable=True)

    @property
    def _employed(self) -> Runner:
        assert self.head is not None
        return self.head

    def _require(self, name: str) -> Hired:
        found = self._employed.state.agent(name)
        if found is None:
            names = [one.started.name for one in self._employed.state.agents]
            raise ToolFault(f"there is no agent {name!r}; there is {', '.join(names) or 'none'}")
        return found

    def _require_possible(self, name: str, task: str, tools: Sequence[str]) -> None:
        if not _NAME.fullmatch(name):
            raise ToolFault(f"{name!r} is no name; take a letter, then letters, digits, _ or -, 32 at most")
        if not task.strip():
            raise ToolFault("the task is empty; say what the agent is to do and what its answer should hold")
        if len(self._employed.state.agents) >= self._most:
            raise ToolFault(
                f"{self._most} agents are the most; message one of those there are, or do it yourself"
            )
        if unknown := [tool for tool in tools if tool not in self._tools]:
            raise ToolFault(
                f"you have no tool {', '.join(unknown)} to give; you have {', '.join(self._tools)}"
            )

    def _granted(self, share: float, max_steps: int | None) -> Limits:
        if not 0 < share <= 1:
            raise ToolFault(f"share = {share} cannot be; it is a part of what is left, above 0 and 1 at most")
        granted = slice_of(self._employed.spare(), share, max_steps)
        if granted is None:
            raise ToolFault(
                "what is left of your budget does not allow another agent; do it yourself or finish"
            )
        return granted

    def _go_on(self, one: Hired, call_id: str, text: str) -> None:
        """Set more aside for an agent that had ended, for what was said to it."""
        granted = self._granted(MESSAGE_SHARE, None)
        name, run, tools = one.started.name, one.started.run, one.started.tools
        self._employed.record(
            AgentStarted(name, run, text, call_id, granted, tools, goes_on=True), durable=True
        )

    def _set_to_work(self, name: str, unheard: Sequence[AgentTold] = ()) -> None:
        task = asyncio.create_task(self._work(name), name=f"agent {name}")
        self._at_work[name] = _AtWork(task, list(unheard))

    def _at_rest(self, name: str) -> bool:
        """Whether nothing of an agent runs, or what does is being stopped."""
        working = self._at_work.get(name)
        return working is None or working.dismissed or working.task.done()

    async def _work(self, name: str) -> None:
        """See an agent through, and whatever was said to it too late to be heard before its end."""
        working = self._at_work[name]
        if (one := self._require(name)).ended is None:
            await self._once(name, working)
        else:  # the process ended before it could go on
            working.inbox = self._left_unheard(one, working.inbox)
        while working.inbox:
            told = working.inbox[0]
            try:
                self._go_on(self._require(name), told.call_id, told.text)
            except ToolFault as fault:
                working.unheard = str(fault)
                return
            working.inbox.pop(0)
            await self._once(name, working)

    async def _once(self, name: str, working: _AtWork) -> None:
        """One time at work: from an `AgentStarted` to its `AgentEnded`."""
        one = self._require(name)
        try:
            opened = self._runs.resume(one.started.run)
        except (RunNotFound, RunBusy) as error:  # removed, or at work for the run that this was forked from
            working.inbox.clear()
            return self._record_end(one, Ending.INTERRUPTED, str(error), one.claim, one.unpriced)
        with opened as log:
            if _works_for_another(log, self._employed.log.run_id):
                working.inbox.clear()
                return self._record_end(one, Ending.INTERRUPTED, _FORKED, one.claim, one.unpriced)
            order = Order(
                name, one.started.call_id, one.started.tools, _limits(one), lambda: self._heard(name)
            )
            async with self._employer.hire(order, log) as runner:
                working.runner = runner
                working.inbox = _unheard(log, working.inbox)
                try:
                    ended = await self._seen_through(one.started, runner)
                    ending, result = ended.ending, ended.result
                except asyncio.CancelledError:
                    if working.dismissed:
                        await runner.stop()
                    raise
                except JournalError:
                    raise
                except AgentkitError as error:  # it could not begin, as with a prompt that cannot be used
                    ending, result = Ending.INTERRUPTED, str(error)
                total, unpriced = runner.state.total, runner.state.all_unpriced
                self._record_end(one, ending, result, total, unpriced, runner.untrusted)
        return None

    async def _seen_through(self, started: AgentStarted, runner: Runner) -> RunEnded:
        if runner.state.started is None:
            return await runner.run(self._employer.beginning(started.task, started.name, runner))
        if runner.state.ended is None:
            runner.record(self._employer.resumed(runner), durable=True)
        if started.goes_on and started.call_id not in _heard_by(runner.log):
            await runner.say(started.task, started.call_id, self._employed.untrusted)
        return await runner.run()

    def _record_end(
        self, one: Hired, ending: Ending, result: str, total: Spent, unpriced: int, untrusted: str = ""
    ) -> None:
        ended = AgentEnded(one.started.name, ending, result, total, unpriced, untrusted)
        self._employed.record(ended, durable=True)

    def _heard(self, name: str) -> str:
        """Pass on what was said meanwhile, recorded with its call, so that nothing is said twice."""
        working = self._at_work[name]
        while working.inbox and working.runner is not None:
            told = working.inbox.pop(0)
            said = PersonSaid(told.text, call_id=told.call_id, untrusted=self._employed.untrusted)
            working.runner.record(said, durable=True)
        return ""

    def _left_unheard(self, one: Hired, told: Sequence[AgentTold]) -> list[AgentTold]:
        """What an agent that has ended did not hear; nothing where it cannot go on."""
        try:
            opened = self._runs.resume(one.started.run)
        except (RunNotFound, RunBusy):
            return []
        with opened as log:
            return [] if _works_for_another(log, self._employed.log.run_id) else _unheard(log, told)

    async def _report(self, name: str, *, wait: bool) -> str:
        if not wait and self._require(name).ended is None:
            return f"{name} is at work; list_agents tells how it stands"
        await self._done(name)
        if unheard := self._at_work[name].unheard if name in self._at_work else "":
            raise ToolFault(f"{name} ended before it heard the message, and {unheard}")
        return _line(self._require(name), None)

    async def _done(self, name: str) -> None:
        """Wait until an agent is not at work; who waits can be stopped without stopping the agent."""
        if (working := self._at_work.get(name)) is not None:
            await asyncio.wait([working.task])
            if not working.task.cancelled():
                working.task.result()

    async def _gone(self, name: str) -> None:
        """Wait until nothing of an agent runs any more, however it ended."""
        if (working := self._at_work.get(name)) is not None:
            await asyncio.wait([working.task])


class _ByCall:
    """The agents of a crew, as one call deals with them."""

    def __init__(self, crew: Crew, call_id: str) -> None:
        self._crew = crew
        self._call_id = call_id

    async def start(
        self, name: str, task: str, *, tools: Sequence[str], max_steps: int | None, share: float, wait: bool
    ) -> str:
        return await self._crew.start(
            self._call_id, name, task, tools=tools, max_steps=max_steps, share=share, wait=wait
        )

    async def message(self, name: str, text: str, *, wait: bool) -> str:
        return await self._crew.message(self._call_id, name, text, wait=wait)

    async def listed(self, *, wait: bool) -> str:
        return await self._crew.listed(wait=wait)

    async def stop(self, name: str) -> str:
        return await self._crew.stop(name)


def _limits(one: Hired) -> Limits:
    """What an agent may spend this time: of tokens and money, all that it ever spent counts."""
    granted = one.started.granted
    return Limits(
        granted.steps,
        granted.seconds,
        None if granted.tokens is None else one.spent.tokens + granted.tokens,
        None if granted.cost is None else one.spent.cost + granted.cost,
        granted.tool_seconds,
    )


def _works_for_another(log: RunLog, run_id: str) -> bool:
    first = log.events()[0].event if log.events() else None
    return isinstance(first, RunStarted) and first.parent != run_id


def _heard_by(log: RunLog) -> frozenset[str]:
    """The calls whose words an agent has heard."""
    events = (recorded.event for recorded in log.events())
    return frozenset(event.call_id for event in events if isinstance(event, PersonSaid) and event.call_id)


def _unheard(log: RunLog, told: Sequence[AgentTold]) -> list[AgentTold]:
    heard = _heard_by(log) if told else frozenset[str]()
    return [said for said in told if said.call_id not in heard]


def _line(one: Hired, most: int | None) -> str:
    """How an agent stands, and what it answered."""
    name = one.started.name
    if one.ended is None:
        return f"{name}: at work"
    result = one.ended.result
    if most is not None and len(result) > most:
        result = result[: most - 1] + "…"
    return f"{name}: {one.ended.ending}, {one.spent.steps} steps, {one.spent.tokens} tokens\n{result}"
