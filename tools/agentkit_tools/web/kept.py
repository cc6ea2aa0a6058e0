"""Answers of search providers in files: those of today are given again, and any can be played back."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import ClassVar

import msgspec
from msgspec import Struct

from agentkit_tools.web.asking import EVERY_WISH, Down, NoResults, SearchQuery, SearchResult, Send

DAYS = 30
"""How long an answer stays in its file."""
MOST_BYTES = 10_000_000
"""Of a file of a recording."""


class Answered(Struct, frozen=True, omit_defaults=True):
    """What a provider answered on a day; one line of a recording."""

    provider: str
    day: str
    query: SearchQuery
    results: tuple[SearchResult, ...]


_decoder = msgspec.json.Decoder(Answered)


@dataclass(frozen=True, slots=True)
class Kept:
    """The answers in a folder, which nobody else on this machine reads."""

    folder: Path

    def find(self, provider: str, query: SearchQuery, day: date) -> Sequence[SearchResult]:
        """What the provider answered to just this on that day; nothing where it was not asked."""
        try:
            answered = _decoder.decode(self._file(provider, query, day).read_bytes())
        except (OSError, msgspec.MsgspecError):  # not there, or cut off by a crash: it is asked again
            return ()
        return answered.results if (answered.provider, answered.query) == (provider, query) else ()

    def keep(self, provider: str, query: SearchQuery, day: date, results: Sequence[SearchResult]) -> None:
        """Write an answer down, and remove those that are too old.

        Raises:
            OSError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._file(provider, query, day)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        part.write_bytes(msgspec.json.encode(Answered(provider, day.isoformat(), query, tuple(results))))
        part.replace(file)
        oldest = time.time() - DAYS * 86_400
        for old in self.folder.glob("*.json"):
            if old.stat().st_mtime < oldest:
                old.unlink(missing_ok=True)

    def _file(self, provider: str, query: SearchQuery, day: date) -> Path:
        asked = msgspec.json.encode((provider, query, day.isoformat()), order="deterministic")
        return self.folder / f"{hashlib.sha256(asked).hexdigest()[:32]}.json"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Plays answers back: a file with one on each line, or a folder of kept ones."""

    path: Path
    name: ClassVar[str] = "recorded"
    grants: ClassVar[frozenset[str]] = EVERY_WISH

    def search(self, query: SearchQuery, send: Send) -> Sequence[SearchResult]:
        """As `Provider.search`; the words count, whatever their case, and any provider's answer will do."""
        del send
        known: list[str] = []
        for answered in self._answers():
            if _words(answered.query.text) == _words(query.text):
                if not answered.results:
                    raise NoResults(f"{answered.provider} found nothing on {answered.day}")
                return answered.results
            known.append(answered.query.text)
        what = ", ".join(map(repr, known[:5])) or "nothing at all"
        raise Down(f"the recording {self.path} has no answer to {query.text!r}; it has {what}")

    def _answers(self) -> Iterator[Answered]:
        try:
            files = sorted(self.path.glob("*.json")) if self.path.is_dir() else [self.path]
            for file in files:
                if file.stat().st_size > MOST_BYTES:
                    raise Down(f"the recording {file} has more than {MOST_BYTES:,} bytes")
                for number, line in enumerate(file.read_bytes().splitlines(), 1):
                    if line.strip():
                        yield _answered(line, f"{file}, line {number}")
        except OSError as error:
            raise Down(f"the recording {self.path} cannot be read: {error.strerror}") from error


def _answered(line: bytes, where: str) -> Answered:
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise Down(f"{where} is no recorded answer: {error}") from error


def _words(text: str) -> str:
    return " ".join(text.casefold().split())
