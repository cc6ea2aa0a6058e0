"""What the system knows of a file, what of it is refused, and bytes that get into one whole."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from agentkit.core.errors import ToolFault

Kind = Literal["file", "folder", "missing", "other"]
"""`other` is what cannot be read like a file: a pipe, a socket, a device, a link that leads nowhere."""

_CHUNK = 1024 * 1024


def too_wide(folder: str) -> str:
    """Why a folder, by its real path, is more than an agent should hold, or nothing."""
    if folder == "/":
        return "it is the whole disk"
    if (named := os.path.expanduser("~")) == "~":  # noqa: PTH111 - a user without a home is no error
        return ""
    home = _real(named)
    if folder == home:
        return "it is your whole home folder"
    return "your home folder lies in it" if home.startswith(f"{folder}/") else ""


@lru_cache(maxsize=4)  # a home stays where it is while a program runs, and each run asks
def _real(path: str) -> str:
    return os.path.realpath(path)


def place_of(descriptor: int, named: str) -> str:
    """The real path of a folder that was opened by a name, wherever links led on the way."""
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - as text, for every run
        if real == named or os.path.samestat(os.stat(real), os.fstat(descriptor)):  # noqa: PTH116
            return real
    except OSError:
        pass  # without /proc, or with a folder that was moved since, links are followed once more
    return os.path.realpath(named)


def kind_of(mode: int) -> Kind:
    """What a thing is, by its mode."""
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"


def link_target_of(folder: int, name: str) -> str | None:
    """Where a link in an open folder says that it leads; `None` of what is no link, or is not there."""
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        # EINVAL: it is there and is no link
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise


def refuse_unless_file(path: str, mode: int) -> None:
    """Only a regular file is read and written like one."""
    if stat.S_ISDIR(mode):
        raise ToolFault(f'"{path}" is a folder, not a file')
    if not stat.S_ISREG(mode):
        raise ToolFault(f'"{path}" is a pipe, a socket or a device, not a file')


def refuse_protected(path: str, mode: int) -> None:
    """Somebody took the permission to write away; the superuser and a rename would not notice."""
    if not mode & 0o222:
        raise ToolFault(f'"{path}" is write-protected')


def refuse_taken(path: str, folder: int, name: str) -> None:
    """Nothing is moved or copied over what is there."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    raise ToolFault(
        f'"{path}" already exists and is never overwritten; delete it first or name another target'
    )


def chunks(descriptor: int) -> Iterator[bytes]:
    """What an open file holds, piece by piece."""
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, however few the system takes at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_names(folder: int) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_text(path: str) -> bool:
    """Whether a path can be written down: bytes that are no UTF-8 cannot."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    """A name as text; it need not be."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
