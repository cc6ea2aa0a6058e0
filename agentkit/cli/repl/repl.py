"""The conversation's own loop: what the person sends is a message, a command, or a line for their shell."""

import asyncio
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentkit.cli.repl.commands import Command, meant, split
from agentkit.cli.repl.editor import Editor
from agentkit.cli.repl.mentions import with_files
from agentkit.cli.repl.outbox import Outbox
from agentkit.cli.repl.questions import Questions
from agentkit.cli.repl.sitting import who_answers
from agentkit.cli.words import EXIT_CODES, clipped, printable
from agentkit.core.errors import AgentkitError, UsageError
from agentkit.core.events import Ending, RuleSet
from agentkit.settings import Settings

if TYPE_CHECKING:
    from agentkit.cli.repl.talk import Talk
    from agentkit.cli.repl.transcript import Transcript

AGAIN = 2.0
"""Seconds in which a second Ctrl-C at the prompt leaves."""
TICK = 0.25
"""Seconds between two drawings of what changes by itself."""


class Repl:
    """One sitting of a person at a terminal."""

    def __init__(
        self, settings: Settings, flags: Mapping[str, Any], commands: Mapping[str, Command["Repl"]]
    ) -> None:
        self.settings = settings
        self.flags = flags
        """As they were given, for what reads them again."""
        self.commands = commands
        self.outbox = Outbox(self)
        self.questions = Questions(self)
        self.editor: Editor
        self._talk: Talk | None = None
        self._transcript: Transcript | None = None
        self._work: asyncio.Task[None] | None = None
        self._began = 0.0
        self._interrupted_at = float("-inf")
        self._fault: BaseException | None = None
        self._leaving = False
        self.outside = False
        """Whether a command of the person has the terminal."""
        self.spoken = False
        """Whether the person sent anything."""
        self.code = 0
        """The exit code that tells how the last message ended."""

    @property
    def working(self) -> bool:
        """Whether the agent is at work."""
        return self._work is not None and not self._work.done()

    @property
    def workspace(self) -> Path:
        """The folder of the run at hand."""
        return (self._talk.settings if self._talk is not None else self.settings).workspace

    @property
    def talk(self) -> "Talk":
        """The conversation; what it needs is loaded when it is first asked for."""
        if self._talk is None:
            from agentkit.cli.repl.talk import Talk

            self._talk = Talk(
                self.settings,
                sinks=[self.transcript],
                approver=self.questions.about_call,
                ask=self.questions.of_agent,
                on_wait=self.transcript.notice,
                typing=lambda: self.editor.typing,
                on_pause=self._paused,
            )
        return self._talk

    def require_run(self) -> str:
        """The run at hand.

        Raises:
            UsageError: nothing was said yet.
        """
        if self.talk.state.started is None:
            raise UsageError("nothing was said yet")
        return self.talk.run_id

    @property
    def transcript(self) -> "Transcript":
        """What shows the run."""
        if self._transcript is None:
            from agentkit.cli.repl.transcript import Transcript

            self._transcript = Transcript(sys.stdout, self.editor.screen)
        return self._transcript

    async def run(self) -> None:
        """Take what the person sends until they leave; a run at work is then saved where it stands."""
        try:
            while True:
                if not self.editor.listens and self._work is not None:
                    await asyncio.wait([self._work])
                if self._fault is not None:
                    raise self._fault
                try:
                    text = await self.editor.line()
                except EOFError:
                    break
                await self._take(text)
            if self._fault is not None:
                raise self._fault
        finally:
            await self._leave()

    def status(self) -> str:
        """What goes on, in one line, or nothing."""
        if not self.working or self._talk is None:
            return ""
        if self._talk.stepping.pausing:
            return "stopped; going on in a moment · Ctrl-C: back to the prompt · or say something"
        waiting = f" · {len(self.outbox.queue)} queued" if self.outbox.queue else ""
        if self._talk.doing:
            return f"{self._talk.doing} · {time.monotonic() - self._began:.0f} s{waiting}"
        return f"{self.transcript.status}{waiting} · Ctrl-C stops"

    def say(self, label: str, text: str, style: str = "") -> None:
        """Tell the person something."""
        self.editor.screen.line(label, printable(text), style)

    def start(self, work: Coroutine[Any, Any, None], *, says: str = "", of_run: bool = True) -> None:
        """Let work go on while the person can go on typing; `says` begins it, and `of_run` ends a run."""
        self.outbox.at_hand = says
        self.transcript.begin(says=bool(says))
        self.questions.begin()
        self._began, self.code = time.monotonic(), 0
        self._work = asyncio.ensure_future(self._conduct(work, of_run=of_run))

    async def turn_away(self) -> None:
        """Leave the conversation at hand; the next message begins another."""
        self.outbox.put_away()
        await self.talk.leave()
        self.transcript.turn_to(())
        chosen = self.talk.settings  # of a run that was taken up nothing holds any longer
        how = f"with {who_answers(chosen)}, approve {chosen.approve}"
        self.say("new", f"the next message begins a new conversation {how}", "dim")

    def interrupt(self) -> None:
        """Ctrl-C: stop the step, then the work; at the prompt clear it, say how to leave, then leave."""
        if self.outside:
            return  # the command that has the terminal was meant, and heard it too
        if self.questions.stop():
            return
        if self.working:
            if self._talk is None or not self._talk.stepping.interrupt():
                assert self._work is not None
                self._work.cancel()
            return
        now = time.monotonic()
        if self.editor.clear() or self.outbox.give_back():
            self._interrupted_at = float("-inf")
        elif self._talk is not None and self._talk.stepping.just_stopped:
            pass  # it was pressed twice, and the first did what both were for
        elif now - self._interrupted_at < AGAIN:
            self.editor.leave()
        else:
            self._interrupted_at = now
            self.say("", "Ctrl-C again leaves, as Ctrl-D does; /help tells what can be done here", "dim")

    def leave(self) -> None:
        """End the sitting."""
        self.editor.leave()
        self.questions.stop()

    async def _take(self, text: str) -> None:
        text = text.strip()
        if not text:
            return
        self.spoken = True
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._failed(UsageError("what was sent is not UTF-8 text; write it in UTF-8"))
            return
        command = split(text) if text.startswith("/") else None
        if command is not None:
            await self._command(*command)
        elif self._talk is not None and self._talk.stepping.pausing:
            self._talk.inbox.append(self._expanded(text))
        elif self.working:
            self.outbox.queue.append(text)
            self.say("queued", clipped(text, 200), "dim")
        elif text.startswith("!"):
            from agentkit.cli.repl.shell import line_for_shell

            if told := await line_for_shell(self, text):
                self.outbox.along.append(told)
        elif text.startswith("# ") and "\n" not in text:
            await self._noted(text[2:].strip())
        else:
            self.start(self.talk.say(self._expanded(text)), says=text)

    async def _noted(self, note: str) -> None:
        from agentkit.cli.remembered import note_by_hand

        try:
            self.say("noted", note_by_hand(self.talk.settings, self.workspace.resolve().name, note))
        except AgentkitError as error:
            self._failed(error)

    async def _command(self, name: str, rest: str) -> None:
        command = meant(name, self.commands)
        if isinstance(command, str):
            self.say("", command, "yellow")
        elif self.working and not command.at_work:
            self.say("", f"/{command.name} has to wait until the agent is done; Ctrl-C stops it", "yellow")
        else:
            try:
                await command.run(self, rest)
            except AgentkitError as error:
                self._failed(error)

    def _failed(self, error: AgentkitError) -> None:
        self.code = error.exit_code
        self.say("error", str(error), "red")

    async def _conduct(self, work: Coroutine[Any, Any, None], *, of_run: bool) -> None:
        """See a piece of work through; then comes what the person sent meanwhile."""
        ticking = asyncio.ensure_future(self._tick())
        whole = False
        try:
            await work
            whole = True
            if of_run:
                ended = self.talk.state.ended
                assert ended is not None
                self.code = EXIT_CODES[ended.ending]
                whole = ended.ending is not Ending.INTERRUPTED
        except asyncio.CancelledError:
            if self._leaving:
                raise
            self.say("stopped", "nothing had begun", "yellow")
        except AgentkitError as error:
            self._failed(error)
        except Exception as fault:  # noqa: BLE001 - it is raised again where the sitting ends
            self._fault = fault
            self.editor.leave()
        finally:
            ticking.cancel()
            self._work = None
            self.editor.refresh()
        if self._fault is not None:
            return  # what waits is kept where the sitting ends
        self.outbox.take_back()
        if whole:
            await self._next()
        else:
            self.outbox.give_back()

    def hold(self, rules: Sequence[RuleSet]) -> None:
        """Know of rules that the person gave or took back."""
        self.talk.hold(rules)
        self.settings = self.talk.chosen

    async def _next(self) -> None:
        while self.outbox.queue and not self.working:
            text = self.outbox.queue.pop(0)
            self.say("you", text, "bold")
            await self._take(text)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.editor.refresh()

    def _expanded(self, text: str) -> str:
        """The message with the files that it mentions, and with what the person wanted the agent to see."""
        message, notes = with_files(text, self.workspace)
        for note in notes:
            self.say("", note, "dim")
        return "\n\n".join([message, *self.outbox.takes_along()])  # the words first: they are what is listed

    def _paused(self) -> None:
        if not self.editor.draws:
            self.say("stopped", "it goes on in a moment; Ctrl-C goes back to the prompt, or say something")

    async def _leave(self) -> None:
        self._leaving = True
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
            self.say("", "stopped at work")
        run_id = ""
        if self._talk is not None:
            self.outbox.put_away()
            run_id = self._talk.run_id if self._talk.state.started is not None else ""
            await self._talk.close()
        if run_id:
            self.say("", f"saved; go on with: agentkit --resume {run_id}", "dim")
        await self.editor.close()
