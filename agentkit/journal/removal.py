"""Removing runs, and the texts that no run rests on any more."""

import re
from collections.abc import Mapping
from itertools import chain

from msgspec import Struct

from agentkit.core.errors import RunBusy
from agentkit.journal.database import Database
from agentkit.journal.lease import Holder, holder_of
from agentkit.journal.places import within
from agentkit.journal.schema import removable
from agentkit.journal.segments import Unreadable, folded_bodies

_STATE = re.compile(rb'"(?:snapshot|before|modified)":"([0-9a-f]{32})"')
_HANDLE = re.compile(rb"out-[0-9a-f]{6,64}")


class Removed(Struct, frozen=True):
    """What came of a removal."""

    runs: int
    texts: int
    """Texts that no run rested on any more."""
    swept: bool
    """Whether they were looked for; not while a process is at work on a run, or a run is damaged."""
    roots: frozenset[bytes] = frozenset()
    """The kept states of files that some run still rests on."""
    contents: int = 0
    """Kept files and folders that no run rested on any more."""


def remove(database: Database, runs: Mapping[str, int]) -> Removed:
    """Remove these runs, or none of them; inside a transaction.

    Args:
        database: where they are.
        runs: the number of each by its name.

    Raises:
        RunBusy: a process is at work on one of them.
    """
    connection = database.connection
    obstacles = _obstacles(database)
    for run_id, run in runs.items():
        if run in obstacles:
            raise RunBusy(
                f"run {run_id} cannot be removed: {obstacles[run]}; nothing was removed. "
                "Wait for it or stop it first"
            )
    database.marks.forget(runs.values())
    texts, roots = 0, frozenset[bytes]()
    with removable(connection):
        for run in runs.values():
            connection.execute(f"DELETE FROM events WHERE {within('?1')}", (run,))
            connection.execute(f"DELETE FROM segments WHERE {within('?1')}", (run,))
            # SQLite gives the number away again: the next run of it is not foreign for that
            connection.execute("DELETE FROM foreign_runs WHERE run = ?", (run,))
            connection.execute("DELETE FROM runs WHERE id = ?", (run,))
            # The lease stays: SQLite gives the number away again, and whoever still believes to hold
            # the old run must not be able to append to the new one.
            connection.execute("UPDATE leases SET epoch = epoch + 1, holder = NULL WHERE run = ?", (run,))
        # a process at work may have kept a text whose event is still to come
        swept = not obstacles
        if swept:
            try:
                texts, roots = _sweep(database)
            except Unreadable:  # a damaged run may rest on any text
                swept = False
    return Removed(len(runs), texts, swept, roots)


def _obstacles(database: Database) -> dict[int, str]:
    """Why a run may be at work, for each of which that can be."""
    me = Holder.me()
    held = {run: holder_of(holder) for run, holder in database.all("SELECT run, holder FROM leases")}
    return {run: why for run, holder in held.items() if holder and (why := holder.obstacle(me))}


def _sweep(database: Database) -> tuple[int, frozenset[bytes]]:
    """Delete the texts whose handle stands in no event; one that is only mentioned is kept, too.

    Returns how many went, and in the same way the kept states of files that are named.

    Raises:
        Unreadable: what is folded cannot be looked through.
    """
    named: set[str] = set()
    states: set[bytes] = set()
    rows = (body for (body,) in database.rows("SELECT CAST(body AS BLOB) FROM events"))
    for body in chain(rows, folded_bodies(database)):
        named.update(handle.decode() for handle in _HANDLE.findall(body))
        states.update(bytes.fromhex(state.decode()) for state in _STATE.findall(body))
    unnamed = [row for row in database.all("SELECT handle FROM texts") if row[0] not in named]
    database.connection.executemany("DELETE FROM texts WHERE handle = ?", unnamed)
    return len(unnamed), frozenset(states)
