"""What a question finds, in English and Chinese and without any model, on a part of a labelled set."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.documents import Document
from agentkit.retrieval.extract import extracted
from agentkit.retrieval.index import Index
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.sync import sync

XQUAD = Path(__file__).parents[1] / "data/xquad"


def rows(language: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (XQUAD / f"{language}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("language", "first", "quoted"), [("en", 0.91, 0.93), ("zh", 0.91, 0.9)])
async def test_the_paragraph_is_found_first_and_the_answer_is_in_a_quote(
    tmp_path: Path, language: str, first: float, quoted: float
) -> None:
    paragraphs = rows(language)
    documents = [Document(str(at), row["text"]) for at, row in enumerate(paragraphs)]
    found = answered = asked = 0
    with Index.open(tmp_path / "i.db") as index:
        await sync(Documents("xquad", documents), index)
        for at, row in enumerate(paragraphs):
            for question in row["questions"]:
                asked += 1
                hits = await index.retrieve(question["question"], limit=8)
                found += hits[0].chunk.document == str(at)
                end = question["start"] + len(question["answer"])
                answered += any(
                    quote.document == str(at) and quote.start <= question["start"] and end <= quote.end
                    for quote in extracted(question["question"], hits, index)
                )
    assert asked == 118
    assert found / asked >= first
    assert answered / asked >= quoted
