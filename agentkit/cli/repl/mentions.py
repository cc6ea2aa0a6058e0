"""`@path` in a message: the file's content goes with it, after the words, as does what a command printed."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from agentkit.cli.words import counted

LONGEST = 20_000
"""Characters of one file that go with a message."""

_MENTION = re.compile(r'(?<!\S)@(?:"(?P<quoted>[^"\n]+)"|(?P<plain>[^\s"]+))')
_AFTER = ".,;:!?)"
"""What may end a sentence that names a file."""


def with_files(text: str, root: Path) -> tuple[str, list[str]]:
    """The message with the content of every file it mentions, and what the person should know of them.

    A path is relative to `root`, absolute, or begins with `~`; a folder goes as the list of what lies in it.
    """
    parts, notes = [text], list[str]()
    for written in dict.fromkeys(_mentioned(text)):
        path = _found(written, root)
        if path is None:
            notes.append(f"there is no file {written}; the message goes as it is")
            continue
        try:
            content, note = _content(path)
        except OSError as error:
            notes.append(f"{written} cannot be read: {error.strerror}")
            continue
        name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        parts.append(f"[{name}]\n{content}")
        notes.append(f"{name} goes along: {note}")
    return "\n\n".join(parts), notes


RAN = "I ran this command (exit status "
"""How the account of a command begins that goes with a message."""


def as_typed(message: str) -> tuple[str, str]:
    r"""The words of a message as the person typed them, and what commands printed that went along.

    The files that it mentions are left out: they are read again when it is sent again.

    >>> as_typed("read @a.txt\n\n[a.txt]\nmilk\n\nI ran this command (exit status 0):\n$ date")
    ('read @a.txt', 'I ran this command (exit status 0):\n$ date')
    """
    at = message.find("\n\n")
    while at >= 0 and not _goes_along(message[at + 2 :], message[:at]):
        at = message.find("\n\n", at + 2)
    if at < 0:
        return message, ""
    ran = message.find(f"\n\n{RAN}", at)
    return message[:at], message[ran + 2 :] if ran >= 0 else ""


def _goes_along(rest: str, words: str) -> bool:
    """Whether `rest` begins with a file that the words mention, or with what a command printed."""
    found = re.match(r"\[(.+)\]\n", rest)
    names = {Path(one.rstrip(_AFTER)).name for one in _mentioned(words)}
    return rest.startswith(RAN) or (found is not None and Path(found[1]).name in names)


def _mentioned(text: str) -> Iterator[str]:
    for found in _MENTION.finditer(text):
        yield found["quoted"] or found["plain"]


def _found(written: str, root: Path) -> Path | None:
    for name in dict.fromkeys((written, written.rstrip(_AFTER))):
        try:
            path = root / Path(name).expanduser() if name else root
            if name and path.exists():
                return path
        except (OSError, RuntimeError, ValueError):  # no such home, a name too long
            continue
    return None


def _content(path: Path) -> tuple[str, str]:
    if path.is_dir():
        names = sorted(f"{one.name}/" if one.is_dir() else one.name for one in path.iterdir())
        return "\n".join(names), f"the names of {len(names)} files and folders"
    # not blocking: a named pipe would keep us waiting
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is a pipe, a socket or a device, not a file")
        data = file.read(4 * LONGEST + 1)
    if b"\0" in data:
        return f"(not text; {status.st_size:,} bytes)", "its size only, for it is not text"
    text = data.decode("utf-8", "replace")
    if len(text) <= LONGEST and len(data) <= 4 * LONGEST:
        return text.rstrip("\n"), counted(text.count("\n") + (not text.endswith("\n")), "line")
    note = f"its first {LONGEST:,} characters of {status.st_size:,} bytes"
    return f"{text[:LONGEST]}\n[{note}; read the rest with a tool]", note
