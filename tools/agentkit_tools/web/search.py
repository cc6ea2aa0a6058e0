"""Search the web."""

from collections.abc import Sequence
from dataclasses import replace

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.fetch import Request, Response, fetch
from agentkit.tooling.taint import Going
from agentkit.tooling.tool import tool
from agentkit_tools.text import counted
from agentkit_tools.web.asking import SearchQuery, SearchResult, Since
from agentkit_tools.web.chain import Found, chain_of, own_hosts
from agentkit_tools.web.limits import seconds_of

NAME = "web search"
SECONDS = 20.0
MOST_BYTES = 2_000_000
"""Of an answer."""
MOST_RESULTS = 20
LONGEST_SNIPPET = 300


@tool(effect=Effect.NETWORK, idempotent=True, goes_to=lambda _: Going())
def search_web(
    query: str,
    context: ToolContext,
    max_results: int = 8,
    since: Since | None = None,
    sites: Sequence[str] = (),
    language: str = "",
    region: str = "",
    safe: bool = False,
) -> str:
    """Search the web; get addresses with titles and a few words of each page.

    Args:
        query: The words to look for.
        max_results: How many pages at most, 1 to 20.
        since: How old a page may be: day, week, month or year; any age by default.
        sites: The only hosts to look on.
        language: Of the pages, in two letters.
        region: The country to look from, in two letters.
        safe: True to leave out what is not for children.
    """
    asked = SearchQuery(
        " ".join(query.split()), max_results, language.lower(), region.lower(), since, tuple(sites), safe
    )
    return told(searched(asked, context))


def searched(query: SearchQuery, context: ToolContext) -> Found:
    """What the person's providers find.

    Raises:
        SearchFault: nothing, for the reason that its class says.
        ToolFault: the query cannot be, or nobody is there to be asked.
    """
    if not query.text:
        raise ToolFault("the query is empty; say what to look for")
    if not 1 <= query.max_results <= MOST_RESULTS:
        raise ToolFault(f"max_results can be 1 to {MOST_RESULTS}, not {query.max_results}")
    if wrong := [code for code in (query.language, query.region) if code and not _is_code(code)]:
        raise ToolFault(f"{wrong[0]!r} is no code of two letters, as de is")
    searching = context.searching
    if "ddgs" in searching.providers and context.reach.domains:
        raise ToolFault("ddgs keeps to no list of hosts, and domains are set; another provider can be asked")
    # whom the person chose to be asked may be asked, whatever pages may be read
    reach = replace(context.reach, domains=(), inside=(*context.reach.inside, *own_hosts(searching)))

    def send(request: Request) -> Response:
        return fetch(request, reach, seconds=seconds_of(context, SECONDS), most_bytes=MOST_BYTES)

    return context.residents.shared(NAME, lambda: chain_of(searching)).search(query, send)


def told(found: Found) -> str:
    """The results as the model reads them, with what was not done as it was asked."""
    lines = [line for number, one in enumerate(found.results, 1) for line in _lines(number, one)]
    how = f"{counted(len(found.results), 'page')} found by {found.provider}"
    notes = [f"[{how}{', as earlier today' if found.from_today else ''}]"]
    notes += [f"[{found.provider} cannot be asked for {', '.join(found.ignored)}: not applied]"] * bool(
        found.ignored
    )
    notes += [f"[before it: {why}]" for why in found.failed]
    notes += [f"[the answer could not be kept for the day: {found.unkept}]"] * bool(found.unkept)
    return "\n".join([*lines, *notes])


def _lines(number: int, one: SearchResult) -> list[str]:
    snippet = _line(one.snippet)
    shown = snippet if len(snippet) <= LONGEST_SNIPPET else f"{snippet[: LONGEST_SNIPPET - 1]}…"
    when = f" ({_line(one.published)})" if one.published else ""
    lines = [f"{number}. {_line(one.title) or '(no title)'}{when}", f"   {_line(one.url)}"]
    return [*lines, f"   {shown}"] if shown else lines


def _line(text: str) -> str:
    return " ".join(text.split())


def _is_code(text: str) -> bool:
    return len(text) == 2 and text.isascii() and text.isalpha()
