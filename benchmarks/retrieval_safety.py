"""What an index loses to kills, to two writers at once, and to whoever had it open before: counts, not times.

`python benchmarks/retrieval_safety.py`: 20 rounds of SIGKILL in the middle of writing, 4 rounds of two
processes that write at once, 4 of a reader that was open before another process wrote. A row is lost when it
was acknowledged and is not there, unfindable when its own vector does not find it. Where chromadb is
installed its embedded store is put through the same (4 kills).
"""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from facts import machine_facts, write_result
from numpy.typing import NDArray

from agentkit.core.documents import Chunk, Document
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.vectors import Vectors
from agentkit.retrieval.writing import Entry, Piece

SIZE = 64
AT_ONCE = 50
ROWS = 3_000
"""Rows of a writer."""
PROBED = 400
SEED = 3


class Store(Protocol):
    """What is put through it: rows by their number, each with a vector that is drawn from it."""

    def add(self, numbers: Sequence[int]) -> None: ...
    def held(self) -> set[int]: ...
    def finds(self, number: int) -> bool: ...


def vectors_of(numbers: Sequence[int]) -> NDArray[np.float32]:
    rows = np.stack([np.random.default_rng((SEED, number)).normal(size=SIZE) for number in numbers])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Ours:
    """Our store."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore.open(folder / "index.db")
        self.vectors = Vectors(self.store)

    def add(self, numbers: Sequence[int]) -> None:
        entries: list[Entry] = []
        for number, vector in zip(numbers, vectors_of(numbers), strict=True):
            text = f"text {number}"
            piece = Piece(Chunk(str(number), 0, len(text), text), text.split(), vector)
            entries.append(Entry(Document(str(number), text), [piece]))
        self.store.put(entries)

    def held(self) -> set[int]:
        return {int(name) for name in self.store.digests()}

    def finds(self, number: int) -> bool:
        found = self.vectors.nearest(vectors_of([number])[0].tolist(), 1)
        return [chunk.document for chunk in self.store.chunks([id_ for id_, _ in found])] == [str(number)]


class Chroma:
    """An embedded Chroma, as it is used without our lock."""

    def __init__(self, folder: Path) -> None:
        chromadb: Any = importlib.import_module("chromadb")
        settings: Any = importlib.import_module("chromadb.config").Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(str(folder), settings=settings)
        self.collection = client.get_or_create_collection("rows", embedding_function=None)

    def add(self, numbers: Sequence[int]) -> None:
        ids = [str(number) for number in numbers]
        self.collection.add(ids=ids, embeddings=vectors_of(numbers), documents=[f"text {id_}" for id_ in ids])

    def held(self) -> set[int]:
        return {int(id_) for id_ in self.collection.get(include=[])["ids"]}

    def finds(self, number: int) -> bool:
        found = self.collection.query(query_embeddings=vectors_of([number]), n_results=1, include=[])
        return found["ids"][0] == [str(number)]


STORES: dict[str, Callable[[Path], Store]] = {"ours": Ours, "chroma": Chroma}


def write(name: str, folder: Path, first: int, count: int) -> None:
    """Add rows, and say after each portion how far they are acknowledged."""
    store = STORES[name](folder)
    print("open", flush=True)
    for at in range(first, first + count, AT_ONCE):
        store.add(range(at, min(at + AT_ONCE, first + count)))
        print(min(at + AT_ONCE, first + count), flush=True)


def writer(name: str, folder: Path, first: int, count: int) -> "subprocess.Popen[str]":
    argv = [sys.executable, __file__, "write", name, str(folder), str(first), str(count)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def unfindable(store: Store, numbers: Sequence[int]) -> int:
    step = max(1, len(numbers) // PROBED)
    return sum(not store.finds(number) for number in numbers[::step])


def killed(name: str, folder: Path, rounds: int) -> dict[str, int]:
    chance = np.random.default_rng(SEED)
    acknowledged: list[int] = []
    first = 0
    for _ in range(rounds):
        process = writer(name, folder, first, ROWS)
        assert process.stdout is not None
        reached = first
        for _ in range(int(chance.integers(2, 30))):
            line = process.stdout.readline().strip()
            reached = int(line) if line.isdigit() else reached
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        reached = max([reached, *(int(line) for line in rest.split() if line.isdigit())])
        acknowledged += range(first, reached)
        first += ROWS
    return in_a_child(name, folder, acknowledged) | {"rounds": rounds, "acknowledged": len(acknowledged)}


def together(name: str, folder: Path) -> dict[str, int]:
    processes = [writer(name, folder, first, ROWS) for first in (0, ROWS)]
    for process in processes:
        process.communicate()
    died = sum(process.returncode != 0 for process in processes)
    return in_a_child(name, folder, range(2 * ROWS)) | {"died": died}


def read_before(name: str, folder: Path) -> dict[str, int]:
    writer(name, folder, 0, 500).communicate()
    store = STORES[name](folder)
    store.finds(3)
    writer(name, folder, 500, ROWS).communicate()
    numbers = range(500, 500 + ROWS)
    return {"lost": len(set(numbers) - store.held()), "unfindable": unfindable(store, numbers)}


def in_a_child(name: str, folder: Path, numbers: Sequence[int]) -> dict[str, int]:
    """Look in a process that has nothing open yet."""
    reader, out = os.pipe()
    if not (child := os.fork()):
        store = STORES[name](folder)
        found = f"{len(set(numbers) - store.held())} {unfindable(store, numbers)}"
        os.write(out, found.encode())
        os._exit(0)
    os.close(out)
    lost, missed = os.read(reader, 100).split()
    os.close(reader)
    os.waitpid(child, 0)
    return {"lost": int(lost), "unfindable": int(missed)}


def added(rows: Sequence[dict[str, int]]) -> dict[str, int]:
    return {name: sum(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    names = ["ours", *(["chroma"] if importlib.util.find_spec("chromadb") else [])]
    peers = ["chromadb"] if "chroma" in names else []
    result: dict[str, Any] = {"machine": machine_facts("numpy", *peers), "stores": {}}
    for name in names:
        figures: dict[str, dict[str, int]] = {}
        for what, run in (("two writers", together), ("open reader", read_before)):
            rows: list[dict[str, int]] = []
            for _ in range(4):
                with tempfile.TemporaryDirectory() as folder:
                    rows.append(run(name, Path(folder)))
            figures[what] = added(rows)
        with tempfile.TemporaryDirectory() as folder:
            figures["killed"] = killed(name, Path(folder), 20 if name == "ours" else 4)
        result["stores"][name] = figures
        print(f"{name}: {figures}", flush=True)
    write_result("retrieval_safety", result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
