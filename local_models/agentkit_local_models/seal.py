"""A small file beside a large one that remembers its hash, so that it is not read at every start."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.json_file import read_object


@dataclass(frozen=True, slots=True)
class Seal:
    """The hash that a file of this size and time of change had.

    A change that keeps both is not seen; seals tell damage and accidents, not attackers who can
    write to the folder.
    """

    sha256: str
    size: int
    mtime_ns: int
    source: str


def seal_of(path: Path) -> Seal:
    """The file's seal: the one beside it if it still fits, else a new one from hashing the file."""
    stat = path.stat()
    seal = _read(seal_path(path))
    if seal is not None and (seal.size, seal.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
        return seal
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    seal = Seal(sha256, stat.st_size, stat.st_mtime_ns, source="")
    with contextlib.suppress(OSError):  # a folder of another user's: hashed again next time
        write_seal(path, seal)
    return seal


def write_seal(path: Path, seal: Seal) -> None:
    """Put the seal beside the file at `path`."""
    write_json(seal_path(path), asdict(seal))


def seal_path(path: Path) -> Path:
    """Where the seal of the file at `path` is."""
    return path.with_name(f"{path.name}.seal.json")


def write_json(path: Path, value: dict[str, object]) -> None:
    """Replace the file at `path` in one step that survives a power cut whole, old or new."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(path: Path) -> Seal | None:
    try:
        match read_object(path):
            case {"sha256": str(sha256), "size": int(size), "mtime_ns": int(time), "source": str(source)}:
                return Seal(sha256, size, time, source)
            case _:
                return None
    except CheckpointError:
        return None
