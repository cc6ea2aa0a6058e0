"""The packaged encoder in an index of both languages: it counts where it can read, and nowhere else."""

from pathlib import Path

import pytest

from agentkit.core.documents import Document
from agentkit.models.embeddings.registry import make_embeddings
from agentkit.retrieval.health import healths_of
from agentkit.retrieval.index import VECTORS, Index
from agentkit.retrieval.sources import Documents
from agentkit.retrieval.sync import sync

from .test_quality import rows


@pytest.mark.minilm
async def test_the_vectors_of_a_small_model_count_for_english_and_not_for_chinese(tmp_path: Path) -> None:
    paragraphs = {language: rows(language) for language in ("en", "zh")}
    documents = [
        Document(f"{language}{at}", row["text"])
        for language, some in paragraphs.items()
        for at, row in enumerate(some)
    ]
    async with Index.open(tmp_path / "i.db", make_embeddings("local:minilm")) as index:
        done = await sync(Documents("xquad", documents), index)
        assert done.embedded == done.chunks
        reasons = {one.script: one.reason for one in healths_of(index.store)}
        assert reasons["latin"] == ""
        assert "does not know" in reasons["east asian"]
        first = dict.fromkeys(paragraphs, 0)
        for language, some in paragraphs.items():
            for at, row in enumerate(some):
                found = await index.explain(row["questions"][0]["question"], limit=1)
                first[language] += found.hits[0].hit.chunk.document == f"{language}{at}"
                assert (VECTORS in found.left_out) == (language == "zh")
        assert first["en"] >= 56
        assert first["zh"] >= 55
