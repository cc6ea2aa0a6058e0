"""The kinds of files that are ours, and what each is called when one of them cannot be used."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agentkit.core.errors import AgentkitError, CorruptJournal, JournalError

PATIENCE = 10.0
"""Seconds that a writer waits for another process to finish its transaction."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file of ours is for, and what a person is told when it cannot be used."""

    noun: str
    article: str
    flag: str
    """What another file is named with."""
    again: str
    """What goes on after a fault that passes."""
    application_id: int
    """Marks the file, so that another program's database is never written to."""
    page: int
    """Bytes of a page."""
    unusable: type[AgentkitError]
    corrupt: type[AgentkitError]


JOURNAL = Kind(
    noun="journal",
    article="a",
    flag="--journal",
    again="resume the run",
    application_id=0x61676A31,  # "agj1"
    page=2048,  # an event is small, and each table of a new file takes a page at least
    unusable=JournalError,
    corrupt=CorruptJournal,
)


def explain(error: Exception, path: Path, kind: Kind = JOURNAL) -> AgentkitError:
    """What SQLite's error means for the person whose file it is."""
    if isinstance(error, UnicodeDecodeError):
        return kind.corrupt(f"the {kind.noun} {path} is damaged (no schema); move it away to start a new one")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    words = printable(" ".join(str(error).split()))  # it quotes what it found in the file
    if primary == sqlite3.SQLITE_NOTADB:
        return kind.corrupt(
            f"{path} is not {kind.article} {kind.noun} ({words}); "
            f"move it away or name another with {kind.flag}"
        )
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):  # our statements are right: a table is gone
        return kind.corrupt(f"the {kind.noun} {path} is damaged ({words}); move it away to start a new one")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return kind.unusable(
            f"another process has been writing to {path} for {PATIENCE:.0f} s; "
            f"if it hangs, end it and {kind.again}"
        )
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return kind.unusable(
            f"the {kind.noun} {path} could not be written or read ({words}): is the disk full? "
            f"What is recorded is intact; make room and {kind.again}"
        )
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return kind.unusable(
            f"the {kind.noun} {path} cannot be written ({words}); "
            f"it and its folder must be writable, or name another with {kind.flag}"
        )
    return kind.unusable(f"the {kind.noun} {path} cannot be used: {words}")


def printable(text: str) -> str:
    """The text with whatever a terminal or a JSON file could not take spelled out."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
