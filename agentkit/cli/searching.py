"""`agentkit search` and `agentkit ask`: pieces of indexed documents, and answers that quote them."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agentkit.assembly.indexes import index_of
from agentkit.cli.signals import Stopped, until_signal
from agentkit.cli.words import clipped, json_line, on_one_line, printable
from agentkit.core.documents import Citation, Document, Fact, Facts, Hit
from agentkit.core.errors import DocumentError, UsageError
from agentkit.documents import load
from agentkit.retrieval.cite import checked, lines_of
from agentkit.retrieval.extract import extracted
from agentkit.retrieval.index import Explained, Explanation, Index
from agentkit.retrieval.sources import digest_of
from agentkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from agentkit.chains.answering import Answered

LIMIT = 8
WIDTH = 100
"""Columns of a line of a piece that are shown."""
LINES = 4
NOTHING = "nothing was found that could answer this; agentkit search shows what comes nearest"


def search_command(query: str, flags: dict[str, Any]) -> int:
    """Print what was found, the best first; the exit code is 1 when nothing was."""
    limit, where, as_json, explains = (flags.pop(name) for name in ("limit", "where", "as_json", "explain"))
    return _within(_search(_asked(query), limit or LIMIT, facts_of(where), as_json, explains, flags))


async def _search(
    query: str, limit: int, where: Facts | None, as_json: bool, explains: bool, flags: dict[str, Any]
) -> int:
    async with index_of(load_settings(flags), make=False) as index:
        found = await index.explain(query, limit=limit, where=where)
        _tell_lacking(found)
        if as_json:
            click.echo(json_line(found))
        else:
            _tell_found(found, index, explains=explains)
    return int(not found.hits)


def ask_command(question: str, flags: dict[str, Any]) -> int:
    """Print an answer and what it rests on; the exit code says whether that is verified."""
    limit, where, as_json = (flags.pop(name) for name in ("limit", "where", "as_json"))
    return _within(_ask(_asked(question), limit or LIMIT, facts_of(where), as_json, flags))


async def _ask(question: str, limit: int, where: Facts | None, as_json: bool, flags: dict[str, Any]) -> int:
    settings = load_settings(flags)
    async with index_of(settings, make=False) as index:
        found = await index.explain(question, limit=limit, where=where)
        _tell_lacking(found)
        text, citations = await _answer(question, [one.hit for one in found.hits], index, settings)
        changed = {one.document for one in citations if _has_changed(one.document, index)}
        if as_json:
            told = {"answer": text, "citations": citations, "changed": sorted(changed)}
            click.echo(json_line({**told, "left_out": found.left_out, "failed": found.failed}))
        else:
            _tell_answer(text, citations, changed, index)
    if not text and not citations:
        return 1
    return 0 if citations and all(one.verified for one in citations) else 8


def _within(work: Coroutine[Any, Any, int]) -> int:
    """The exit code of the work, or of the signal that ended it."""
    try:
        return asyncio.run(until_signal(work))
    except Stopped as stopped:
        return 128 + stopped.signal


def facts_of(given: Sequence[str]) -> dict[str, Fact] | None:
    """The facts of `NAME=VALUE`, where true, false and numbers mean what they look like.

    >>> facts_of(["year=2024", "kind=note"])
    {'year': 2024, 'kind': 'note'}
    """
    facts: dict[str, Fact] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name or not equals:
            raise UsageError(f"--where {one!r} names no fact; say NAME=VALUE, such as year=2024")
        facts[name] = _fact(value)
    return facts or None


def _fact(text: str) -> Fact:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


async def _answer(
    question: str, hits: Sequence[Hit], index: Index, settings: Settings
) -> tuple[str, Sequence[Citation]]:
    """The words of an answer, none without a model, and its quotes."""
    if not hits:
        return "", ()
    # a small model that happens to be here is not asked: words that stand there are sooner right
    if settings.model == "auto":
        return "", extracted(question, hits, index)
    answer = await _by_model(question, hits, settings)
    return answer["answer"], answer["citations"]


async def _by_model(question: str, hits: Sequence[Hit], settings: Settings) -> "Answered":
    from agentkit.assembly import make_model_of, prompts_of
    from agentkit.chains.quoting import quoting
    from agentkit.models.runnable import as_runnable

    model = make_model_of(settings, lambda why: click.echo(why, err=True))
    try:
        step = as_runnable(model, temperature=settings.temperature, seed=settings.seed)
        return await quoting(step, prompt=prompts_of(settings)).ainvoke({"question": question, "hits": hits})
    finally:
        await model.aclose()


def _asked(text: str) -> str:
    if not text.strip():
        raise UsageError("the question is empty; say what is looked for")
    return text


def _tell_lacking(found: Explanation) -> None:
    """Tell which ways to search did not count, and which failed."""
    for name, reason in found.left_out.items():
        click.echo(f"{name} did not count: {reason}", err=True)
    for name, reason in found.failed.items():
        click.echo(f"searched without {name}: {clipped(reason, 300)}", err=True)


def _tell_found(found: Explanation, index: Index, *, explains: bool) -> None:
    if explains:
        click.echo(f"looked for: {on_one_line(' '.join(found.terms))}")
    if not found.hits:
        click.echo("nothing was found", err=True)
    for number, one in enumerate(found.hits, 1):
        chunk = one.hit.chunk
        document = index.store.document(chunk.document)
        place = _place(chunk.source or chunk.document, document, chunk.start, chunk.end)
        above = f"  {on_one_line(' > '.join(chunk.headings))}" if chunk.headings else ""
        click.echo(f"{number:>2}  {place}{above}  ({one.hit.score:.2f})")
        if explains:
            click.echo(f"    {_ranks(one)}")
        lines = [line for line in printable(chunk.text).split("\n") if line.strip()]
        first = _first_shown([index.how.terms(line) for line in lines], found.terms)
        if first:
            click.echo(f"    … {first} above")
        for line in lines[first : first + LINES]:
            click.echo(f"    {clipped(line, WIDTH)}")
        if (more := len(lines) - first - LINES) > 0:
            click.echo(f"    … {more} more")


def _first_shown(lines: Sequence[Sequence[str]], wanted: Sequence[str]) -> int:
    """The first of the few lines in a row that have most of what was looked for; of equals the highest."""
    windows = range(max(1, len(lines) - LINES + 1))
    held = [{term for line in lines[at : at + LINES] for term in line}.intersection(wanted) for at in windows]
    return max(windows, key=lambda at: (len(held[at]), -at))


def _ranks(one: Explained) -> str:
    return ", ".join(f"{rank.leg} {rank.rank} ({rank.score:.3g})" for rank in one.ranks)


def _tell_answer(text: str, citations: Sequence[Citation], changed: set[str], index: Index) -> None:
    if text:
        click.echo(printable(text))
    elif not citations:
        click.echo(NOTHING, err=True)
    for number, one in enumerate(citations, 1):
        if text and number == 1:
            click.echo("")
        click.echo(f"[{number}] {' '.join(printable(one.quote).split())}")
        if not one.verified:
            click.echo("    unverified: these words are in none of the passages")
            continue
        document = index.store.document(one.document)
        note = _changed_to(one) if one.document in changed else ""
        click.echo(f"    {_place(one.source or one.document, document, one.start, one.end)}{note}")
    if text and not citations:
        click.echo("unverified: the answer quotes nothing", err=True)


def _place(source: str, document: Document | None, start: int, end: int) -> str:
    shown = source
    if Path(source).is_relative_to(Path.cwd()):
        shown = str(Path(source).relative_to(Path.cwd()))
    if document is None:
        return on_one_line(shown)
    first, last = lines_of(document.text, start, end)
    return on_one_line(f"{shown}:{first}" + (f"-{last}" if last > first else ""))


def _changed_to(citation: Citation) -> str:
    """What a file that is another now says in the place of the quote."""
    try:
        holds = checked(citation, load(citation.document)).verified
    except DocumentError:
        return "; the file has changed since it was indexed, and cannot be read now"
    return "; the file has changed since it was indexed, " + (
        "and still says this here" if holds else "and no longer says this here"
    )


def _has_changed(name: str, index: Index) -> bool:
    """Whether the file that a document was read from is another now, or gone."""
    known = index.store.digests().get(name)
    if known is None or not Path(name).is_absolute():
        return False
    try:
        return digest_of(Path(name).read_bytes()) != known[1]
    except OSError:
        return True
