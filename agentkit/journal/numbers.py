"""The number that stands for a run in the tables of a journal."""

from agentkit.core.errors import CorruptJournal
from agentkit.journal.database import Database


def new_run(database: Database, run_id: str, started: float) -> int | None:
    """The number of a run that is listed from now on, or `None` where its name is taken; in a transaction.

    Raises:
        CorruptJournal: the number is that of a run that was lost.
        JournalError: it could not be written.
    """
    made = database.connection.execute(
        "INSERT INTO runs (run, started) VALUES (?, ?) ON CONFLICT (run) DO NOTHING", (run_id, started)
    )
    run = made.lastrowid
    if not made.rowcount or run is None:
        return None
    if database.marks.of(run) is not None:
        # a new run in its place would hide that it is gone
        raise CorruptJournal(
            f"the journal {database.path} was shortened or swapped: a run that was recorded in it is gone. "
            "Put the right file back if you have it; to take what is there: agentkit runs accept"
        )
    database.marks.reserve(run)
    return run
