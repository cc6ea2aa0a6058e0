"""The modes of the terminal that standard input is."""

import sys
import termios
from contextlib import suppress


class Modes:
    """Knows how the terminal was found."""

    def __init__(self) -> None:
        self._found = termios.tcgetattr(sys.stdin)

    def set(self, *, quiet: bool) -> None:
        """As the terminal was found; or so that a key typed between two prompts is kept as it is."""
        modes = list(self._found)
        if quiet:
            modes[0] &= ~termios.ICRNL
            modes[3] &= ~(termios.ECHO | termios.ICANON)
        with suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)
