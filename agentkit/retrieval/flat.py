"""A piece as other stores keep one: its text, and beside it values that are plain text and numbers."""

import json
from collections.abc import Mapping
from typing import Any

from agentkit.core.documents import Chunk
from agentkit.retrieval.filters import value_text

DOCUMENT = "document"
"""Under which the name of its document stands."""


def flat(chunk: Chunk, prefix: str) -> dict[str, Any]:
    """All of a piece but its text; each fact once more on its own, to be compared there.

    >>> flat(Chunk("d", 0, 2, "hi", (), "a.md", {"year": 2024}), "fact_")["fact_year"]
    '2024'

    Args:
        chunk: The piece.
        prefix: Before the name of each fact.
    """
    facts = {"source": chunk.source, **chunk.metadata}
    return {
        DOCUMENT: chunk.document,
        "start": chunk.start,
        "end": chunk.end,
        "source": chunk.source,
        "headings": json.dumps(chunk.headings, ensure_ascii=False),
        "metadata": json.dumps(chunk.metadata, ensure_ascii=False),
        **{prefix + name: value_text(value) for name, value in facts.items()},
    }


def from_flat(text: str, said: Mapping[str, Any]) -> Chunk:
    """The piece that was made flat.

    Raises:
        KeyError: it was none.
    """
    return Chunk(
        said[DOCUMENT],
        int(said["start"]),
        int(said["end"]),
        text,
        tuple(json.loads(said["headings"])),
        said["source"],
        json.loads(said["metadata"]),
    )
