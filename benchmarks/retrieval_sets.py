"""Labelled sets for retrieval, read from a folder that holds them, and how a ranking scores on them."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentkit.core.documents import Document


@dataclass(frozen=True)
class LabelledSet:
    """Documents, questions, and which documents answer which question."""

    name: str
    documents: tuple[Document, ...]
    questions: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]
    groups: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of each question, the article that it is about."""
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Of each question, the words that answer it."""


def scifact(folder: Path) -> LabelledSet:
    """Claims and the abstracts that they cite."""
    documents = [
        Document(row["doc_id"], "\n".join([row["title"], *row["abstract"]]))
        for row in _rows(next(folder.glob("corpus*.jsonl")))
    ]
    claims = _rows(next(folder.glob("claims*.jsonl")))
    cited = {row["id"]: frozenset(map(str, row["cited_doc_ids"])) for row in claims}
    return LabelledSet("scifact", tuple(documents), {row["id"]: row["claim"] for row in claims}, cited)


def squad(name: str, file: Path) -> LabelledSet:
    """Paragraphs and the questions about each, as SQuAD writes them."""
    documents: dict[str, Document] = {}
    questions: dict[str, str] = {}
    relevant: dict[str, frozenset[str]] = {}
    groups: dict[str, str] = {}
    answers: dict[str, list[str]] = {}
    for number, article in enumerate(json.loads(file.read_text(encoding="utf-8"))["data"]):
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            known = documents.setdefault(text, Document(f"p{len(documents)}", text))
            for asked in paragraph["qas"]:
                questions[asked["id"]] = asked["question"]
                relevant[asked["id"]] = frozenset({known.id})
                groups[asked["id"]] = str(number)
                answers[asked["id"]] = [one["text"] for one in asked["answers"]]
    return LabelledSet(name, tuple(documents.values()), questions, relevant, groups, answers)


def hotpot(folder: Path) -> LabelledSet:
    """Paragraphs, and questions that two of them answer together."""
    rows = _rows(next(folder.glob("distractor*.jsonl")))
    documents = {
        title: Document(title, f"{title}\n{''.join(sentences)}")
        for row in rows
        for title, sentences in row["context"]
    }
    relevant = {row["id"]: frozenset(title for title, _ in row["supporting_facts"]) for row in rows}
    questions = {row["id"]: row["question"] for row in rows}
    return LabelledSet("hotpotqa", tuple(documents.values()), questions, relevant)


def sets_in(folder: Path) -> list[LabelledSet]:
    """The sets that the folder has."""
    return [
        squad("xquad-en", folder / "retrieval/xquad/xquad.en.json"),
        squad("xquad-zh", folder / "retrieval/xquad/xquad.zh.json"),
        squad("cmrc", folder / "retrieval/cmrc2018/cmrc2018_dev.json"),
        scifact(folder / "scifact"),
    ]


def ndcg(ranking: Sequence[str], relevant: frozenset[str], depth: int = 10) -> float:
    """How well the first of a ranking are ordered, from 0 to 1."""
    gained = sum(1 / math.log2(at + 2) for at, name in enumerate(ranking[:depth]) if name in relevant)
    return gained / sum(1 / math.log2(at + 2) for at in range(min(depth, len(relevant))))


def recall(ranking: Sequence[str], relevant: frozenset[str], depth: int = 10) -> float:
    """The part of what is relevant that is among the first."""
    return len(relevant.intersection(ranking[:depth])) / len(relevant)


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
