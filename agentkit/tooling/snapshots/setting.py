"""Files and folders set to what they were; after a kill in between, the same again completes it."""

import contextlib
import os
import shutil
import stat
from collections.abc import Generator, Mapping
from pathlib import Path

from agentkit.core.errors import JournalError
from agentkit.journal.contents import Contents, Entry
from agentkit.tooling.snapshots.comparing import ITSELF, Tree
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.metadata import give
from agentkit.tooling.snapshots.placing import PART, attributes_kept, bits, put
from agentkit.tooling.snapshots.planning import Setting, folders_above
from agentkit.tooling.workspace import Workspace

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
_MANY = 200
"""Paths; for more of them it is quicker to sync the whole disk than one by one."""


def set_files(
    workspace: Workspace, contents: Contents, settings: Mapping[str, Setting], before: bytes
) -> set[str]:
    """Set every path; on return it has reached the disk.

    Args:
        workspace: where.
        contents: what the files are to hold.
        settings: the paths.
        before: the workspace as it was when this was begun for the first time.

    Returns:
        The paths that could not get the owner, or an attribute, back that they had.

    Raises:
        JournalError: the system refuses a change; the same again may complete it.
    """
    folders = _folders_in_the_end(settings, Tree(contents, before))
    not_given: set[str] = set()
    try:
        _remove_parts(workspace, "")
        for folder in sorted(
            {above for path in settings for above in (path, *folders_above(path))}, key=_depth
        ):
            _open_up(workspace, folder)
            _remove_parts(workspace, folder)
        for path in sorted(settings, key=_depth, reverse=True):
            _make_room(workspace, path, settings[path])
        for path in sorted((one for one in settings if settings[one].want is not None), key=_depth):
            with _parent(workspace, path) as (within, name):
                if not put(within, name, contents, path, settings[path]):
                    not_given.add(path)
        for folder in sorted(folders, key=_in_the_end):
            want = folders[folder]
            with _folder(workspace, folder) as opened:
                attributes = attributes_kept(contents, folder, want)
                if not give(opened, want.owner, attributes, bits(want), want.time_ns):
                    not_given.add(folder)
        _sync(workspace, settings)
    except OSError as error:
        raise JournalError(
            f"the files could not all be set: {error.strerror} ({error.filename}). Mend that and say the "
            "same again: what is missing is then done"
        ) from error
    return not_given


def require_kept(contents: Contents, settings: Mapping[str, Setting]) -> None:
    """Refuse to begin what could not be ended, because a content is not there or not what was kept.

    Raises:
        JournalError: naming the path; nothing was changed.
    """
    for path, one in settings.items():
        if one.want is None:
            continue
        needed = {one.want.attributes, b"" if stat.S_ISDIR(one.want.mode) else one.want.hash}
        if any(name and contents.get(name) is None for name in needed):
            raise JournalError(
                f"what {written(path)} held is not kept in {contents.path} any more, so nothing was changed"
            )


def _folders_in_the_end(settings: Mapping[str, Setting], before: Tree) -> dict[str, Entry]:
    """What each folder is in the end which is set or in which something is."""
    found: dict[str, Entry] = {}
    for path, one in settings.items():
        for folder in (ITSELF, *folders_above(path)):
            entry = before.get(folder)
            if folder not in settings and entry is not None and stat.S_ISDIR(entry.mode):
                found[folder] = entry
        if one.want is not None and stat.S_ISDIR(one.want.mode):
            found[path] = one.want
    return found


def _in_the_end(folder: str) -> tuple[bool, int]:
    """Folders after what lies in them, and the workspace's own last."""
    return folder == ITSELF, -_depth(folder)


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
                parts = [entry.name for entry in listing if entry.name.startswith(PART)]
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
