"""Embeddings that compute a text once, and take it from the disk from then on."""

import hashlib
import sqlite3
import threading
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentkit.core.documents import Embeddings
from agentkit.core.errors import UsageError
from agentkit.models.embeddings.vectors import Vector, from_bytes, to_bytes

AT_ONCE = 256
"""Texts that are computed before they are kept: what a kill may cost."""
_LOOKED_UP = 500
"""Keys in one statement; SQLite takes 32,766 at most, older ones 999."""
_SCHEMA = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
"""


class CachedEmbeddings:
    """Embeddings whose vectors are kept in a SQLite file, by the model's name and the text's hash.

    The texts themselves are not kept. Several processes may use one file at once. Questions are not kept:
    they are short, and seldom asked twice.

    Args:
        embeddings: What computes.
        path: The file; made, with its folder, when it is not there.

    Raises:
        UsageError: it cannot be used.
    """

    def __init__(self, embeddings: Embeddings, path: Path | str) -> None:
        self.embeddings = embeddings
        self.path = Path(path).expanduser()
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from error

    @property
    def name(self) -> str:
        """That of what computes."""
        return self.embeddings.name

    @property
    def window(self) -> int:
        """That of what computes."""
        return self.embeddings.window

    def count(self, text: str) -> int:
        """As what computes counts."""
        return self.embeddings.count(text)

    def unknown(self, text: str) -> float:
        """The share of a text that what computes has no word for, where it says so; else 0."""
        tell: Any = getattr(self.embeddings, "unknown", None)
        return 0.0 if tell is None else tell(text)

    async def embed_documents(self, texts: Sequence[str]) -> Sequence[Vector]:
        """One vector of length 1 for each text, in order; of equal texts one is computed.

        Raises:
            ModelError: one could not be computed; those before it are kept.
            UsageError: the file cannot be used.
        """
        keys = [self._key(text) for text in texts]
        found = self._kept(set(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        todo = list(missing.items())
        # by length, so that a batch holds texts that take about as long
        todo.sort(key=lambda item: len(item[1]))
        for start in range(0, len(todo), AT_ONCE):
            batch = todo[start : start + AT_ONCE]
            computed = await self.embeddings.embed_documents([text for _, text in batch])
            fresh = {key: array("f", vector) for (key, _), vector in zip(batch, computed, strict=True)}
            self._keep(fresh)
            found.update(fresh)
        return [found[key] for key in keys]

    async def embed_query(self, text: str) -> Sequence[float]:
        """The vector of a question, computed.

        Raises:
            ModelError: it could not be computed.
        """
        return await self.embeddings.embed_query(text)

    async def aclose(self) -> None:
        """Close the file, and what computes where that is to be closed."""
        self._db.close()
        close: Any = getattr(self.embeddings, "aclose", None)
        if close is not None:
            await close()

    def _key(self, text: str) -> bytes:
        told = self.embeddings.name.encode() + b"\0" + text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(told, digest_size=20).digest()

    def _kept(self, keys: set[bytes]) -> dict[bytes, Vector]:
        found: dict[bytes, Vector] = {}
        wanted = list(keys)
        try:
            with self._lock:
                for start in range(0, len(wanted), _LOOKED_UP):
                    some = wanted[start : start + _LOOKED_UP]
                    marks = ",".join("?" * len(some))
                    rows = self._db.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", some)  # noqa: S608 - the marks are ours
                    found.update((key, from_bytes(vector)) for key, vector in rows)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return found

    def _keep(self, vectors: dict[bytes, Vector]) -> None:
        rows = [(key, to_bytes(vector)) for key, vector in vectors.items()]
        try:
            with self._lock, self._db:
                self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError(f"{self.path} cannot keep vectors: {error}; remove it, or name another file")
