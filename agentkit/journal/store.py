"""The journal: one SQLite file that holds every run of a person.

A run is the list of its events, each tied to all before it by a hash. Nothing is ever changed or
deleted; triggers see to it. What the write-ahead log lost, by a torn write or a shortened file, is
the end of a run: what can be read is always a verified prefix of what was recorded, and it holds
everything that was appended durably to a disk that keeps its word.
"""

import time
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import msgspec

from agentkit.core.errors import RunNotFound
from agentkit.core.events import Ending, Event, Recorded, RunEnded, RunStarted
from agentkit.journal.chain import decode, first_link, is_whole, read_events
from agentkit.journal.database import Database, printable
from agentkit.journal.ids import new_run_id, normal
from agentkit.journal.lease import Holder, Lease, holder_of, take
from agentkit.journal.redact import Redactor
from agentkit.journal.run_log import JournalLog
from agentkit.journal.schema import STEPS
from agentkit.journal.texts import Texts


class RunSummary(msgspec.Struct, frozen=True):
    """A run in one line."""

    run_id: str
    goal: str
    model: str
    workspace: str
    started: float
    """Seconds since the epoch."""
    last: float
    """When its last event was recorded."""
    events: int
    ending: Ending | None
    """How it ended; `None` while it has not, and after it was taken up again."""
    busy: bool
    """Whether some process is working on it."""
    damaged: bool = False
    """Whether what is stored of it is not what was recorded; then only its name can be trusted."""


class Journal:
    """An open journal; several processes may have the same file open.

    Use it as a context manager, or `close` it.
    """

    def __init__(self, database: Database, redactor: Redactor, clock: Callable[[], float]) -> None:
        self._database = database
        self._redactor = redactor
        self._clock = clock
        self._logs: list[JournalLog] = []
        self.texts = Texts(database, redactor)
        """The kept texts of all runs."""

    @classmethod
    def open(
        cls,
        path: Path | str,
        redact: Redactor | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open a journal file, made (for its owner only) when it is not there.

        Args:
            path: the file.
            redact: takes secrets out of whatever is written; without it, only what has the shape of
                a key is taken out.
            clock: tells the wall time in seconds since the epoch.

        Raises:
            CorruptJournal: it is not a journal, is damaged, or a newer agentkit wrote it.
            JournalError: it cannot be opened or made.
        """
        return cls(Database.open(Path(path), STEPS), redact or Redactor(), clock)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def start(self) -> JournalLog:
        """A new run, held by this process. It is listed once it has an event."""
        database = self._database
        with database.transaction():
            now = self._clock()
            while True:
                run_id = new_run_id(now)
                if database.one("SELECT 1 FROM runs WHERE run = ?", (run_id,)) is None:
                    break
            inserted = database.connection.execute(
                "INSERT INTO runs (run, started) VALUES (?, ?)", (run_id, now)
            )
            run = inserted.lastrowid
            assert run is not None
            lease = take(database, run, run_id, Holder.me())
        return self._log(lease, [], first_link(run_id))

    def resume(self, run_id: str, *, force: bool = False) -> JournalLog:
        """An earlier run, verified, and from now on held by this process.

        Args:
            run_id: the whole name; see `find`.
            force: take it even from a process that lives. That process cannot append any more.

        Raises:
            RunNotFound: there is none by that name.
            RunBusy: another process holds it.
            CorruptJournal: it is damaged.
        """
        run = self._number(run_id)
        with self._database.transaction():
            # read first, so that a damaged run is not held; nobody appends in between
            events, last = read_events(self._database, run, run_id)
            lease = take(self._database, run, run_id, Holder.me(), force=force)
        return self._log(lease, events, last)

    def events(self, run_id: str) -> list[Recorded]:
        """Every event of a run, verified; the run may be at work elsewhere.

        Raises:
            RunNotFound: there is none by that name.
            CorruptJournal: an event is not what was recorded.
        """
        return read_events(self._database, self._number(run_id), run_id)[0]

    def runs(self) -> list[RunSummary]:
        """Every run that has an event, the oldest first.

        Its first and last event are verified; `events` verifies all.
        """
        me = Holder.me()
        return [self._summary(row, me) for row in self._database.all(_SUMMARIES)]

    def find(self, prefix: str) -> str:
        """The name of the one run whose name, or whose name's second part, begins like this.

        Raises:
            RunNotFound: there is none, or more than one.
        """
        wanted = normal(prefix)
        known = [printable(row[0]) for row in self._database.all("SELECT run FROM runs ORDER BY id DESC")]
        if wanted in known:
            return wanted
        fitting = [name for name in known if wanted and _fits(name, wanted)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise RunNotFound(
                f"{prefix!r} is the beginning of {len(fitting)} runs ({_some(fitting)}); give more of it"
            )
        near = get_close_matches(wanted, known, n=3, cutoff=0.5) or known[:3]
        hint = f"near: {_some(near)}" if near else "it holds no runs yet"
        raise RunNotFound(f"no run {prefix!r} in {self.path}; {hint}")

    def close(self) -> None:
        """Let go of every run that this journal opened, and close the file."""
        try:
            for log in self._logs:
                log.release()
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log(self, lease: Lease, events: list[Recorded], last: bytes) -> JournalLog:
        log = JournalLog(self._database, lease, self.texts, self._redactor, events, last, self._clock)
        self._logs.append(log)
        return log

    def _number(self, run_id: str) -> int:
        row = self._database.one("SELECT id FROM runs WHERE run = ?", (run_id,))
        if row is None:
            raise RunNotFound(f"no run {run_id!r} in {self.path}; agentkit runs list shows all")
        return row[0]

    def _summary(self, row: Any, me: Holder) -> RunSummary:
        run_id, started, holder, *ends = row
        first, last = ends[:6], ends[6:]
        held_by = holder_of(holder)
        busy = held_by is not None and bool(held_by.obstacle(me))
        # seq counts from one without gaps, so the last is also how many there are
        if not (first[0] == 1 and first[3] == first_link(run_id) and is_whole(*first) and is_whole(*last)):
            return RunSummary(printable(run_id), "", "", "", started, started, 0, None, busy, damaged=True)
        start, end = _known(first[5]), _known(last[5])
        goal, model, workspace = (
            (start.goal, start.model, start.workspace) if isinstance(start, RunStarted) else ("", "", "")
        )
        ending = end.ending if isinstance(end, RunEnded) else None
        return RunSummary(run_id, goal, model, workspace, started, last[1], last[0], ending, busy)


_SUMMARIES = """
SELECT runs.run, runs.started, leases.holder,
       a.seq, a.at, a.kind, a.prev, a.hash, CAST(a.body AS BLOB),
       z.seq, z.at, z.kind, z.prev, z.hash, CAST(z.body AS BLOB)
FROM runs
JOIN events AS a ON a.run = runs.id AND a.seq = (SELECT min(seq) FROM events WHERE run = runs.id)
JOIN events AS z ON z.run = runs.id AND z.seq = (SELECT max(seq) FROM events WHERE run = runs.id)
LEFT JOIN leases ON leases.run = runs.id
ORDER BY runs.id
"""


def _known(body: bytes) -> Event | None:
    """The event, or `None` for a kind that a newer agentkit wrote: one run must not hide the others."""
    try:
        return decode(body)
    except msgspec.ValidationError:
        return None


def _fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted) or name.partition("-")[2].startswith(wanted)


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
