"""Search the documents that the person indexed, wherever they lie."""

from agentkit.core.documents import Facts, Findings, Hit, Retriever, TellsFailures
from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit_tools.text import counted

MOST = 20
"""Passages of one answer."""


@tool(effect=Effect.READS)
async def search_documents(question: str, context: ToolContext, limit: int = 5, source: str = "") -> str:
    """Find passages of the indexed documents that answer a question, the best first, with their places.

    Args:
        question: What to look for, in the words that the documents would use.
        limit: How many passages.
        source: Only from the document of this path.
    """
    if not question.strip():
        raise ToolFault("the question is empty; say what to look for")
    if not 1 <= limit <= MOST:
        raise ToolFault(f"limit = {limit} cannot be; it is from 1 to {MOST}")
    where = {"source": source} if source else None
    found = await _found(context.documents, question, limit, where)
    lacking = "".join(f"\n[searched without {name}: {why}]" for name, why in found.failed.items())
    if not found.hits:
        return f"no passage was found; try other words, or read the files{lacking}"
    return f"{counted(len(found.hits), 'passage')}{lacking}\n\n" + "\n\n".join(
        f"[{number}] {_place(hit)}\n{hit.chunk.text.strip()}" for number, hit in enumerate(found.hits, 1)
    )


async def _found(documents: Retriever, question: str, limit: int, where: Facts | None) -> Findings:
    if isinstance(documents, TellsFailures):
        return await documents.find(question, limit=limit, where=where)
    return Findings(tuple(await documents.retrieve(question, limit=limit, where=where)))


def _place(hit: Hit) -> str:
    chunk = hit.chunk
    above = f", under {' > '.join(chunk.headings)}" if chunk.headings else ""
    return f"{chunk.source or chunk.document}, characters {chunk.start} to {chunk.end}{above}"


PACK = Pack("documents", "search documents that the person indexed", (search_documents,))
