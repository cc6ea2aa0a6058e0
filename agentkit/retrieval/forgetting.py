"""Documents whose bytes are gone, too, and not only found no more."""

from collections.abc import Collection

from msgspec import Struct

from agentkit.retrieval.anew import without_remains
from agentkit.retrieval.store import SqliteStore, vectors_file


class Forgotten(Struct, frozen=True):
    """What came of forgetting."""

    documents: int
    """How many were there."""
    complete: bool
    """Whether no byte of theirs is left in the files of the index. Another process that reads from it, or
    makes it anew, can keep some; forgetting again when it is gone removes them."""


def forget(store: SqliteStore, documents: Collection[str]) -> Forgotten:
    """Remove documents with every byte of their texts, words and vectors.

    What they were read from is not touched: the next sync of a source that still has them takes them in.
    """
    gone = store.remove(documents)
    with store.database.transaction():
        # deleted words stay where they were until the parts of the word index are joined
        store.database.connection.execute("INSERT INTO words (words) VALUES ('optimize')")
    vectors_file(store).unlink(missing_ok=True)
    no_remains = without_remains(store)
    return Forgotten(gone, store.database.shrink() and no_remains)
