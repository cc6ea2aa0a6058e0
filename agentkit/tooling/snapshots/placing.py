"""One file, link or folder put where it was, with all that is kept of it."""

import contextlib
import os
import secrets
import stat

from agentkit.core.errors import JournalError
from agentkit.journal.contents import Contents, Entry
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.metadata import give, give_link, give_owner
from agentkit.tooling.snapshots.planning import Setting

PART = ".agentkit-undo-"
"""How the names of files begin that are not yet whole."""


def put(folder: int, name: str, contents: Contents, path: str, setting: Setting) -> bool:
    """Put what is wanted at a path; whether it got its owner and its attributes back.

    Args:
        folder: the open folder in which it lies.
        name: what it is called there.
        contents: what it is to hold.
        path: for words.
        setting: what is wanted, and what is there.

    Raises:
        JournalError: it is not kept.
        OSError: the system refuses.
    """
    want = setting.want
    if want is None:  # it went when room was made
        return True
    if stat.S_ISDIR(want.mode):
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
            _give(folder, name)
        return True  # the rest comes when all that lies in it is set
    if _holds_it(setting):
        return _given(folder, name, want, attributes_kept(contents, path, want))
    content = _content(contents, path, want.hash)
    attributes = attributes_kept(contents, path, want)
    if want.inode and _is_the_one(folder, name, want) and _written_in_place(folder, name, content):
        return _given(folder, name, want, attributes)
    part = f"{PART}{secrets.token_hex(8)}.part"
    if stat.S_ISLNK(want.mode):
        os.symlink(content, part, dir_fd=folder)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        _fill(os.open(part, flags, 0o600, dir_fd=folder), content)
    _give(folder, part, like=name)
    whole = _given(folder, part, want, attributes)
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    return whole


def _holds_it(setting: Setting) -> bool:
    """Whether what is there holds what is wanted already, and only what is told of it differs."""
    want, have = setting.want, setting.have
    if want is None or have is None or have.why:
        return False
    return stat.S_IFMT(have.mode) == stat.S_IFMT(want.mode) and have.hash == want.hash


def _given(folder: int, name: str, want: Entry, attributes: bytes | None) -> bool:
    """Give a file or link its owner, attributes, permissions and time; whether it could get all of them."""
    if stat.S_ISLNK(want.mode):
        return give_link(folder, name, want.owner, want.time_ns)
    opened = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)
    try:
        return give(opened, want.owner, attributes, bits(want), want.time_ns)
    finally:
        os.close(opened)


def _content(contents: Contents, path: str, name: bytes) -> bytes:
    content = contents.get(name)
    if content is None:
        raise JournalError(f"what {written(path)} held is not kept in {contents.path} any more")
    return content


def attributes_kept(contents: Contents, path: str, want: Entry) -> bytes | None:
    """The attributes that a thing had; `None` where they were not kept."""
    if want.owner is None:
        return None
    return _content(contents, path, want.attributes) if want.attributes else b""


def bits(entry: Entry) -> int:
    """The permissions."""
    return stat.S_IMODE(entry.mode)


def _is_the_one(folder: int, name: str, want: Entry) -> bool:
    """Whether it is still the file of several names that it was."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_ino == want.inode and status.st_nlink > 1


def _written_in_place(folder: int, name: str, content: bytes) -> bool:
    """Whether a file now holds the content under all of its names."""
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except PermissionError:  # write-protected: a new file takes its place
        return False
    _fill(descriptor, content)
    return True


def _fill(descriptor: int, content: bytes) -> None:
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, len(content))
    finally:
        os.close(descriptor)


def _give(folder: int, name: str, like: str = "") -> None:
    """Under the superuser, give a new thing to whom the old one belonged, or else the folder.

    What was kept says it better, and what could not be given back is named by that; this is for what was
    kept before owners were.
    """
    if os.geteuid() != 0:
        return
    try:
        owner = os.stat(like or ".", dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        owner = os.stat(".", dir_fd=folder)
    give_owner(folder, name, (owner.st_uid, owner.st_gid))
