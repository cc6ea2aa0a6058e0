"""A folder as text: what a case begins with and what a run leaves behind."""

import shutil
from collections.abc import Mapping
from pathlib import Path

UNREADABLE = "\0this file cannot be read"


def files_in(folder: Path) -> dict[str, str]:
    """Every file below `folder` by its relative path; no two different files read the same.

    A link is not followed: it reads as where it leads, so that nothing outside is looked at.
    """
    return {
        path.relative_to(folder).as_posix(): _text(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def folders_in(folder: Path) -> frozenset[str]:
    """Every folder below `folder` by its relative path."""
    return frozenset(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_dir() and not path.is_symlink()
    )


def fill(place: Path, folder: Path | None, files: Mapping[str, str]) -> None:
    """Make `place` a copy of `folder` (or empty) with `files` written over it."""
    if folder is None:
        place.mkdir()
    else:
        shutil.copytree(folder, place, symlinks=True)
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))


def _text(path: Path) -> str:
    if path.is_symlink():
        return f"\0link to {path.readlink()}"
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:  # an agent may have taken the right to read it away
        return UNREADABLE
