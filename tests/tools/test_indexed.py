"""The tool that searches what the person indexed."""

from collections.abc import Sequence

import pytest

from agentkit.core.documents import Chunk, Facts, Findings, Hit
from agentkit.core.errors import ToolFault
from agentkit_tools.indexed import search_documents

HIT = Hit(Chunk("plan.md", 7, 25, "The port is 8080.\n", ("Plan", "Server"), "notes/plan.md"), 1.0)


class Shelf:
    """A retriever that keeps what it was asked."""

    def __init__(self, *hits: Hit) -> None:
        self.hits = hits
        self.asked: list[tuple[str, int, Facts | None]] = []

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        self.asked.append((query, limit, where))
        return self.hits[:limit]


async def test_passages_come_with_their_places(world) -> None:
    shelf = Shelf(HIT, HIT)
    text = await search_documents("which port", world.with_(documents=shelf), limit=1, source="a.md")
    assert text == (
        "1 passage\n\n[1] notes/plan.md, characters 7 to 25, under Plan > Server\nThe port is 8080."
    )
    assert shelf.asked == [("which port", 1, {"source": "a.md"})]


async def test_nothing_found_and_nothing_indexed_are_said(world) -> None:
    assert "no passage was found" in await search_documents("x", world.with_(documents=Shelf()))
    with pytest.raises(ToolFault, match="no documents are indexed here"):
        await search_documents("x", world.context)
    for limit in (0, 21):
        with pytest.raises(ToolFault, match="from 1 to 20"):
            await search_documents("x", world.context, limit=limit)


async def test_what_could_not_be_searched_is_said_to_the_model(world) -> None:
    class Lame(Shelf):
        async def find(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Findings:
            return Findings(self.hits[:limit], {"vectors": "the server is gone"})

    for shelf, first in ((Lame(HIT), "1 passage"), (Lame(), "no passage was found; try other words, or")):
        text = await search_documents("x", world.with_(documents=shelf))
        assert text.startswith(first)
        assert "\n[searched without vectors: the server is gone]" in text
