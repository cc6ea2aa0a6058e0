"""What a journal has lost since it was written, and taking it as it is."""

from collections.abc import Iterator

from msgspec import Struct

from agentkit.core.errors import CorruptJournal
from agentkit.journal.chain import hash_at, length_of, verified
from agentkit.journal.database import Database
from agentkit.journal.kinds import printable
from agentkit.journal.marks import Mark, name_of


class Loss(Struct, frozen=True):
    """A run that is not as it was on the disk before."""

    run_id: str
    """Empty when the whole run is gone."""
    known: int
    """How many events it had at least."""
    here: int
    swapped: bool
    """Whether what is here is not the beginning of what was recorded."""


def losses(database: Database) -> list[Loss]:
    """Every run that is shorter than it was, another, or gone.

    Raises:
        CorruptJournal: what tells how long they were is damaged itself.
    """
    return list(_losses(database, database.marks.all()))


def _losses(database: Database, marks: dict[int, Mark]) -> Iterator[Loss]:
    rows = database.all(f"SELECT id, run, {length_of('runs.id')} FROM runs")
    here = {run: (name, count) for run, name, count in rows}
    for run, mark in marks.items():
        name, count = here.get(run, ("", 0))
        found = hash_at(database, run, mark.seq)
        changed = bool(name) and (name_of(name) != mark.name or found not in (None, mark.hash))
        if changed or count < mark.seq:
            yield Loss(printable(name), mark.seq, count, changed)


def is_gone(database: Database, run_id: str) -> bool:
    """Whether a run that is not here was recorded here.

    Raises:
        CorruptJournal: what would tell so is damaged.
    """
    return name_of(run_id) in {mark.name for mark in database.marks.all().values()}


def accept(database: Database) -> list[Loss]:
    """Note the runs as they are now, and return how they differed from what was noted.

    A run whose events are not what their hashes say stays damaged.
    """
    with database.transaction():
        try:
            lost = losses(database)
        except CorruptJournal:  # of what cannot be read there is nothing to tell, and it is made anew
            lost = []
        database.marks.forget_all()
        for run, run_id in database.all("SELECT id, run FROM runs"):
            try:
                last = list(verified(database, run, run_id))[-1:]
            except CorruptJournal:
                continue
            for stored in last:
                database.marks.note(run, Mark.at(run_id, stored.seq, stored.hash))
    return lost
