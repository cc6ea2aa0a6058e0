"""An embedded Chroma collection as a store of vectors; in a folder that is ours, and of one process.

Chroma is given the vectors and never a function that makes them: it would load one on its own, and one
that a foreign collection names could be any code. Two processes that write to one folder lose vectors
there, so the folder is locked for as long as it is open.
"""

import asyncio
import fcntl
import json
import os
import secrets
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np

from agentkit.core.documents import Chunk, Facts, Hit
from agentkit.core.errors import IndexUnusable, UsageError
from agentkit.retrieval.filters import value_text
from agentkit.retrieval.flat import DOCUMENT, flat, from_flat
from agentkit.retrieval.writing import packed

MARK = "agentkit.json"
"""The file that says that a folder is ours, and which one it is."""
_COLLECTION = "pieces"
_FACT = "fact "


class ChromaVectors:
    """A collection in a folder of this machine; close it, for it holds the folder."""

    def __init__(self, folder: Path, name: str, lock: int, client: Any, collection: Any) -> None:
        self.folder = folder
        self.name = name
        self._lock = lock
        self._client = client
        self._collection = collection
        self._most = int(client.get_max_batch_size())

    @classmethod
    def open(cls, folder: str | Path) -> "ChromaVectors":
        """Open the collection in a folder, made when it is not there.

        Raises:
            UsageError: chromadb is not installed.
            IndexUnusable: another process has it open, or something else than ours is in the folder.
        """
        try:
            # by name: it is no part of what is checked
            chromadb: Any = import_module("chromadb")
            config: Any = import_module("chromadb.config")
        except ImportError as error:
            raise UsageError(
                f"a Chroma store needs {error.name}, which is not here: pip install 'agentkit[chroma]'"
            ) from error
        folder = Path(folder).absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(folder)
        try:
            name = _ours(folder)
            # no telemetry, no reset from outside, nothing but this folder
            settings = config.Settings(anonymized_telemetry=False, allow_reset=False, is_persistent=True)
            client = chromadb.PersistentClient(str(folder), settings=settings)
            collection = client.get_or_create_collection(
                _COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
            return cls(folder, name, lock, client, collection)
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Let the folder go."""
        if self._lock >= 0:
            self._client.close()
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def count(self) -> int:
        """How many pieces it holds."""
        return await asyncio.to_thread(self._collection.count)

    async def add(self, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Keep pieces, each with its vector."""
        for at in range(0, len(chunks), self._most):
            some = chunks[at : at + self._most]
            await asyncio.to_thread(
                self._collection.upsert,
                ids=[_key(chunk) for chunk in some],
                embeddings=[_floats(vector) for vector in vectors[at : at + self._most]],
                documents=[chunk.text for chunk in some],
                metadatas=[flat(chunk, _FACT) for chunk in some],
            )

    async def remove(self, documents: Collection[str]) -> None:
        """Remove every piece of these documents."""
        names = list(documents)
        for at in range(0, len(names), 100):
            await asyncio.to_thread(self._collection.delete, where={DOCUMENT: {"$in": names[at : at + 100]}})

    async def nearest(
        self, vector: Sequence[float], *, limit: int = 10, where: Facts | None = None
    ) -> Sequence[Hit]:
        """The nearest pieces, nearly all of them: Chroma does not compare them all."""
        asked: list[dict[str, Any]] = [
            {_FACT + name: {"$eq": value_text(value)}} for name, value in (where or {}).items()
        ]
        found = await asyncio.to_thread(
            self._collection.query,
            query_embeddings=[_floats(vector)],
            n_results=limit,
            where=None if not asked else asked[0] if len(asked) == 1 else {"$and": asked},
            include=["documents", "metadatas", "distances"],
        )
        texts, facts, distances = found["documents"][0], found["metadatas"][0], found["distances"][0]
        return [
            Hit(from_flat(text, metadata), 1 - distance)
            for text, metadata, distance in zip(texts, facts, distances, strict=True)
        ]


def _floats(vector: Sequence[float]) -> Any:
    """The vector as Chroma takes it, which is choosy about what a number is."""
    return np.frombuffer(packed(vector), np.float32)


def _key(chunk: Chunk) -> str:
    return f"{chunk.document}:{chunk.start}:{chunk.end}"


def _locked(folder: Path) -> int:
    lock = os.open(folder / "agentkit.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise IndexUnusable(
            f"another process has the Chroma store {folder} open, which only one can; "
            "the index file itself can be searched by any number"
        ) from error
    return lock


def _ours(folder: Path) -> str:
    """The name of the store in a folder; a new one gets one."""
    mark = folder / MARK
    if mark.exists():
        return str(json.loads(mark.read_text(encoding="utf-8"))["name"])
    if any(path.name != "agentkit.lock" for path in folder.iterdir()):
        raise IndexUnusable(
            f"{folder} holds something that is not ours; a store that others made is not opened, for what it "
            "names would be run: name a new folder"
        )
    name = f"chroma:{secrets.token_hex(16)}"
    mark.write_text(json.dumps({"name": name}), encoding="utf-8")
    return name
