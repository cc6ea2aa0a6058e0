"""The beginning of a file that is being fetched, which a kill at any moment leaves usable.

Beside `NAME.part` lies `NAME.part.json`: how many of its bytes were saved, and their hash. Opening
it again hashes those bytes; if they are as recorded, what follows them is cut off and the fetch goes
on there, and otherwise it starts from nothing. Every source of a file gives the same bytes, so one
may continue what another began.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.json_file import read_object
from agentkit_local_models.seal import Seal, write_json, write_seal

if TYPE_CHECKING:
    from _hashlib import HASH

CHUNK = 1 << 20


class PartFile:
    """The open beginning of a file; `finish` gives it its name.

    Attributes:
        size: bytes so far.
    """

    def __init__(self, path: Path, sha256: str) -> None:
        """Open the beginning of the file that will be `path` and have the hash `sha256`.

        Raises:
            OSError: the folder cannot be written.
        """
        self._path = path
        self._sha256 = sha256
        self._part = part_path(path)
        self._file = self._part.open("r+b" if self._part.exists() else "w+b")
        try:
            self.size, self._hash, self._source = self._recorded()
            self._saved = self.size, self._hash.copy()
            self.rollback()
        except BaseException:
            self._file.close()
            raise

    def _recorded(self) -> tuple[int, HASH, str]:
        """How many bytes are as they were saved, their hash, and where they came from."""
        nothing = 0, hashlib.sha256(), ""
        match _record(self._path):
            case {
                "for": self._sha256,
                "size": int(size),
                "sha256": str(sha256),
                "source": str(source),
            } if size > 0:
                found = hashlib.sha256()
                left = size
                while left and (data := self._file.read(min(left, CHUNK))):
                    found.update(data)
                    left -= len(data)
                if left or found.hexdigest() != sha256:
                    return nothing
                return size, found, source
            case _:
                return nothing

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def save(self, source: str) -> None:
        """Make the bytes so far the ones that outlive this process."""
        if self.size == self._saved[0]:
            return
        if source not in self._source:
            self._source = f"{self._source} and {source}" if self._source else source
        self._file.flush()
        os.fsync(self._file.fileno())
        record: dict[str, object] = {
            "for": self._sha256,
            "size": self.size,
            "sha256": self._hash.hexdigest(),
            "source": self._source,
        }
        write_json(record_path(self._path), record)
        self._saved = self.size, self._hash.copy()

    def rollback(self) -> None:
        """Drop what was appended since the last `save`."""
        self.size, self._hash = self._saved[0], self._saved[1].copy()
        self._file.seek(self.size)
        self._file.truncate()

    def restart(self) -> None:
        """Drop everything."""
        record_path(self._path).unlink(missing_ok=True)
        self._saved = 0, hashlib.sha256()
        self._source = ""
        self.rollback()

    @property
    def sha256(self) -> str:
        """Of the bytes so far."""
        return self._hash.hexdigest()

    def finish(self) -> None:
        """Rename the file to its name, whatever was there, with a seal that tells its sources."""
        stat = os.fstat(self._file.fileno())
        # The seal first: it does not fit what it may lie beside now, and fits from the rename on.
        write_seal(self._path, Seal(self.sha256, stat.st_size, stat.st_mtime_ns, self._source))
        self._part.replace(self._path)
        record_path(self._path).unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def recorded_size(path: Path, sha256: str) -> int:
    """Bytes saved of the file that will be `path`; not verified, for telling a user."""
    match _record(path):
        case {"for": recorded, "size": int(size)} if recorded == sha256 and part_path(path).is_file():
            return size
        case _:
            return 0


def part_path(path: Path) -> Path:
    """Where the beginning of the file that will be `path` is."""
    return path.with_name(f"{path.name}.part")


def record_path(path: Path) -> Path:
    """Where it is recorded how much of it was saved."""
    return path.with_name(f"{path.name}.part.json")


def _record(path: Path) -> dict[str, object]:
    try:
        return read_object(record_path(path))
    except CheckpointError:
        return {}
