"""The line editor of a terminal: it stays at the bottom, and everything else is written above it.

Nothing that was written is ever taken back. Drawn again are the input, the row that grows and one
row that says what goes on.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.typeahead import clear_typeahead, store_typeahead
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.shortcuts import CompleteStyle

from agentkit.cli.repl.editor import Status
from agentkit.cli.repl.keys import editing_keys, question_keys
from agentkit.cli.repl.modes import Modes
from agentkit.cli.repl.reflow import SteadyOutput, follow_width, wraps_again
from agentkit.cli.repl.rows import Rows
from agentkit.cli.repl.toolkit import Candidates, TypedBefore, WaysToGoOn, sent_already, typed_meanwhile
from agentkit.cli.screens import Screen
from agentkit.cli.words import folded

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

PROMPT = "> "
STILL = 0.7
"""Seconds without a key after which a person who was typing is asked something."""


class LiveEditor:
    """A line editor with history and completion that listens while the agent works."""

    listens = draws = True

    def __init__(
        self,
        *,
        history: Path,
        redact: Callable[[str], str],
        candidates: Candidates,
        status: Status,
        on_interrupt: Callable[[], None],
        working: Callable[[], bool],
        colour: bool,
        vi: bool = False,
    ) -> None:
        """Edit lines on the terminal that standard input and output are.

        Args:
            history: The file of what was typed before; it is private already.
            redact: Takes out what that file must not hold.
            candidates: Completes.
            status: The row above the input.
            on_interrupt: Called for Ctrl-C.
            working: Whether the agent is at work, so that Esc is Ctrl-C.
            colour: Whether colours are wanted.
            vi: Whether the keys are those of vi; else those of Emacs.
        """
        self._status = status
        self._colour = colour
        output = SteadyOutput.from_pty(sys.stdout, term=os.environ.get("TERM"))
        assert isinstance(output, SteadyOutput)  # it is declared as the class it derives from
        self._output = output
        # where the cursor stands need not be known, and not every terminal answers
        self._output.enable_cpr = False
        depth = None if colour else ColorDepth.DEPTH_1_BIT
        self._session: PromptSession[str] = PromptSession(
            message=self._message,
            multiline=True,
            prompt_continuation="  ",
            history=TypedBefore(str(history), redact),
            vi_mode=vi,
            completer=WaysToGoOn(candidates),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            enable_open_in_editor=True,
            enable_suspend=True,
            key_bindings=editing_keys(on_interrupt, working),
            output=self._output,
            color_depth=depth,
        )
        self._session.default_buffer.on_text_changed += self._key_pressed
        self._asking: PromptSession[str] = PromptSession(
            vi_mode=vi,
            enable_open_in_editor=True,
            key_bindings=question_keys(on_interrupt),
            output=self._output,
            color_depth=depth,
        )
        if wraps_again(os.environ):
            for session in (self._session, self._asking):
                follow_width(session.app, self._output)
        self._early = sent_already(sys.stdin.fileno())
        self._modes = Modes()
        self._modes.set(quiet=True)
        self._unasked = asyncio.Event()
        self._unasked.set()
        self._prompting = self._left = False
        self._draft = Document()
        self._pressed = 0.0
        self._rows: list[str] = []
        self._lent = asyncio.Lock()
        self._outside = False
        """Whether somebody else has the terminal."""
        self._screen = Rows(self._write, self._width, self.refresh, colour=colour)

    @property
    def screen(self) -> Screen:
        """Where a run is shown: above the input."""
        return self._screen

    @property
    def typing(self) -> bool:
        """Whether there is something in the input."""
        return bool(self._session.default_buffer.text if self._app.is_running else self._draft.text)

    async def line(self) -> str:
        """The next message; Enter sends it.

        Raises:
            EOFError: Ctrl-D in an empty input, or the terminal is gone.
        """
        while True:
            await self._unasked.wait()
            if self._left:
                raise EOFError
            if self._early:
                self._write(f"{PROMPT}{self._early[0]}")
                return self._early.pop(0)
            self._app.erase_when_done = False
            draft, self._draft = self._draft, Document()
            self._prompting = True
            try:
                return await self._session.prompt_async(default=draft, handle_sigint=False)
            except _PutAside:
                continue
            finally:
                self._prompting = False

    @asynccontextmanager
    async def asking(self) -> AsyncGenerator[None]:
        """Questions in a row; what the person is typing is put aside and comes back after the last."""
        while self.typing and (still := self._pressed + STILL - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(still)  # the next key would be an answer that was not meant as one
        async with self._without_input():
            clear_typeahead(self._asking.input)
            yield

    async def answer(self, question: str, default: str = "") -> str:
        """The person's answer, within `asking`."""
        try:
            return await self._asking.prompt_async(question, default=default, handle_sigint=False)
        except EOFError:
            return ""

    def clear(self) -> bool:
        """Take back what is in the input."""
        was = self.typing
        self._session.default_buffer.reset()
        return was

    def put_back(self, text: str) -> None:
        """Put a text that was sent before what is in the input."""
        rest = self._session.default_buffer.text if self._app.is_running else self._draft.text
        whole = Document(f"{text}\n{rest}" if rest else text)
        if self._app.is_running:
            self._session.default_buffer.document = whole
        else:
            self._draft = whole

    def leave(self) -> None:
        """End the wait for a line, this one or the next."""
        self._left = True
        self._unasked.set()
        if self._app.is_running and self._app.future is not None and not self._app.future.done():
            self._app.exit(exception=EOFError)

    def refresh(self) -> None:
        """Draw the rows above the input again."""
        if self._app.is_running:
            self._app.invalidate()

    @asynccontextmanager
    async def aside(self) -> AsyncGenerator[None]:
        """The terminal as others expect it; what is written meanwhile follows afterwards.

        Whole lines that are typed and that nobody reads are sent one by one then, as a shell takes them.
        """
        async with self._without_input():
            self._outside = True
            self._modes.set(quiet=False)
            try:
                yield
            finally:
                self._modes.set(quiet=False)  # whatever was left behind: a line ends with Enter
                store_typeahead(self._app.input, typed_meanwhile(sys.stdin.fileno()))
                self._modes.set(quiet=True)
                self._outside = False
                self._flush()

    @asynccontextmanager
    async def _without_input(self) -> AsyncGenerator[None]:
        """The terminal without the input, which comes back as it was."""
        async with self._lent:
            self._unasked.clear()
            try:
                await self._put_aside()
                yield
            finally:
                self._unasked.set()

    async def close(self) -> None:
        """Give the terminal back as it was found."""
        self._modes.set(quiet=False)

    @property
    def _app(self) -> "Application[str]":
        return self._session.app

    def _message(self) -> StyleAndTextTuples:
        parts: StyleAndTextTuples = []
        if not self._app.is_done:
            width = self._width()
            for style, row in (("", self._screen.tail), (self._dyed("ansicyan"), self._status())):
                if row.strip():
                    parts.append((style, folded(row, width - 1)[0]))
                    parts.append(("", "\n"))
        parts.append((self._dyed("bold"), PROMPT))
        return parts

    def _dyed(self, style: str) -> str:
        return style if self._colour else ""

    def _key_pressed(self, _: object) -> None:
        self._pressed = time.monotonic()

    async def _put_aside(self) -> None:
        app = self._app
        while self._prompting:
            if app.is_running and app.future is not None and not app.future.done():
                self._draft = self._session.default_buffer.document
                app.erase_when_done = True
                app.exit(exception=_PutAside)
            await asyncio.sleep(0)

    def _width(self) -> int:
        return self._output.get_size().columns

    def _write(self, row: str) -> None:
        self._rows.append(row)
        if not self._outside:
            self._flush()

    def _flush(self) -> None:
        """Write what waits above the input, which is drawn again below it."""
        if not self._rows:
            return
        rows, self._rows = self._rows, []
        drawn = next((app for app in (self._app, self._asking.app) if app.is_running), None)
        if drawn is not None:
            drawn.renderer.erase()
        sys.stdout.write("".join(f"{row}\n" for row in rows))
        sys.stdout.flush()
        if drawn is not None:
            drawn.invalidate()


class _PutAside(Exception):
    """The input makes room for a question."""
