"""A terminal that is closed while it is written to: the sitting ends in order, and nothing fails for it.

A write may fail before the signal that tells of it is there, or instead of it: a shell passes SIGHUP on
to what it started, after the terminal is gone.
"""

import errno
import io
import os
from collections.abc import Callable
from typing import Any, TextIO


def until_hung_up(stream: TextIO, on_gone: Callable[[], object]) -> TextIO:
    """The same terminal; what is written after it was closed goes nowhere.

    Args:
        stream: A terminal's.
        on_gone: Told once that it is closed.
    """
    raw = _Terminal(stream.fileno(), on_gone)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors=stream.errors, line_buffering=True
    )


def write_nowhere() -> None:
    """What is still said is for nobody."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


class _Terminal(io.FileIO):
    def __init__(self, number: int, on_gone: Callable[[], object]) -> None:
        super().__init__(number, "w", closefd=False)
        self._on_gone = on_gone

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        write_nowhere()
        self._on_gone()
        return super().write(data)
