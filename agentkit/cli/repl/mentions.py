"""`@path` in a message: the file's content goes with it."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

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
        return text.rstrip("\n"), f"{text.count(chr(10)) + (not text.endswith(chr(10)))} lines"
    note = f"its first {LONGEST:,} characters of {status.st_size:,} bytes"
    return f"{text[:LONGEST]}\n[{note}; read the rest with a tool]", note
