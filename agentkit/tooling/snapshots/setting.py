"""Files and folders set to what they were; after a kill in between, the same again completes it."""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Generator, Mapping
from pathlib import Path

from agentkit.core.errors import JournalError
from agentkit.journal.contents import Contents, Entry
from agentkit.tooling.snapshots.comparing import Tree
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.planning import Setting, folders_above
from agentkit.tooling.workspace import Workspace

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_PART = ".agentkit-undo-"
_MANY = 200
"""Paths; for more of them it is quicker to sync the whole disk than one by one."""


def set_files(
    workspace: Workspace, contents: Contents, settings: Mapping[str, Setting], before: bytes
) -> None:
    """Set every path; on return it has reached the disk.

    Args:
        workspace: where.
        contents: what the files are to hold.
        settings: the paths.
        before: the workspace as it was when this was begun for the first time.

    Raises:
        JournalError: the system refuses a change; the same again may complete it.
    """
    modes = _folder_modes(settings, Tree(contents, before))
    try:
        _remove_parts(workspace, "")
        for folder in sorted(
            {above for path in settings for above in (path, *folders_above(path))}, key=_depth
        ):
            _open_up(workspace, folder)
            _remove_parts(workspace, folder)
        for path in sorted(settings, key=_depth, reverse=True):
            _make_room(workspace, path, settings[path])
        for path in sorted(settings, key=_depth):
            if (want := settings[path].want) is not None:
                _put(workspace, contents, path, want)
        for folder in sorted(modes, key=_depth, reverse=True):
            _set_mode(workspace, folder, modes[folder])
        _sync(workspace, settings)
    except OSError as error:
        raise JournalError(
            f"the files could not all be set: {error.strerror} ({error.filename}). Mend that and say the "
            "same again: what is missing is then done"
        ) from error


def require_kept(contents: Contents, settings: Mapping[str, Setting]) -> None:
    """Refuse to begin what could not be ended, because a content is not there or not what was kept.

    Raises:
        JournalError: naming the path; nothing was changed.
    """
    for path, one in settings.items():
        if one.want is not None and not stat.S_ISDIR(one.want.mode) and contents.get(one.want.hash) is None:
            raise JournalError(
                f"what {written(path)} held is not kept in {contents.path} any more, so nothing was changed"
            )


def _folder_modes(settings: Mapping[str, Setting], before: Tree) -> dict[str, int]:
    """The permissions that each folder has in the end which is set or in which something is."""
    modes: dict[str, int] = {}
    for path, one in settings.items():
        for folder in folders_above(path):
            entry = before.get(folder)
            if folder not in settings and entry is not None and stat.S_ISDIR(entry.mode):
                modes[folder] = stat.S_IMODE(entry.mode)
        if one.want is not None and stat.S_ISDIR(one.want.mode):
            modes[path] = stat.S_IMODE(one.want.mode)
    return modes


def _open_up(workspace: Workspace, folder: str) -> None:
    """Let the owner change what lies in a folder, if one is there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), _folder(workspace, folder) as opened:
        mode = os.fstat(opened).st_mode
        if mode & 0o700 != 0o700:
            _chmod(opened, stat.S_IMODE(mode) | 0o700)


def _remove_parts(workspace: Workspace, folder: str) -> None:
    """Remove what a setting that was killed left half-written."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), _folder(workspace, folder) as opened:
        listable = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=opened)
        try:
            with os.scandir(listable) as listing:
                parts = [entry.name for entry in listing if entry.name.startswith(_PART)]
            for name in parts:
                os.unlink(name, dir_fd=listable)
        finally:
            os.close(listable)


def _make_room(workspace: Workspace, path: str, setting: Setting) -> None:
    """Remove what is there, where it goes or something of another kind takes its place."""
    try:
        with _parent(workspace, path) as (folder, name):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if setting.want is not None and stat.S_IFMT(mode) == stat.S_IFMT(setting.want.mode):
                return
            if stat.S_ISDIR(mode) and setting.have is not None and setting.have.why:
                shutil.rmtree(name, dir_fd=folder)  # nobody knows what lies in it
            elif stat.S_ISDIR(mode):
                os.rmdir(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return  # gone already, or what it lay in is


def _put(workspace: Workspace, contents: Contents, path: str, want: Entry) -> None:
    with _parent(workspace, path) as (folder, name):
        if stat.S_ISDIR(want.mode):
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
                _give(folder, name)
            return
        content = contents.get(want.hash)
        if content is None:
            raise JournalError(f"what {written(path)} held is not kept in {contents.path} any more")
        if want.inode and _written_in_place(folder, name, want, content):
            return
        part = f"{_PART}{secrets.token_hex(8)}.part"
        if stat.S_ISLNK(want.mode):
            os.symlink(content, part, dir_fd=folder)
            _give(folder, part, like=name)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(part, flags, 0o600, dir_fd=folder)
            _give(folder, part, like=name)
            _fill(descriptor, content, want)
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def _written_in_place(folder: int, name: str, want: Entry, content: bytes) -> bool:
    """Whether it is still the file of several names that it was, and now holds the content under all."""
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:  # gone, another thing, or write-protected: a new file takes its place
        return False
    status = os.fstat(descriptor)
    if status.st_ino != want.inode or status.st_nlink == 1:
        os.close(descriptor)
        return False
    _fill(descriptor, content, want)
    return True


def _fill(descriptor: int, content: bytes, want: Entry) -> None:
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, len(content))
        os.fchmod(descriptor, stat.S_IMODE(want.mode))
    finally:
        os.close(descriptor)


def _give(folder: int, name: str, like: str = "") -> None:
    """Under the superuser, give a new thing to whom the old one belonged, or else the folder."""
    if os.geteuid() != 0:
        return
    try:
        owner = os.stat(like or ".", dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        owner = os.stat(".", dir_fd=folder)
    os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)


def _set_mode(workspace: Workspace, folder: str, mode: int) -> None:
    with _folder(workspace, folder) as opened:
        if stat.S_IMODE(os.fstat(opened).st_mode) != mode:
            _chmod(opened, mode)


def _sync(workspace: Workspace, settings: Mapping[str, Setting]) -> None:
    """Make all of it durable."""
    if len(settings) > _MANY:
        os.sync()
        return
    for path in {*settings, *(path.rpartition("/")[0] for path in settings)}:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            _sync_one(workspace, path)


def _sync_one(workspace: Workspace, path: str) -> None:
    with _parent(workspace, path) as (folder, name):
        status = os.stat(name or ".", dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            return  # a link is a name in its folder and nothing else
        try:
            descriptor = os.open(name or ".", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except PermissionError:
            os.sync()
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _chmod(opened: int, mode: int) -> None:
    # a folder need not be readable to be changed, and the name could have become a link
    Path(f"/proc/self/fd/{opened}").chmod(mode)


@contextlib.contextmanager
def _folder(workspace: Workspace, path: str) -> Generator[int]:
    """A folder, opened without following any link on the way: a kept path never leads through one."""
    descriptor = workspace.open_at("", _FOLDER)
    try:
        for part in path.split("/") if path else ():
            below = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _parent(workspace: Workspace, path: str) -> Generator[tuple[int, str]]:
    """The open folder that a path lies in, and its name there."""
    folder, _, name = path.rpartition("/")
    with _folder(workspace, folder) as descriptor:
        yield descriptor, name


def _depth(path: str) -> int:
    return path.count("/")
