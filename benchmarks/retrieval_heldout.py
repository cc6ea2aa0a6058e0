"""Choices of ours, made again on one half of the questions and measured on the other, which nobody looked at.

`python benchmarks/retrieval_heldout.py DATA`: DATA as for `retrieval_quality.py`, with `hotpotqa` beside it.
Questions are split by the article that they are about, so that no paragraph serves both halves. On the first
half are chosen the length of a piece, whether a question's own words are left out, and how much of a question
a piece must have before anything of it is quoted; the other half is measured with what was chosen and with
our defaults. HotpotQA, whose questions need two paragraphs each, played no part in any choice.
"""

import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from facts import machine_facts, write_result
from retrieval_sets import LabelledSet, hotpot, ndcg, sets_in

from agentkit.core.documents import Document
from agentkit.documents import split, terms
from agentkit.retrieval import extract
from agentkit.retrieval.extract import extracted
from agentkit.retrieval.index import Index
from agentkit.retrieval.making import Making
from agentkit.retrieval.questions import subject
from agentkit.retrieval.reading import ANALYSER, LIMIT, OVERLAP, SPLITTER, Reading
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.store import SqliteStore
from agentkit.retrieval.sync import sync
from agentkit.retrieval.words import by_words

LIMITS = (128, 256, 512, 1024)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
HITS = 40
ASKED = 8
"""Pieces that an answer is looked for in, as `agentkit ask` does."""
STEP = 4
"""Of the questions about answers one in so many is asked."""

Halves: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""The questions that choices are made on, and those that they are measured on."""


def halves_of(of: LabelledSet) -> Halves:
    """Split by what a question is about, by chance but always in the same way."""
    parts: tuple[list[str], list[str]] = ([], [])
    for key in of.questions:
        about = of.groups.get(key, key)
        parts[hashlib.blake2b(about.encode(), digest_size=1).digest()[0] % 2].append(key)
    return parts


def read_in_pieces_of(limit: int) -> Reading:
    """The default way to read, but for how long a piece is."""
    overlap = min(OVERLAP, limit // 8)

    def pieces(document: Document) -> Any:
        return split(document, limit, overlap=overlap)

    return Reading(pieces, terms, Making(f"{SPLITTER}/{limit}/{overlap}", ANALYSER))


def found_by_words(store: SqliteStore, question: str, *, bare: bool) -> list[str]:
    """The documents that the words of a question find, the best first."""
    found = by_words(store, terms(subject(question) if bare else question), HITS)
    chunks = store.chunks([id_ for id_, _ in found])
    return list(dict.fromkeys(chunk.document for chunk in chunks))


async def ways_measured(of: LabelledSet, folder: Path) -> dict[str, Any]:
    """nDCG@10 of each way on both halves; what the first chooses, and what that is worth on the other."""
    halves = halves_of(of)
    rows: dict[str, list[float]] = {}
    for limit in LIMITS:
        with SqliteStore.open(folder / f"{of.name}{limit}.db") as store:
            await sync(Documents(of.name, list(of.documents)), Index(store, read_in_pieces_of(limit)))
            for bare in (False, True):
                rows[_named(limit, bare=bare)] = [
                    round(
                        sum(
                            ndcg(found_by_words(store, of.questions[key], bare=bare), of.relevant[key])
                            for key in half
                        )
                        / len(half),
                        4,
                    )
                    for half in halves
                ]
    chosen, ours = max(rows, key=lambda name: rows[name][0]), _named(LIMIT, bare=True)
    return {
        "questions": [len(half) for half in halves],
        "ndcg10, chosen on / held out": rows,
        "chosen": {"way": chosen, "held out": rows[chosen][1]},
        "default": {"way": ours, "held out": rows[ours][1]},
    }


def _named(limit: int, *, bare: bool) -> str:
    return f"{limit} tokens, {'without question words' if bare else 'the question as it is'}"


async def answers_measured(
    sets: Mapping[str, LabelledSet], asked: str, of: str, folder: Path
) -> dict[str, Any]:
    """For each share, how many questions get quotes, and how many of these hold an answer of the set."""
    questions = sets[asked]
    rows: dict[str, Any] = {}
    with Index.open(folder / f"{of}.answers.db") as index:
        await sync(Documents(of, list(sets[of].documents)), index)
        halves = [half[::STEP] for half in halves_of(questions)]
        hits = {
            key: await index.retrieve(questions.questions[key], limit=ASKED)
            for half in halves
            for key in half
        }
        ours = extract.ANSWERS
        try:
            for share in SHARES:
                extract.ANSWERS = share
                quoted = {
                    key: [one.quote for one in extracted(questions.questions[key], found, index)]
                    for key, found in hits.items()
                }
                rows[str(share)] = [
                    {
                        "quoted": _part(bool(quoted[key]) for key in half),
                        **({"right": _part(_holds(quoted[key], questions.answers[key]) for key in half)}
                           if asked == of else {}),
                    }
                    for half in halves
                ]  # fmt: skip
        finally:
            extract.ANSWERS = ours
    return rows


def _part(facts: Any) -> float:
    listed = list(facts)
    return round(sum(listed) / len(listed), 3)


def _holds(quotes: Sequence[str], answers: Sequence[str]) -> bool:
    return any(answer in quote for quote in quotes for answer in answers)


async def main(data: Path) -> None:
    sets = {of.name: of for of in (*sets_in(data), hotpot(data / "hotpotqa"))}
    result: dict[str, Any] = {"machine": machine_facts(), "ways": {}, "answers": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, of in sets.items():
            result["ways"][name] = await ways_measured(of, Path(folder))
            print(name, json.dumps(result["ways"][name], indent=1), flush=True)
        told = ("xquad-en", "xquad-zh", "cmrc")
        pairs = [*((one, one) for one in told), ("xquad-zh", "cmrc"), ("cmrc", "xquad-zh")]
        for asked, of in pairs:
            name = asked if asked == of else f"{asked}, asked of {of}, which does not tell"
            result["answers"][name] = await answers_measured(sets, asked, of, Path(folder))
            print(name, result["answers"][name], flush=True)
    write_result("retrieval_heldout", result)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
