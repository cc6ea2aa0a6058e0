"""Runs that came out of a file, and those with their history: somebody else may have written them."""

from agentkit.journal.database import Database


def mark_foreign(database: Database, run: int) -> None:
    """Note that a run came out of a file; inside the transaction that makes it."""
    database.connection.execute("INSERT INTO foreign_runs (run) VALUES (?)", (run,))


def is_foreign(database: Database, run: int) -> bool:
    """Whether a run came out of a file, or has the history of one that did."""
    return database.one("SELECT 1 FROM foreign_runs WHERE run = ?", (run,)) is not None
