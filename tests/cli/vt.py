"""A terminal as its reader sees it: enough of one for what a line editor and a renderer send."""

import re

_TOKEN = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|(.)", re.DOTALL
)


class Screen:
    """Every row that was ever written, as it stands now."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0
        self._wraps = True
        self._rest = ""

    @property
    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.rows)

    def feed(self, text: str) -> None:
        text = self._rest + text
        # a sequence may arrive in two parts
        cut = re.search(r"\x1b(?:\[[0-?]*[ -/]*|[\]P][^\x07\x1b]*)?$", text)
        self._rest = text[cut.start() :] if cut else ""
        for found in _TOKEN.finditer(text[: cut.start()] if cut else text):
            if found[3] is not None:
                self._char(found[3])
            elif found[2] is not None:
                self._steer(found[2], found[1])

    def narrow(self, width: int) -> None:
        """Become narrower, as terminals do that wrap again: a row that is too long becomes several."""
        rows: list[list[str]] = []
        for number, row in enumerate(self.rows):
            if number == self.row:
                at, column = len(rows) + self.column // width, self.column % width
            pieces = [row[start : start + width] for start in range(0, len("".join(row).rstrip()), width)]
            rows += pieces or [[]]
        self.width, self.rows, self.row, self.column = width, rows, at, column
        while self.row >= len(self.rows):
            self.rows.append([])

    def _char(self, char: str) -> None:
        match char:
            case "\n":
                self._down()
            case "\r":
                self.column = 0
            case "\b":
                self.column = max(0, self.column - 1)
            case _ if char >= " ":
                if self.column >= self.width:
                    if self._wraps:
                        self._down()
                        self.column = 0
                    else:
                        self.column = self.width - 1
                row = self.rows[self.row]
                row.extend(" " * (self.column + 1 - len(row)))
                row[self.column] = char
                self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def _steer(self, what: str, arguments: str) -> None:
        number = int(arguments) if arguments.isdigit() else 0
        row = self.rows[self.row]
        match what:
            case "A":
                self.row = max(0, self.row - max(1, number))
            case "B":
                for _ in range(max(1, number)):
                    self._down()
            case "C":
                self.column = min(self.column + max(1, number), self.width - 1)
            case "D":
                self.column = max(0, self.column - max(1, number))
            case "G":
                self.column = max(1, number) - 1
            case "J" if number == 0:
                del row[self.column :], self.rows[self.row + 1 :]
            case "K":
                if number == 2:
                    row.clear()
                elif number == 0:
                    del row[self.column :]
            case "h" | "l" if arguments == "?7":
                self._wraps = what == "h"
            case _:
                pass
