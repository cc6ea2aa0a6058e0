"""Where a run is shown: plain lines for logs and pipes, colours and a redrawn status on a terminal."""

import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TextIO

from agentkit.cli.words import printable

if TYPE_CHECKING:
    from rich.text import Text

SHOWN_FIRST, SHOWN_LAST = 3, 6
"""Lines of a result that the person is shown, at its beginning and at its end."""
LONGEST_LINE = 240
"""Characters of such a line."""
TAIL_ROWS = 4
"""Rows above the status line in which text appears while it is made."""
_MARGIN = 11
_KEPT_TAIL = 4000


class Look(Enum):
    """What a stream can show."""

    PLAIN = "plain"
    COLOURED = "coloured"
    """Colours, but nothing is redrawn."""
    LIVE = "live"


def look_of(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Look:
    """What the stream and the person's NO_COLOR, FORCE_COLOR and TERM allow."""
    if environ.get("NO_COLOR"):
        return Look.PLAIN
    if stream.isatty() and environ.get("TERM") not in ("dumb", "unknown"):
        return Look.LIVE
    return Look.COLOURED if environ.get("FORCE_COLOR", "0") not in ("", "0") else Look.PLAIN


class Screen(Protocol):
    """Lines with a label, and text that appears while it is made."""

    def line(self, label: str, text: str, style: str = "") -> None:
        """A line that stays."""
        ...

    def words(self, piece: str) -> None:
        """The next piece of what the model says."""
        ...

    def end_words(self, text: str) -> None:
        """The model has said `text`; empty when it is not to stay."""
        ...

    def output(self, piece: str) -> None:
        """The next piece of what a tool prints."""
        ...

    def result(self, text: str, style: str = "") -> None:
        """What a call came to, by its first lines."""
        ...

    def pause(self) -> None:
        """Leave the terminal to somebody else."""
        ...

    def go_on(self) -> None:
        """Take the terminal back."""
        ...


def screen_on(stream: TextIO, look: Look, status: Callable[[], str]) -> Screen:
    """A screen of that look; `status` is asked for the status line whenever it is drawn."""
    if look is Look.PLAIN:
        return _PlainScreen(stream)
    return _RichScreen(stream, status if look is Look.LIVE else None)


class _PlainScreen:
    """Lines without colour; nothing is ever taken back."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._midline = False
        self._streamed = False
        self._printed: list[str] = []
        """Lines of the running call that were shown as they came."""
        self._unfinished = ""

    def line(self, label: str, text: str, style: str = "") -> None:  # noqa: ARG002 - plain has no style
        self._fresh()
        for index, part in enumerate(text.split("\n")):
            self._out.write(f"{label if index == 0 else '':>9}  {part}".rstrip() + "\n")
        self._out.flush()

    def words(self, piece: str) -> None:
        text = printable(piece)
        if not self._streamed:
            text = text.lstrip()
        if not text:
            return
        margin = " " * _MARGIN
        self._out.write(("" if self._midline else margin) + text.replace("\n", "\n" + margin))
        self._out.flush()
        self._midline = self._streamed = True

    def end_words(self, text: str) -> None:
        self._fresh()
        if text and not self._streamed:
            self.line("", text)
        self._streamed = False

    def output(self, piece: str) -> None:
        if len(self._printed) >= SHOWN_FIRST:
            return
        *lines, self._unfinished = (self._unfinished + piece).split("\n")
        for line in lines[: SHOWN_FIRST - len(self._printed)]:
            shown = printable(line)[:LONGEST_LINE]
            self._printed.append(shown)
            self.line("", shown)

    def result(self, text: str, style: str = "") -> None:
        shown = shown_part(text)
        seen = len(self._printed) if shown[: len(self._printed)] == self._printed else 0
        for line in shown[seen:]:
            self.line("", line, style)
        self._printed, self._unfinished = [], ""

    def pause(self) -> None:
        self._fresh()

    def go_on(self) -> None:
        """Nothing is redrawn, so nothing has to start."""

    def _fresh(self) -> None:
        if self._midline:
            self._out.write("\n")
            self._midline = False


class _RichScreen:
    """Coloured lines; with a status, a line below them that is redrawn in place."""

    def __init__(self, out: TextIO, status: Callable[[], str] | None) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        self._text, self._table = Text, Table
        self._console = Console(file=out, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._status = status
        self._tail = ""
        self._spinner = Spinner("dots")
        self._live = status and Live(
            console=self._console,
            transient=True,
            refresh_per_second=10,
            get_renderable=self._bottom,
            # what others print is theirs: standard output is not ours to redirect
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.go_on()

    def line(self, label: str, text: str, style: str = "") -> None:
        if self._live is None:
            row = self._text(f"{label:>9}  ", style="cyan")
            row.append(text.replace("\n", "\n" + " " * _MARGIN), style=style or None)
            self._console.print(row, soft_wrap=True)
            return
        grid = self._table.grid(padding=(0, 2, 0, 0))
        grid.add_column(min_width=_MARGIN - 2, justify="right", no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(self._text(label, style="cyan"), self._text(text, style=style))
        self._console.print(grid)

    def words(self, piece: str) -> None:
        self._tail += piece

    def end_words(self, text: str) -> None:
        self._tail = ""
        if text:
            self.line("", text)

    def output(self, piece: str) -> None:
        self._tail = (self._tail + piece)[-_KEPT_TAIL:]

    def result(self, text: str, style: str = "") -> None:
        self._tail = ""
        for line in shown_part(text):
            self.line("", line, style or "dim")

    def pause(self) -> None:
        if self._live is not None:
            self._live.stop()

    def go_on(self) -> None:
        if self._live is not None:
            self._live.start()

    def _bottom(self) -> "Text":
        """The last rows of what is being made, and the status line cut to the width."""
        width = max(10, self._console.width - 1)
        shown = self._text()
        if tail := printable(self._tail[-_KEPT_TAIL:]).strip("\n"):
            # the last rows of a long text are within its last characters
            rows = self._text(tail[-width * (TAIL_ROWS + 1) :]).wrap(self._console, width, overflow="fold")
            for row in rows[-TAIL_ROWS:]:
                shown.append(row.plain + "\n", style="dim")
        mark = self._spinner.render(self._console.get_time())
        line = self._text(f"{mark} {self._status() if self._status else ''}", style="cyan")
        line.truncate(width, overflow="ellipsis")
        return shown.append_text(line)


def shown_part(text: str) -> list[str]:
    """The first and the last lines of a result: what a command came to stands at its end."""
    lines = [
        line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"
        for line in printable(text).rstrip().split("\n")
    ]
    between = len(lines) - SHOWN_FIRST - SHOWN_LAST
    if between <= 1:
        return lines
    return [*lines[:SHOWN_FIRST], f"… {between} lines …", *lines[-SHOWN_LAST:]]
