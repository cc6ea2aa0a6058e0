"""What prompt_toolkit asks of a history and of a completer, and what was typed before it was there."""

import os
import select
from collections.abc import Callable, Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.key_processor import KeyPress

MOST_REMEMBERED = 20_000
"""Characters of a message that the history keeps."""

Candidates = Callable[[str], tuple[int, Iterable[str]]]
"""For the text before the cursor: how much of its end is replaced, and by what it could be."""


class TypedBefore(FileHistory):
    """A history of whole messages, without secrets and without what is too long to be called up again."""

    def __init__(self, path: str, redact: Callable[[str], str]) -> None:
        super().__init__(path)
        self._redact = redact

    def append_string(self, string: str) -> None:
        """Remember a message that was sent."""
        if string.strip() and len(string) <= MOST_REMEMBERED:
            super().append_string(string)

    def store_string(self, string: str) -> None:
        """Write it down, without its secrets."""
        super().store_string(self._redact(string))


class WaysToGoOn(Completer):
    """What the text before the cursor could go on as, as a function tells."""

    def __init__(self, candidates: Candidates) -> None:
        self._candidates = candidates

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - prompt_toolkit calls it so
        """What the text before the cursor could go on as."""
        replaced, words = self._candidates(document.text_before_cursor)
        for word in words:
            yield Completion(word, start_position=-replaced)


def typed_meanwhile(descriptor: int) -> list[KeyPress]:
    """The keys of what was typed while somebody else had the terminal; an unfinished line stays in it."""
    typed = b""
    while select.select([descriptor], [], [], 0)[0] and (line := os.read(descriptor, 65536)):
        typed += line
    keys: list[KeyPress] = []
    parser = Vt100Parser(keys.append)
    # Enter is a line end where the terminal's driver has seen it
    parser.feed(typed.decode("utf-8", "replace").replace("\n", "\r"))
    parser.flush()
    return keys


def sent_already(descriptor: int) -> list[str]:
    """The whole lines that were typed while nobody edited them yet; what is not sent stays to be edited."""
    lines: list[str] = []
    while select.select([descriptor], [], [], 0)[0]:
        line = os.read(descriptor, 65536)
        if not line.endswith(b"\n"):
            break
        lines.append(line.decode("utf-8", "replace").rstrip("\n"))
    return lines
