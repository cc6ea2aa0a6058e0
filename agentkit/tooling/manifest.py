"""A workspace at one moment, as text, and what became of it since."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agentkit.tooling.file_system import is_text
from agentkit.tooling.nearest import listed

MORE = "..."
"""The last line of a manifest that does not list everything."""

_FOLDER = "/"


def file_line(path: str, size: int, mtime_ns: int, inode: int) -> str:
    """A file's line. The inode tells apart what was replaced within one tick of the clock."""
    return f"{size} {mtime_ns} {inode} {_written(path)}"


def folder_line(path: str) -> str:
    """A folder's line: only that it exists."""
    return f"{_FOLDER} {_written(path)}"


def paths_in(manifest: str) -> list[str]:
    r"""The files a manifest lists.

    >>> paths_in("/ a\n12 1700000000000000000 5 a/b.txt\n")
    ['a/b.txt']
    """
    return list(_read(manifest).files)


def text_paths_in(manifest: str) -> list[str]:
    """The files a manifest lists whose names are text, sorted; as `Workspace.files` names them."""
    return sorted(filter(is_text, paths_in(manifest)))


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two moments; as text, a sentence for the model."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    folders_added: tuple[str, ...] = ()
    folders_removed: tuple[str, ...] = ()
    complete: bool = True
    """Whether everything was compared; a huge workspace is only listed in part."""

    def __bool__(self) -> bool:
        return any((self.added, self.changed, self.removed, self.folders_added, self.folders_removed))

    def __str__(self) -> str:
        told = [
            f"{word} {listed([_shown(path) for path in paths], most=20)}"
            for word, paths in (
                ("added", self.added),
                ("changed", self.changed),
                ("removed", self.removed),
                ("added the folder", _bare(self.folders_added, self.added)),
                ("removed the folder", _bare(self.folders_removed, self.removed)),
            )
            if paths
        ]
        partly = "" if self.complete else " (the workspace is too large to compare all of it)"
        return ("; ".join(told) or "no file changed") + partly


def changes(before: str, after: str) -> Changes:
    r"""What became of the workspace between two manifests.

    >>> print(changes("3 10 1 a.txt\n3 10 2 b.txt\n", "4 11 1 a.txt\n3 10 3 c.txt\n"))
    added c.txt; changed a.txt; removed b.txt
    """
    if before == after:  # as it is with most steps and whole runs: nothing has to be read
        return Changes(complete=not after.endswith(f"{MORE}\n"))
    old, new = _read(before), _read(after)
    # a manifest that stops early says nothing of what comes after its last line
    ends = [listing.last for listing in (old, new) if listing.last is not None]
    end = min(ends, default=None)

    def compared(paths: Iterable[str]) -> Sequence[str]:
        return [path for path in paths if end is None or _order(path) <= end]

    was, now = old.files, new.files
    return Changes(
        added=tuple(compared(path for path in now if path not in was)),
        changed=tuple(compared(path for path in now if path in was and was[path] != now[path])),
        removed=tuple(compared(path for path in was if path not in now)),
        folders_added=tuple(compared(path for path in new.folders if path not in old.folders)),
        folders_removed=tuple(compared(path for path in old.folders if path not in new.folders)),
        complete=end is None,
    )


@dataclass(frozen=True, slots=True)
class _Listing:
    files: dict[str, str]
    folders: dict[str, None]
    last: tuple[str, ...] | None
    """Where the listing broke off, in the order of the walk."""


def _read(manifest: str) -> _Listing:
    files: dict[str, str] = {}
    folders: dict[str, None] = {}
    path, cut = "", False
    for line in manifest.split("\n"):
        if line == MORE:
            cut = True
        elif line.startswith(_FOLDER):
            path = _unwritten(line[2:])
            folders[path] = None
        elif line:
            size, mtime, inode, written = line.split(" ", 3)
            path = _unwritten(written)
            files[path] = f"{size} {mtime} {inode}"
    return _Listing(files, folders, _order(path) if cut else None)


def _order(path: str) -> tuple[str, ...]:
    return tuple(path.split("/"))


def _written(path: str) -> str:
    """A path on one line: quoted where it holds what a line cannot."""
    return path if path.isprintable() and not path.startswith('"') else json.dumps(path)


def _unwritten(text: str) -> str:
    return str(json.loads(text)) if text.startswith('"') else text


def _shown(path: str) -> str:
    return path if path.isprintable() else json.dumps(path)


def _bare(folders: Sequence[str], files: Sequence[str]) -> list[str]:
    """The folders that no file already speaks for."""
    return [folder for folder in folders if not any(path.startswith(f"{folder}/") for path in files)]
