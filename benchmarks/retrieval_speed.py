"""What an index costs: taking pieces in, finding the nearest vectors, finding words, each with a filter too.

`python benchmarks/retrieval_speed.py [COUNT ...]`: by default 20,000 and 100,000 pieces. The vectors are
drawn by chance around centres (seeded), 384 numbers each; a text has 15 to 60 words of a vocabulary in
which few are common. Where chromadb is installed it takes in the same pieces with the same facts, in the
same process, and is asked the same. Of the smallest count both take in the pieces by turns, some pairs of
times: how many times the rows of one second the other takes in is told of each pair. Times are CPU seconds of
this process, which a busy machine leaves alone; numpy is to use one thread (OPENBLAS_NUM_THREADS=1).
"""

import asyncio
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from facts import machine_facts, write_result
from numpy.typing import NDArray

from agentkit.core.documents import Chunk, Document, Facts
from agentkit.documents import terms
from agentkit.documents.analyse import STOP_WORDS
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.vectors import Vectors
from agentkit.retrieval.words import by_words
from agentkit.retrieval.writing import Entry, Piece

SIZE = 384
QUERIES = 200
TO_A_DOCUMENT = 20
PAIRS = 5
SEED = 7
TENTH: Facts = {"tenth": 3}

Rows = NDArray[np.float32]


def rows_of(count: int) -> Rows:
    """Unit vectors, more alike within each of 300 groups than between them."""
    chance = np.random.default_rng(SEED)
    centres = chance.normal(size=(300, SIZE))
    rows = centres[chance.integers(0, 300, count)] + 1.2 * chance.normal(size=(count, SIZE))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def texts_of(count: int) -> list[str]:
    """Texts in which the word of rank n is met about 1 / n as often; the commonest are stop words."""
    common = sorted(STOP_WORDS)
    chance = np.random.default_rng(SEED + 1)
    numbers = np.minimum(chance.zipf(1.15, (count, 60)), 60_000)
    lengths = chance.integers(15, 61, count)

    def word(number: int) -> str:
        return common[number - 1] if number <= len(common) else f"word{number}"

    drawn = zip(numbers, lengths, strict=True)
    return [" ".join(map(word, some[:length])) for some, length in drawn]


def documents_of(texts: Sequence[str], rows: Rows) -> list[tuple[Document, list[tuple[Chunk, Any]]]]:
    """Documents of twenty pieces; one in ten has a fact that a filter asks for."""
    found: list[tuple[Document, list[tuple[Chunk, Any]]]] = []
    for at in range(0, len(texts), TO_A_DOCUMENT):
        some = texts[at : at + TO_A_DOCUMENT]
        number = at // TO_A_DOCUMENT
        document = Document(f"d{number}", "\n".join(some), metadata={"tenth": number % 10})
        pieces: list[tuple[Chunk, Any]] = []
        start = 0
        for text, row in zip(some, rows[at : at + TO_A_DOCUMENT], strict=True):
            chunk = Chunk(document.id, start, start + len(text), text, metadata=document.metadata)
            pieces.append((chunk, row))
            start += len(text) + 1
        found.append((document, pieces))
    return found


def spent(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def ms_a_query(ask: Callable[[int], Any], count: int = QUERIES) -> float:
    ask(0)
    return round(1000 * spent(lambda: [ask(at) for at in range(count)]) / count, 2)


def recall(found: Sequence[Sequence[int]], best: Sequence[Sequence[int]]) -> float:
    return round(sum(len(set(a) & set(b)) for a, b in zip(found, best, strict=True)) / (10 * len(best)), 4)


def take_in(store: SqliteStore, documents: Any) -> None:
    """Put documents into our index, analysed on the way."""
    for at in range(0, len(documents), 25):
        store.put(
            [
                Entry(of, [Piece(chunk, terms(chunk.text), row) for chunk, row in pieces])
                for of, pieces in documents[at : at + 25]
            ]
        )


def give(store: Any, documents: Any) -> None:
    """Put the same pieces into Chroma."""

    async def given() -> None:
        for at in range(0, len(documents), 50):
            pieces = [piece for _, some in documents[at : at + 50] for piece in some]
            await store.add([chunk for chunk, _ in pieces], [row for _, row in pieces])

    asyncio.run(given())


def by_turns(documents: Any) -> list[float]:
    """How many times Chroma's rows of a CPU second ours takes in, of each pair."""
    from agentkit.retrieval.chroma import ChromaVectors

    times: list[float] = []
    for _ in range(PAIRS):
        with tempfile.TemporaryDirectory() as place:
            with SqliteStore.open(Path(place) / "i.db") as store:
                mine = spent(lambda: take_in(store, documents))
            with ChromaVectors.open(Path(place) / "chroma") as peer:
                theirs = spent(lambda: give(peer, documents))
        times.append(round(theirs / mine, 1))
    return times


def ours(
    folder: Path, count: int, documents: Any, rows: Rows, queries: Rows, texts: list[str]
) -> dict[str, Any]:
    path = folder / f"{count}.db"
    with SqliteStore.open(path) as store:
        result: dict[str, Any] = {
            "rows_a_cpu_second": round(count / spent(lambda: take_in(store, documents)))
        }
        vectors = Vectors(store)
        result["first_open_s"] = round(spent(vectors.current), 3)
        result["later_open_s"] = round(spent(Vectors(store).current), 3)
        matrix = vectors.current()

        def nearest(at: int, where: Facts | None = None) -> list[int]:
            return [id_ for id_, _ in vectors.nearest(queries[at], 10, where)]

        result["dense_ms"] = ms_a_query(nearest)
        result["dense_filtered_ms"] = ms_a_query(lambda at: nearest(at, TENTH))
        best = [matrix.ids[np.argsort(-(rows @ query), kind="stable")[:10]].tolist() for query in queries]
        result["dense_recall10"] = recall([nearest(at) for at in range(QUERIES)], best)
        if matrix.codes is not None:
            whole = matrix.__class__(matrix.generation, matrix.ids, matrix.rows)
            result["all_compared_ms"] = ms_a_query(lambda at: whole.nearest(queries[at], 10))

        def words(at: int, where: Facts | None = None) -> Any:
            return by_words(store, terms(texts[at])[:8], 100, where)

        result["words_ms"] = ms_a_query(words)
        result["words_filtered_ms"] = ms_a_query(lambda at: words(at, TENTH))
        victim = documents[7][0]
        entry = Entry(victim, [Piece(chunk, terms(chunk.text), row) for chunk, row in documents[7][1]])
        result["replace_a_document_ms"] = round(1000 * spent(lambda: store.put([entry])), 1)
    result["disk_mb"] = round(sum(file.stat().st_size for file in folder.glob(f"{count}.db*")) / 1e6, 1)
    return result


def chromas(folder: Path, count: int, documents: Any, rows: Rows, queries: Rows) -> dict[str, Any]:
    from agentkit.retrieval.chroma import ChromaVectors

    with ChromaVectors.open(folder / f"chroma{count}") as store:
        result: dict[str, Any] = {"rows_a_cpu_second": round(count / spent(lambda: give(store, documents)))}
        place = {
            (chunk.document, chunk.start): at
            for at, chunk in enumerate(c for _, ps in documents for c, _ in ps)
        }
        loop = asyncio.new_event_loop()

        def nearest(at: int, where: Facts | None = None) -> list[int]:
            hits = loop.run_until_complete(store.nearest(queries[at].tolist(), limit=10, where=where))
            return [place[hit.chunk.document, hit.chunk.start] for hit in hits]

        result["dense_ms"] = ms_a_query(nearest)
        result["dense_filtered_ms"] = ms_a_query(lambda at: nearest(at, TENTH), 50)
        best = [np.argsort(-(rows @ query), kind="stable")[:10].tolist() for query in queries]
        result["dense_recall10"] = recall([nearest(at) for at in range(QUERIES)], best)
        loop.close()
    files = [file for file in (folder / f"chroma{count}").rglob("*") if file.is_file()]
    result["disk_mb"] = round(sum(file.stat().st_size for file in files) / 1e6, 1)
    return result


def main(counts: Sequence[int]) -> None:
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        sys.exit("set OPENBLAS_NUM_THREADS=1: the time of one thread is measured")
    has_chroma = importlib.util.find_spec("chromadb") is not None
    peers = ("chromadb",) if has_chroma else ()
    result: dict[str, Any] = {"machine": machine_facts("numpy", *peers), "sizes": {}}
    for count in counts:
        turns = has_chroma and count == min(counts)
        drawn = rows_of(count + QUERIES)
        rows, queries = drawn[:count], drawn[count:]
        texts = texts_of(count)
        documents = documents_of(texts, rows)
        with tempfile.TemporaryDirectory() as place:
            figures: dict[str, Any] = {"ours": ours(Path(place), count, documents, rows, queries, texts)}
            if has_chroma:
                figures["chroma"] = chromas(Path(place), count, documents, rows, queries)
            if turns:
                figures["times chroma's rows a CPU second, by turns"] = by_turns(documents)
        result["sizes"][str(count)] = figures
        for name, row in figures.items():
            print(f"{count} {name}: {row}", flush=True)
    write_result("retrieval_speed", result)


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1:]] or [20_000, 100_000])
