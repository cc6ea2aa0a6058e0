"""How far each run is known to have come: a file beside the journal, by which a loss is noticed.

The hashes in the journal tell that what is there is a beginning of what was recorded, and not that it
is all of it. So whenever the journal is on the disk, the run's last event is noted here too, after it:
a note is never ahead of a journal that kept its word. It holds a slot for each run's number.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from agentkit.core.errors import CorruptJournal, JournalError

_SLOT = struct.Struct("<Q32s16sI4x")
"""Sequence number, its hash, the run's name (hashed), and a checksum of these three."""
_FREE = bytes(_SLOT.size)
_ROOM = 64
"""Slots by which the file grows."""
_MOST_RUNS = 10**7
"""A greater number is no run's: the journal is damaged."""


class Mark(Struct, frozen=True):
    """The last event of a run that was surely on the disk."""

    seq: int
    hash: bytes
    name: bytes
    """Which run has the number: another one in its place means another file."""

    @classmethod
    def at(cls, run_id: str, seq: int, own: bytes) -> "Mark":
        """The mark of the run called `run_id` at this event."""
        return cls(seq, own, name_of(run_id))


def name_of(run_id: str) -> bytes:
    """A run's name in as many bytes as a mark has for it."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogateescape")).digest()[:16]


class Marks:
    """The marks of a journal's runs, for any thread of the process."""

    def __init__(self, journal: Path) -> None:
        self.path = journal.with_name(f"{journal.name}-marks")
        self._file: int | None = None

    def of(self, run: int) -> Mark | None:
        """The mark of a run; `None` when none was ever noted.

        Raises:
            CorruptJournal: what is noted is not what was written.
        """
        return self._read(run, os.pread(self._opened(), _SLOT.size, self._place(run)))

    def all(self) -> dict[int, Mark]:
        """The mark of each run that has one, by the run's number.

        Raises:
            CorruptJournal: what is noted of one is not what was written.
        """
        size = os.fstat(self._opened()).st_size
        raw = os.pread(self._opened(), size, 0)
        found = ((n, self._read(n, raw[n * _SLOT.size : (n + 1) * _SLOT.size])) for n in range(_slots(raw)))
        return {number: mark for number, mark in found if mark is not None}

    def reserve(self, run: int) -> None:
        """Make room for a run's mark now, so that noting it later needs none.

        Raises:
            JournalError: there is no room.
        """
        if os.fstat(self._opened()).st_size < (run + 1) * _SLOT.size:
            self._write(run, _FREE * _ROOM)

    def note(self, run: int, mark: Mark) -> None:
        """Set the mark of a run whose journal is on the disk.

        Raises:
            JournalError: it could not be written.
        """
        self._write(run, _SLOT.pack(mark.seq, mark.hash, mark.name, _sum(mark)))

    def forget(self, runs: Iterable[int]) -> None:
        """Drop the marks of these runs, durably: before the runs are gone, or they would be missed."""
        for run in runs:
            self._write(run, _FREE)
        os.fsync(self._opened())

    def forget_all(self) -> None:
        """Drop every mark: the journal they belong to was moved away."""
        os.ftruncate(self._opened(), 0)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            try:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise JournalError(
                    f"cannot open {self.path}, which belongs to the journal: {error.strerror}; "
                    "it and its folder must be writable, or name another journal with --journal"
                ) from error
        return self._file

    def _place(self, run: int) -> int:
        """Where a run's mark stands.

        Raises:
            CorruptJournal: no run has that number.
        """
        if not 0 <= run < _MOST_RUNS:
            raise CorruptJournal(
                f"the journal beside {self.path} is damaged: it has a run number {run}; "
                "move it away to start a new one"
            )
        return run * _SLOT.size

    def _write(self, run: int, slot: bytes) -> None:
        try:
            os.pwrite(self._opened(), slot, self._place(run))
        except OSError as error:
            raise JournalError(
                f"{self.path}, which belongs to the journal, could not be written ({error.strerror}): is the "
                "disk full? What is recorded is intact; make room and resume the run"
            ) from error

    def _read(self, run: int, slot: bytes) -> Mark | None:
        if len(slot) < _SLOT.size or slot == _FREE:
            return None
        seq, own, name, checksum = _SLOT.unpack(slot)
        mark = Mark(seq, own, name)
        if _sum(mark) != checksum:
            raise CorruptJournal(
                f"{self.path}, which says how long each run is, is damaged at run number {run}; "
                "to take the journal as it is: agentkit runs accept"
            )
        return mark


def _slots(raw: bytes) -> int:
    return len(raw) // _SLOT.size


def _sum(mark: Mark) -> int:
    return zlib.crc32(struct.pack("<Q", mark.seq) + mark.hash + mark.name)
