"""A run above a line editor: whole rows are written once and stay, and only the last one grows."""

from collections.abc import Callable

from agentkit.cli.screens import shown_part
from agentkit.cli.words import folded, printable

MARGIN = 11
KEPT = 4000
"""Characters of what a tool printed that its last line is looked for in."""
STYLES = {"": "", "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Rows:
    """A `Screen` whose rows go to `write`; what is not a whole row yet is `tail`."""

    def __init__(
        self,
        write: Callable[[str], None],
        width: Callable[[], int],
        changed: Callable[[], None],
        *,
        colour: bool,
    ) -> None:
        self._write = write
        self._width = width
        self._changed = changed
        self._colour = colour
        self.tail = ""
        """The row that is still growing."""
        self._streamed = False
        self._printed = ""

    def line(self, label: str, text: str, style: str = "") -> None:
        """A labelled line that stays."""
        margin = max(MARGIN, len(label) + 2)
        rows = [row for part in text.split("\n") for row in folded(part, self._width() - margin)]
        for number, row in enumerate(rows):
            head = f"{label if number == 0 else '':>{margin - 2}}  "
            self._write(f"{self._styled(head, 'cyan')}{self._styled(row, style)}".rstrip())

    def words(self, piece: str) -> None:
        """The next piece of what the model says."""
        text = printable(piece)
        if not self._streamed:
            text = text.lstrip()
        if not text:
            return
        self._streamed = True
        *whole, growing = (self.tail + text).split("\n")
        for line in whole:
            self._rows(line)
        *full, self.tail = folded(growing, self._width()) or [""]
        for row in full:
            self._write(row)
        self._changed()

    def end_words(self, text: str) -> None:
        """The model has said `text`; what was shown of it stays."""
        if self._streamed:
            if self.tail.strip():
                self._write(self.tail)
        elif text:
            for line in text.split("\n"):
                self._rows(line)
        self.tail, self._streamed = "", False
        self._changed()

    def output(self, piece: str) -> None:
        """What a tool prints: its last line, for as long as it is the last."""
        self._printed = (self._printed + piece)[-KEPT:]
        self.tail = next((row for row in reversed(printable(self._printed).split("\n")) if row.strip()), "")
        self._changed()

    def result(self, text: str, style: str = "") -> None:
        """What a call came to, by its first lines."""
        self.tail = self._printed = ""
        for line in shown_part(text):
            self.line("", line, style or "dim")

    def pause(self) -> None:
        """Nothing is drawn but by the editor, so there is nothing to stop."""

    def go_on(self) -> None:
        """Nothing was stopped."""

    def _rows(self, line: str) -> None:
        for row in folded(line, self._width()):
            self._write(row)

    def _styled(self, text: str, style: str) -> str:
        code = STYLES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and code and text.strip() else text
