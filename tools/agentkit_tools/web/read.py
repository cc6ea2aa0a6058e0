"""Read pages of the web."""

from collections.abc import Mapping
from typing import Any

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.taint import Going
from agentkit.tooling.tool import tool
from agentkit_tools.documents import as_table
from agentkit_tools.page import page
from agentkit_tools.text import counted
from agentkit_tools.web.asking import SearchQuery
from agentkit_tools.web.pages import Page, head_of, page_at
from agentkit_tools.web.quotes import quotes
from agentkit_tools.web.search import searched

MOST_QUOTES = 10
MOST_PAGES = 5


def _goes_to(arguments: Mapping[str, Any]) -> Going:
    return Going(str(arguments["url"]))


@tool(effect=Effect.NETWORK, idempotent=True, goes_to=_goes_to)
def read_page(url: str, context: ToolContext, first_line: int = 1, lines: int = 200) -> str:
    """Read a web page, or a PDF or another document on the web, as text.

    Args:
        url: The address.
        first_line: The line to begin with.
        lines: How many lines to show.
    """
    found = page_at(url, context)
    text = page(found.document.text, first_line, lines, found.url)
    more = [f"[{counted(len(found.beside.links), 'link')}: list_links tells them]"] * bool(found.beside.links)
    more += [f"[{counted(len(found.beside.tables), 'table')}: read_table shows one whole]"] * bool(
        found.beside.tables
    )
    return "\n".join([head_of(found, url), text.rstrip("\n"), *more])


@tool(effect=Effect.NETWORK, idempotent=True, goes_to=_goes_to)
def list_links(url: str, context: ToolContext, containing: str = "", first_line: int = 1) -> str:
    """List where a web page leads, with the words of each link.

    Args:
        url: The address of the page.
        containing: Only links with this in their words or their address.
        first_line: The link to begin with.
    """
    found = page_at(url, context)
    wanted = containing.casefold()
    links = [one for one in found.beside.links if wanted in f"{one.text} {one.url}".casefold()]
    if not links:
        which = f"with {containing!r} " if containing else ""
        raise ToolFault(f"{head_of(found, url)}\n{found.url} has no link {which}that leads to a page")
    text = "\n".join(f"{one.text or '(no words)'} {one.url}" for one in links)
    return f"{head_of(found, url)}\n{page(text, first_line, 100, 'the list of links')}"


@tool(effect=Effect.NETWORK, idempotent=True, goes_to=_goes_to)
def read_table(url: str, context: ToolContext, number: int = 1, first_line: int = 1) -> str:
    """Show a table of a web page in columns.

    Args:
        url: The address of the page.
        number: Which of its tables, counted from 1.
        first_line: The line of the table to begin with.
    """
    found = page_at(url, context)
    tables = found.beside.tables
    if not 1 <= number <= len(tables):
        raise ToolFault(f"{found.url} has {counted(len(tables), 'table')}; there is no number {number}")
    text = page(as_table(tables[number - 1]), first_line, 100, f"table {number}")
    return f"{head_of(found, url)}\n[table {number} of {len(tables)}]\n{text}"


@tool(effect=Effect.NETWORK, idempotent=True, goes_to=_goes_to)
def ask_page(url: str, question: str, context: ToolContext, most: int = 3) -> str:
    """Find what a web page, or a PDF on the web, says to a question: its own words, and where they stand.

    Args:
        url: The address.
        question: The question, with the words that an answer would have.
        most: How many quotes at most, 1 to 10.
    """
    _require(question, most)
    found = page_at(url, context)
    told = _quoted(found, question, most)
    return f"{head_of(found, url)}\n{told or f'no part of it has a word of the question {question!r}'}"


@tool(effect=Effect.NETWORK, idempotent=True, goes_to=lambda _: Going())
def ask_web(question: str, context: ToolContext, pages: int = 3, most: int = 2) -> str:
    """Search the web, read the first pages found, and get what they say to the question, word for word.

    Args:
        question: What to look for, in the words that an answer would have.
        pages: How many pages to read, 1 to 5.
        most: How many quotes of each at most.
    """
    _require(question, most)
    if not 1 <= pages <= MOST_PAGES:
        raise ToolFault(f"pages can be 1 to {MOST_PAGES}, not {pages}")
    results = searched(SearchQuery(" ".join(question.split()), pages * 2), context).results
    parts: list[str] = []
    left_out: list[str] = []
    for result in results:
        if len(parts) == pages:
            break
        try:
            found = page_at(result.url, context)
        except ToolFault as fault:
            left_out.append(f"[{result.url} could not be read: {fault}]")
            continue
        if told := _quoted(found, question, most):
            parts.append(f"{head_of(found, result.url)}\n{told}")
        else:
            left_out.append(f"[{result.url} says nothing to it]")
    if not parts:
        raise ToolFault("\n".join(["nothing that was found says anything to the question", *left_out]))
    return "\n\n".join([*parts, "\n".join(left_out)]).rstrip()


def _require(question: str, most: int) -> None:
    if not question.strip():
        raise ToolFault("the question is empty; say what to look for")
    if not 1 <= most <= MOST_QUOTES:
        raise ToolFault(f"most can be 1 to {MOST_QUOTES}, not {most}")


def _quoted(found: Page, question: str, most: int) -> str:
    """The quotes as the model reads them, each with its place in the text of the page."""
    parts: list[str] = []
    for citation, chunk in quotes(found.document, question, most):
        under = f", under {' / '.join(chunk.headings)}" if chunk.headings else ""
        seen = "" if citation.verified else " (unverified)"
        quote = "\n".join(f"> {line}" for line in citation.quote.split("\n"))
        parts.append(f"{quote}\n[characters {citation.start}-{citation.end}{under}{seen}]")
    return "\n".join(parts)
