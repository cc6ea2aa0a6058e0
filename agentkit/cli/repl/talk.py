"""The conversation at hand: one run, begun or taken up when the person first speaks."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from agentkit.agents.compaction import compact, undo_compaction
from agentkit.agents.context import ContextTable, context_table
from agentkit.agents.fold import fold
from agentkit.agents.loop import Agent
from agentkit.agents.state import RunState
from agentkit.assembly import (
    Surroundings,
    as_started,
    beginning,
    chosen_model,
    conversation,
    not_taken_over,
    resumed,
    with_rule,
)
from agentkit.cli.files import reset_files
from agentkit.cli.repl.loaded import LoadedModels
from agentkit.cli.repl.stepping import Stepping
from agentkit.core.errors import UsageError
from agentkit.core.events import Ending, Recorded, RuleSet
from agentkit.core.protocols import Sink
from agentkit.journal.store import Journal
from agentkit.settings import Settings
from agentkit.tooling.dispatch import Approver
from agentkit.tooling.snapshots.undoing import FilesReset

_AS_IT_STANDS = (None, Ending.INTERRUPTED, Ending.MODEL_FAILED)
"""Endings after which the same run can go on without another word."""


class Talk:
    """A run that the person says one thing after the other to."""

    def __init__(
        self,
        settings: Settings,
        *,
        sinks: Sequence[Sink],
        approver: Approver,
        ask: Callable[[str], Awaitable[str]],
        on_wait: Callable[[str], None],
        typing: Callable[[], bool],
        on_pause: Callable[[], None],
    ) -> None:
        """Talk through these.

        Args:
            settings: Of this sitting.
            sinks: Watch the run.
            approver: Asked when policy says ask.
            ask: Puts a question of the agent to the person.
            on_wait: Told in words of a retry that waits.
            typing: Whether the person is about to say something.
            on_pause: Told when a call was stopped, and it is waited whether the person has a word to it.
        """
        self.chosen = settings
        self.settings = settings
        """Those of the run at hand."""
        self.run_id = ""
        self.not_taken_over = ""
        """What the record of an imported run says and is not done, for the person."""
        self.unsaid = False
        """Whether the words that were said last are not recorded."""
        self.inbox: list[str] = []
        """What the person said that the run is to hear before its next step."""
        self._sinks = sinks
        self._approver = approver
        self._ask = ask
        self._on_wait = on_wait
        self._agent: Agent | None = None
        self._open = AsyncExitStack()
        self._past: Sequence[Recorded] = ()
        self._models = LoadedModels(on_wait)
        self.stepping = Stepping(self.inbox, typing=typing, on_pause=on_pause)

    @property
    def doing(self) -> str:
        """What goes on before the run does anything, for the person."""
        return self._models.doing

    @property
    def agent(self) -> Agent | None:
        """The agent, once the person has said something in this sitting."""
        return self._agent

    @property
    def state(self) -> RunState:
        """Where the run stands."""
        return self._agent.state if self._agent is not None else fold(self._past)

    @property
    def events(self) -> Sequence[Recorded]:
        """What is recorded of it."""
        return self._agent.log.events() if self._agent is not None else self._past

    @property
    def model(self) -> str:
        """Who answers, by name."""
        started = self.state.started
        return started.model if started is not None else chosen_model(self.settings)

    def named(self, run_id: str) -> str:
        """The whole name of a run of the journal.

        Raises:
            RunNotFound: there is none by that name.
        """
        with Journal.open(self.chosen.journal, must_exist=True) as journal:
            return journal.find(run_id)

    async def take(self, run_id: str) -> None:
        """Turn to a run of the journal; nothing is asked or recorded before the person speaks.

        Raises:
            RunNotFound: there is none by that name.
            CorruptJournal: it is damaged.
        """
        with Journal.open(self.chosen.journal, must_exist=True) as journal:
            name = journal.find(run_id)
            past, foreign = journal.events(name), journal.is_foreign(name)
        await self.leave()
        self.run_id, self._past = name, past
        started = self.state.started
        if started is not None:
            self.settings = as_started(self.chosen, started, past, foreign=foreign)
            if foreign:
                self.not_taken_over = not_taken_over(name, self.chosen, started)

    async def leave(self) -> None:
        """Let go of the run, so that others can take it up; the next words begin a new one."""
        self._agent = None
        self.run_id, self._past, self.settings = "", (), self.chosen
        self.not_taken_over = ""
        await self._open.aclose()

    async def close(self) -> None:
        """Let go of everything."""
        await self.leave()
        await self._models.aclose()

    async def load(self, settings: Settings) -> None:
        """Have the model that the settings name here, as the next message to it will need it.

        Raises:
            AgentkitError: it cannot be had.
        """
        await self._models.model(settings)

    async def say(self, words: str) -> None:
        """Tell the run what to do next, and work until that is over.

        Raises:
            AgentkitError: the model, the workspace or the journal cannot be used.
        """
        self.unsaid = True
        agent = await self._taken_up()
        if agent.state.started is None:
            agent.record(beginning(words, self.settings, agent), durable=True)
        else:
            await agent.say(words)
        self.unsaid = False
        await self.stepping.work(agent)

    async def go_on(self, batch: tuple[str, ...] = ()) -> None:
        """Go on where the run stands; with a word that says so, where it would not move without one.

        Args:
            batch: Tools that may be called again and again in the same way from here on.

        Raises:
            AgentkitError: the model, the workspace or the journal cannot be used.
        """
        agent = await self._taken_up()
        ended = agent.state.ended
        if batch:
            await agent.say(f"Go on. It is right to call {', '.join(batch)} again and again.", batch=batch)
        elif ended is not None and ended.ending in _AS_IT_STANDS:
            agent.record(resumed(agent), durable=True)
        elif ended is not None:
            await agent.say("Go on.")
        await self.stepping.work(agent)

    async def set_files(self, how: Callable[..., FilesReset]) -> str:
        """Undo or redo what the run did to the files, and say what that was.

        Raises:
            UsageError: there is nothing to set back, or it would cover what others changed.
        """
        agent = self._agent
        if agent is not None:
            return str(how(agent.log, agent.dispatcher.snapshots, record=agent.record))
        if not self.run_id:
            raise UsageError("nothing was said yet, so no file was changed")
        done = reset_files(self.run_id, self.chosen, how)
        await self.take(self.run_id)
        return done

    def hold(self, rules: Sequence[RuleSet]) -> None:
        """Know of rules that the person gave or took back, here and as far as they reach."""
        for rule in rules:
            self.settings = with_rule(self.settings, rule)
            if rule.scope != "run":
                self.chosen = with_rule(self.chosen, rule)

    async def take_back(self, rules: Sequence[RuleSet]) -> None:
        """Let rules hold no longer, in the run at hand too if there is one.

        Raises:
            AgentkitError: the model, the workspace or the journal cannot be used.
        """
        if self.state.started is not None:
            agent = await self._taken_up()
            for rule in rules:
                agent.set_rule(rule)
        self.hold(rules)

    async def context(self) -> ContextTable:
        """What takes how much of the model's window.

        Raises:
            AgentkitError: the model cannot be loaded.
        """
        agent = await self._taken_up()
        return context_table(agent.state, agent.model, agent.offered(), agent.standing)

    async def compact(self, *, undo: bool) -> None:
        """Show the model less of what is old, or again what was left out last.

        Raises:
            UsageError: there is nothing to leave out, or nothing was.
        """
        agent = await self._taken_up()
        tools = agent.offered()
        if undo:
            event = undo_compaction(agent.state, agent.model, tools)
        else:
            event = compact(agent.state, agent.model, tools, agent.log.keep, standing=agent.standing)
        if event is None:
            why = "nothing is left out" if undo else "nothing is old enough to be shown shorter"
            raise UsageError(f"{why}; /context shows what the model is shown")
        agent.record(event)

    def _hear(self) -> str:
        words, self.inbox[:] = "\n\n".join(self.inbox), []
        return words

    async def _taken_up(self) -> Agent:
        if self._agent is not None:
            return self._agent
        model = await self._models.model(self.settings.replacing(model=self.model))
        around = Surroundings(
            sinks=self._sinks,
            approver=self._approver,
            ask=self._ask,
            model=model,
            on_wait=self._on_wait,
        )
        agent = await self._open.enter_async_context(conversation(self.chosen, around, self.run_id))
        agent.hear = self._hear
        self._agent, self.run_id = agent, agent.log.run_id
        if agent.state.started is not None and agent.state.ended is None:
            agent.record(resumed(agent), durable=True)
        return agent
