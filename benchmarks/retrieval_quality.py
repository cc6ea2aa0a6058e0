"""How well what is asked for is found: nDCG@10 and recall@10 on labelled sets, with and without a model.

`python benchmarks/retrieval_quality.py DATA [EMBEDDINGS]`: DATA holds `retrieval/xquad`, `retrieval/cmrc2018`
(SQuAD's form) and `scifact` (a corpus and claims). Beside our index stands bm25s over the same documents
with the same terms. With EMBEDDINGS, the name of a model of vectors, the legs alone, both fusions, and the
default with its gate are measured as well.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
from facts import machine_facts, write_result
from numpy.typing import NDArray
from retrieval_sets import LabelledSet, ndcg, recall, sets_in

from agentkit.core.documents import Embeddings
from agentkit.documents import terms
from agentkit.models.embeddings.registry import make_embeddings
from agentkit.retrieval.index import WORDS, Index
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.sync import sync

HITS = 40
"""Pieces that are asked for: ten documents are among them."""

Rank = Callable[[str], Awaitable[Sequence[str]]]


async def scored(of: LabelledSet, rank: Rank) -> dict[str, float]:
    started = time.process_time()
    rankings = {key: await rank(question) for key, question in of.questions.items()}
    spent = time.process_time() - started
    count = len(rankings)
    return {
        "ndcg10": round(sum(ndcg(found, of.relevant[key]) for key, found in rankings.items()) / count, 4),
        "recall10": round(sum(recall(found, of.relevant[key]) for key, found in rankings.items()) / count, 4),
        "cpu_ms_a_query": round(1000 * spent / count, 2),
    }


def by_bm25s(of: LabelledSet) -> Rank:
    numbers: dict[str, int] = {}
    ids = [[numbers.setdefault(term, len(numbers)) for term in terms(one.text)] for one in of.documents]
    peer: Any = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    peer.index((ids, numbers), show_progress=False)

    async def rank(question: str) -> Sequence[str]:
        known = [numbers[term] for term in terms(question) if term in numbers]
        if not known:
            return []
        scores: NDArray[np.float32] = peer.get_scores(known)
        best: list[int] = np.argsort(-scores)[:10].tolist()
        return [of.documents[at].id for at in best if scores[at] > 0]

    return rank


def by_index(index: Index) -> Rank:
    async def rank(question: str) -> Sequence[str]:
        hits = await index.retrieve(question, limit=HITS)
        return list(dict.fromkeys(hit.chunk.document for hit in hits))

    return rank


async def measured(of: LabelledSet, folder: Path, embeddings: Embeddings | None) -> dict[str, Any]:
    rows: dict[str, Any] = {"bm25s, same terms": await scored(of, by_bm25s(of))}
    with Index.open(folder / f"{of.name}.words.db") as index:
        await sync(Documents(of.name, list(of.documents)), index)
        rows["words"] = await scored(of, by_index(index))
    if embeddings is not None:
        with Index.open(folder / f"{of.name}.db", embeddings) as index:
            await sync(Documents(of.name, list(of.documents)), index)
            rows["default"] = await scored(of, by_index(index))
            store, how = index.store, index.how
            ways: dict[str, dict[str, Any]] = {
                "vectors alone": {"weights": {WORDS: 0.0}, "gated": False},
                "minmax, not gated": {"gated": False},
                "rrf, not gated": {"gated": False, "fusion": "rrf"},
            }
            for name, choices in ways.items():
                rows[name] = await scored(of, by_index(Index(store, how, **choices)))
    size = {"documents": len(of.documents), "questions": len(of.questions)}
    return {**size, "rows": rows}


async def main(data: Path, name: str | None) -> None:
    embeddings = None if name is None else make_embeddings(name)
    result: dict[str, Any] = {"machine": machine_facts("bm25s", "numpy"), "embeddings": name, "sets": {}}
    with tempfile.TemporaryDirectory() as folder:
        for of in sets_in(data):
            found = result["sets"][of.name] = await measured(of, Path(folder), embeddings)
            print(f"{of.name}: {found['documents']} documents, {found['questions']} questions")
            for row, figures in found["rows"].items():
                print(f"    {row:20} {figures}")
    write_result("retrieval_quality", result)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
