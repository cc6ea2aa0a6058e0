"""Chunks found by their words."""

import math
from collections.abc import Sequence

from agentkit.core.documents import Facts
from agentkit.retrieval.filters import allowed
from agentkit.retrieval.store import Found, SqliteStore

MOST_TERMS = 200
"""Of a question: beyond so many another one changes nothing but the time it takes."""


def by_words(store: SqliteStore, terms: Sequence[str], limit: int, where: Facts | None = None) -> Found:
    """The chunks with the most telling of these terms, by BM25.

    Args:
        store: Where they are.
        terms: As the analyser of the index made them.
        limit: The most that are returned.
        where: Facts that they must all have.
    """
    wanted = list(dict.fromkeys(terms))[:MOST_TERMS]
    if not wanted:
        return []
    match = " OR ".join('"' + term.replace('"', '""') + '"' for term in wanted)
    # the plus keeps SQLite from searching the words once for each id
    inner, values = allowed(where) if where else ("", [])
    only = f" AND +rowid IN ({inner})" if where else ""
    return store.database.all(
        f"SELECT rowid, -rank FROM words WHERE words MATCH ?{only} ORDER BY rank, rowid LIMIT ?",  # noqa: S608
        [match, *values, limit],
    )


def rarity(store: SqliteStore, terms: Sequence[str]) -> dict[str, float]:
    """How much each term tells: the logarithm of how many times more pieces there are than have it."""
    total = store.counts().chunks
    found: dict[str, float] = {}
    for term in list(dict.fromkeys(terms))[:MOST_TERMS]:
        match = '"' + term.replace('"', '""') + '"'
        having = store.database.one("SELECT count(*) FROM words WHERE words MATCH ?", [match])[0]
        found[term] = math.log(1 + (total - having + 0.5) / (having + 0.5))
    return found
