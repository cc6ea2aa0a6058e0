"""Long texts, kept once each beside the events under a short name made from their content."""

import hashlib
import zlib

from agentkit.core.errors import CorruptJournal, JournalError
from agentkit.journal.database import Database
from agentkit.journal.redact import Redactor

_WORTH_DEFLATING = 256
"""Bytes below which compressing a text gains nothing."""
_FEWEST = 6
"""Signs of the content's hash in a handle; more only where another text has the same ones."""


class Texts:
    """The kept texts of a journal, shared by all of its runs."""

    def __init__(self, database: Database, redactor: Redactor) -> None:
        self._database = database
        self._redactor = redactor

    def keep(self, text: str) -> str:
        """Store a text without its secrets and return its handle; the same text has the same handle.

        It is as durable as the next durable event, which is the first that can rely on it.

        Raises:
            JournalError: it could not be written.
        """
        try:
            raw = self._redactor.text(text).encode()
        except UnicodeEncodeError as error:
            raise JournalError(f"a text cannot be kept: it holds half a character ({error})") from error
        digest = hashlib.sha256(raw)
        known = self._database.one("SELECT handle FROM texts WHERE sha256 = ?", (digest.digest(),))
        return known[0] if known else self._store(raw, digest.digest())

    def recall(self, handle: str) -> str | None:
        """The text behind a handle, or `None` when there is none.

        Raises:
            CorruptJournal: it is not what was kept.
        """
        row = self._database.one("SELECT sha256, deflated, content FROM texts WHERE handle = ?", (handle,))
        if row is None:
            return None
        sha256, deflated, content = row
        try:
            raw = zlib.decompress(content) if deflated else content
        except zlib.error:
            raw = b""
        if hashlib.sha256(raw).digest() != sha256 or not _fits(handle, sha256):
            raise CorruptJournal(
                f"the journal {self._database.path} is damaged: text {handle} is not what was kept. "
                "Runs without it can still be read; to start anew, move the file away"
            )
        return raw.decode()

    def adopt(self, handle: str, text: str) -> bool:
        """Store a text under the handle that it has in another journal; whether that can be.

        It cannot be when one of the two goes with another here.
        """
        raw = text.encode()
        digest = hashlib.sha256(raw).digest()
        self._insert(handle, digest, raw)
        return self._database.one("SELECT sha256 FROM texts WHERE handle = ?", (handle,)) == (digest,)

    def _store(self, raw: bytes, digest: bytes) -> str:
        name = f"out-{digest.hex()}"
        for length in range(len("out-") + _FEWEST, len(name) + 1):
            handle = name[:length]
            # Either unique column can hold the row back: another text has this short name, or another
            # process has just kept this very text.
            if self._insert(handle, digest, raw):
                return handle
            known = self._database.one("SELECT handle FROM texts WHERE sha256 = ?", (digest,))
            if known:
                return known[0]
        raise AssertionError("two texts with one SHA-256")

    def _insert(self, handle: str, digest: bytes, raw: bytes) -> bool:
        deflated = zlib.compress(raw, 3) if len(raw) >= _WORTH_DEFLATING else raw
        shorter = len(deflated) < len(raw)
        changed = self._database.write(
            "INSERT OR IGNORE INTO texts (handle, sha256, deflated, content) VALUES (?, ?, ?, ?)",
            (handle, digest, int(shorter), deflated if shorter else raw),
        )
        return bool(changed)


def is_handle_of(handle: str, text: str) -> bool:
    """Whether the handle is made from this very text."""
    return _fits(handle, hashlib.sha256(text.encode()).digest())


def _fits(handle: str, digest: bytes) -> bool:
    name = f"out-{digest.hex()}"
    return len(handle) >= len("out-") + _FEWEST and name.startswith(handle)
