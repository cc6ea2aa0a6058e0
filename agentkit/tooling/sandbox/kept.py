"""Files of a workspace that make a person's own tools run code: as they were, whatever ran there."""

import contextlib
import os
import shutil
import stat
from collections.abc import Generator
from pathlib import Path

_HELD_FILES = ("config", "config.worktree", "commondir")
"""`commondir` moves all of git's settings and hooks elsewhere, so it may not appear either."""
_LARGEST = 1 << 20

Entry = tuple[int, bytes]
Snapshot = dict[str, Entry | None]


def held_paths(workspace: Path) -> tuple[list[Path], list[Path]]:
    """Return what must stay put, and what must stay unchanged, of a repository at `workspace`.

    The repository itself must stay put, because a folder that is moved aside takes what is mounted in
    it along, and a new one in its place would be believed.
    """
    repository = workspace / ".git"
    if repository.is_symlink() or not repository.exists():
        return [], []
    if repository.is_file():
        return [], [repository]
    names = ("hooks", "modules", *_HELD_FILES)
    fixed = [repository / name for name in names if (repository / name).exists()]
    return [repository], [path for path in fixed if not path.is_symlink()]


@contextlib.contextmanager
def kept(workspace: Path) -> Generator[None]:
    """Put git's settings and hooks back as they were, if the workspace is a repository already."""
    repository = workspace / ".git"
    if not _is_folder(repository):
        yield
        return
    before = _snapshot(repository)
    try:
        yield
    finally:
        if not _is_folder(repository):
            repository.unlink(missing_ok=True)  # a link or a file in its place would name another
        elif _snapshot(repository) != before:
            _restore(repository, before)


def _snapshot(repository: Path) -> Snapshot:
    hooks = repository / "hooks"
    found = {name: _read(repository / name) for name in (*_HELD_FILES, "hooks")}
    if _is_folder(hooks):
        found |= {f"hooks/{path.name}": _read(path) for path in sorted(hooks.iterdir())}
    return found


def _read(path: Path) -> Entry | None:
    try:
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            content = os.fsencode(path.readlink())
        elif stat.S_ISREG(facts.st_mode) and facts.st_size <= _LARGEST:
            content = path.read_bytes()
        else:
            content = b""
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_mode, content


def _restore(repository: Path, before: Snapshot) -> None:
    # Nothing of the command is alive, so no link can be swapped in between; links are never followed.
    after = _snapshot(repository)
    for name in sorted(after.keys() | before.keys()):
        was, path = before.get(name), repository / name
        if _read(path) == was:
            continue
        if _is_folder(path):
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if was is None:
            continue
        mode, content = was
        if stat.S_ISDIR(mode):
            path.mkdir(stat.S_IMODE(mode))
        elif stat.S_ISLNK(mode):
            path.symlink_to(os.fsdecode(content))
        elif stat.S_ISREG(mode):
            path.write_bytes(content)
            path.chmod(stat.S_IMODE(mode))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
