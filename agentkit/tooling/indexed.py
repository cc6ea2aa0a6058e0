"""The documents that an agent may search; what finds them is not a tool's business."""

from collections.abc import Sequence
from typing import NoReturn

from agentkit.core.documents import Facts, Hit
from agentkit.core.errors import ToolFault


class NoDocuments:
    """Where nothing was indexed: a `Retriever` that says so."""

    async def retrieve(self, query: str, *, limit: int = 10, where: Facts | None = None) -> Sequence[Hit]:
        """Refuse."""
        del query, limit, where
        _refuse()


def _refuse() -> NoReturn:
    raise ToolFault("no documents are indexed here; read the files instead")
