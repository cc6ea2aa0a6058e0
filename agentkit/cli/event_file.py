"""`--events FILE`: every event of a run as a JSON line, in a file or a pipe of its own."""

import os
from typing import TextIO

from agentkit.cli.as_json import JsonLines
from agentkit.core.errors import AgentkitError, UsageError
from agentkit.core.events import Recorded
from agentkit.journal.redact import Redactor


class EventFile(JsonLines):
    """Adds each event to the end of a file that only its owner can read, as it happens.

    Raises:
        UsageError: the file cannot be opened.
    """

    def __init__(self, file: str, redact: Redactor) -> None:
        super().__init__(_opened(file), redact)
        self._file = file

    def on_event(self, recorded: Recorded) -> None:
        """Write the event, and do not go on unseen when that fails."""
        try:
            super().on_event(recorded)
        except OSError as error:
            raise AgentkitError(
                f"{self._file} cannot be written any more: {error.strerror}. "
                "The run is recorded; go on with: agentkit runs resume"
            ) from error

    def close(self) -> None:
        """Close the file."""
        try:
            self._out.close()
        except OSError:  # what could not be written was told when it happened
            return


def _opened(file: str) -> TextIO:
    try:
        return open(file, "a", encoding="utf-8", opener=_private)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}; name another file") from error


def _private(name: str, how: int) -> int:
    return os.open(name, how, 0o600)
