"""The journal: one SQLite file that holds every run of a person.

A run is the list of its events, each tied to all before it by a hash. Nothing is ever changed, and
nothing is deleted but a whole run that a person removes; triggers see to it. What the write-ahead
log lost, by a torn write or a shortened file, is the end of a run: what can be read is always a
verified prefix of what was recorded, and it holds everything that was appended durably to a disk
that keeps its word.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Self

from msgspec.structs import replace

from agentkit.core.errors import NoJournal, RunNotFound
from agentkit.core.events import Recorded, RunStarted
from agentkit.journal.chain import first_link, read_event, read_events, verified
from agentkit.journal.contents import Contents
from agentkit.journal.database import Database
from agentkit.journal.foreign import is_foreign, mark_foreign
from agentkit.journal.forking import Fork, begun, cut, rewritten
from agentkit.journal.ids import new_run_id, normal
from agentkit.journal.kinds import printable
from agentkit.journal.lease import Holder, Lease, release, take, take_new
from agentkit.journal.losses import Loss, accept, is_gone, losses
from agentkit.journal.marks import Mark
from agentkit.journal.numbers import new_run
from agentkit.journal.places import INSERT, place, within
from agentkit.journal.redact import Redactor
from agentkit.journal.removal import Removed, remove
from agentkit.journal.run_log import JournalLog
from agentkit.journal.schema import STEPS
from agentkit.journal.segments import fold_middle
from agentkit.journal.summaries import RunSummary, summaries
from agentkit.journal.texts import Texts
from agentkit.journal.transfer import Imported, exported, imported

# a run that was given a name and holds nothing yet, and perhaps never will, is none for anybody
_KNOWN = f"""
SELECT run FROM runs WHERE EXISTS (SELECT 1 FROM events WHERE {within("runs.id")}) ORDER BY id DESC
"""


class Journal:
    """An open journal; several processes may have the same file open.

    Use it as a context manager, or `close` it.
    """

    def __init__(self, database: Database, redactor: Redactor, clock: Callable[[], float]) -> None:
        self._database = database
        self._redactor = redactor
        self._clock = clock
        self._held: set[JournalLog] = set()
        self._beginning = 0
        """How many runs are about to begin."""
        self._new: list[Lease] = []
        """Those that were made for them."""
        self.texts = Texts(database, redactor)
        """The kept texts of all runs."""
        self.contents = Contents.beside(database.path)
        """The kept files of all runs."""

    @classmethod
    def open(
        cls,
        path: Path | str,
        redact: Redactor | None = None,
        *,
        clock: Callable[[], float] = time.time,
        must_exist: bool = False,
    ) -> Self:
        """Open a journal file, made (for its owner only) when it is not there.

        Args:
            path: the file.
            redact: takes secrets out of whatever is written; without it, only what has the shape of
                a key is taken out.
            clock: tells the wall time in seconds since the epoch.
            must_exist: whether there is nothing to do with one that would be made now.

        Raises:
            NoJournal: it is not there, and must be.
            CorruptJournal: it is not a journal, is damaged, or a newer agentkit wrote it.
            JournalError: it cannot be opened or made.
        """
        if must_exist and not Path(path).exists():
            raise NoJournal(
                f"there is no journal {path}, so no run is recorded in it; name the journal that it is in"
            )
        return cls(Database.open(Path(path), STEPS), redact or Redactor(), clock)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @cached_property
    def real_path(self) -> str:
        """Where the file lies, wherever links lead: it stays there for as long as it is open."""
        return os.path.realpath(self.path)

    def start(self) -> JournalLog:
        """A new run, held by this process. It is listed once it has an event."""
        return self._begun(*self._made(1))

    async def begin(self) -> JournalLog:
        """As `start`; runs that begin at one time are made in one transaction."""
        with self._database.lock:
            self._beginning += 1
        try:
            await asyncio.sleep(0)  # whoever else is about to begin has said so by then
            with self._database.lock:
                if not self._new:
                    # the first of them is taken first: its events then lie before those of the next
                    self._new = self._made(self._beginning)[::-1]
                return self._begun(self._new.pop())
        finally:
            with self._database.lock:
                self._beginning -= 1
                while len(self._new) > self._beginning:  # somebody does not begin after all
                    release(self._database, self._new.pop())

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
            (rows,) = self._database.one(f"SELECT count(*) FROM events WHERE {within('?1')}", (run,))
        return self._log(lease, events, last, rows)

    def events(self, run_id: str) -> list[Recorded]:
        """Every event of a run, verified; the run may be at work elsewhere.

        Raises:
            RunNotFound: there is none by that name.
            CorruptJournal: an event is not what was recorded.
        """
        return read_events(self._database, self._number(run_id), run_id)[0]

    def stored(self, run_id: str) -> tuple[list[Recorded], list[bytes]]:
        """Every event of a run, verified, and the bytes of each as it lies in the file.

        Raises:
            RunNotFound: there is none by that name.
            CorruptJournal: an event is not what was recorded.
        """
        found = list(verified(self._database, self._number(run_id), run_id))
        events = [
            Recorded(one.seq, one.at, read_event(self._database, run_id, one.seq, one.body)) for one in found
        ]
        return events, [one.body for one in found]

    def export(self, run_id: str) -> Iterator[bytes]:
        """A run and the texts it rests on as JSON lines that `take_in` of any journal takes.

        Raises:
            RunNotFound: there is none by that name.
            JournalError: it has no events, or one that this version does not know.
            CorruptJournal: an event or a text is not what was recorded.
        """
        return exported(self._database, self.texts, self._number(run_id), run_id)

    def take_in(self, lines: Iterable[bytes], source: str) -> Imported:
        """Record a run that was exported, whole and verified, or nothing of it.

        Args:
            lines: what `export` gave.
            source: where they come from, for the messages.

        Raises:
            NotAnExport: a line is not what was exported, or a newer agentkit wrote it.
            RunExists: another run has this name here, or another text a handle.
        """
        return imported(self._database, self.texts, lines, source)

    def fork(
        self,
        run_id: str,
        step: int | None = None,
        *,
        model: str | None = None,
        base_url: str | None = None,
        change: Callable[[RunStarted], RunStarted] = lambda first: first,
    ) -> Fork:
        """A new run whose history is that of another, which may be at work, up to and with a step.

        Its texts are shared, and nobody holds it: `resume` goes on with it. Files are not touched.

        Args:
            run_id: the whole name of the other run.
            step: the last one to take over; 0 for the goal alone, `None` for the last whose calls are over.
            model: who is to go on instead of the model of the other run.
            base_url: where that model answers; `None` is OpenAI itself.
            change: makes the fork's first event out of what it would be, to begin otherwise.

        Raises:
            RunNotFound: there is none by that name.
            UsageError: it has no such step, or no goal.
            CorruptJournal: it is damaged.
        """
        database, source = self._database, self._number(run_id)
        with database.transaction():
            stored = list(verified(database, source, run_id))
            events = [read_event(database, run_id, one.seq, one.body) for one in stored]
            count, step, steps = cut(events, run_id, step)
            first = begun(events[0] if events else None, run_id, step, model, base_url)
            first = self._redactor.value(change(first))
            run, name = self._named()
            foreign = is_foreign(database, source)
            if foreign:
                mark_foreign(database, run)
            rows = list(rewritten(stored[:count], first, name))
            database.connection.executemany(INSERT, ((place(run, seq), *rest) for seq, *rest in rows))
            fold_middle(database, run)
        database.marks.note(run, Mark.at(name, rows[-1][0], rows[-1][2]))
        answered = step == steps and count < len(events)
        return Fork(name, run_id, step, steps, count, first.workspace, answered, foreign)

    def remove(self, run_ids: Sequence[str]) -> Removed:
        """Remove runs, all or none, and the texts and files that no other run rests on; see `shrink`.

        Raises:
            RunNotFound: there is none by one of the names.
            RunBusy: a process is at work on one of them.
        """
        # the contents wait: whoever begins a run meanwhile keeps nothing before they are swept
        with self.contents.held() as held:
            with self._database.transaction():
                removed = remove(self._database, {run_id: self._number(run_id) for run_id in run_ids})
            contents = self.contents.sweep(removed.roots) if held and removed.swept else 0
        return replace(removed, contents=contents)

    def losses(self) -> list[Loss]:
        """The runs that are shorter than they were on the disk before, other ones, or gone.

        Raises:
            CorruptJournal: what tells how long they were is damaged itself.
        """
        return losses(self._database)

    def accept(self) -> list[Loss]:
        """Take the journal as it is although it has lost something, and return what that was."""
        return accept(self._database)

    def shrink(self) -> bool:
        """Give the space of removed runs back to the disk; whether all of it could be given back by now.

        Raises:
            JournalError: another process is writing, or the disk has no room for the smaller copy.
        """
        shrunk = self._database.shrink()
        return self.contents.shrink() and shrunk

    def size(self) -> int:
        """Bytes that the journal, and the files kept beside it, take on the disk."""
        return self._database.size() + self.contents.size()

    def runs(self) -> list[RunSummary]:
        """Every run that has an event, the oldest first.

        Its first and last event are verified; `events` verifies all.
        """
        return summaries(self._database)

    def is_foreign(self, run_id: str) -> bool:
        """Whether a run was imported, or has the history of one that was: another may have written it.

        Raises:
            RunNotFound: there is none by that name.
        """
        return is_foreign(self._database, self._number(run_id))

    def find(self, prefix: str) -> str:
        """The name of the one run whose name, or whose name's second part, begins like this.

        Raises:
            RunNotFound: there is none, or more than one.
        """
        wanted = normal(prefix)
        known = [printable(row[0]) for row in self._database.all(_KNOWN)]
        if wanted in known:
            return wanted
        fitting = [name for name in known if wanted and _fits(name, wanted)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise RunNotFound(
                f"{prefix!r} is the beginning of {len(fitting)} runs ({_some(fitting)}); give more of it"
            )
        if is_gone(self._database, wanted):
            raise RunNotFound(f"no run {wanted!r} in {self.path}; {self._gone(wanted)}")
        near = get_close_matches(wanted, known, n=3, cutoff=0.5) or known[:3]
        hint = f"near: {_some(near)}" if near else "it holds no runs yet"
        raise RunNotFound(f"no run {prefix!r} in {self.path}; {hint}")

    def close(self) -> None:
        """Let go of every run that this journal opened, and close the file."""
        try:
            for log in tuple(self._held):
                log.release()
        finally:
            self._database.close()
            self.contents.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log(self, lease: Lease, events: list[Recorded], last: bytes, rows: int) -> JournalLog:
        log = JournalLog(
            self._database,
            lease,
            self.texts,
            self.contents,
            self._redactor,
            events,
            last,
            rows,
            self._clock,
            self._held.discard,
        )
        self._held.add(log)
        return log

    def _begun(self, lease: Lease) -> JournalLog:
        return self._log(lease, [], first_link(lease.run_id), rows=0)

    def _made(self, count: int) -> list[Lease]:
        """So many new runs, held by this process; their first durable event makes them durable too."""
        me = Holder.me()
        with self._database.transaction(full=False):
            return [take_new(self._database, *self._named(), me) for _ in range(count)]

    def _named(self) -> tuple[int, str]:
        """The number and the name of a new run; inside a transaction."""
        now = self._clock()
        while True:
            run_id = new_run_id(now)
            if (run := new_run(self._database, run_id, now)) is not None:
                return run, run_id

    def _number(self, run_id: str) -> int:
        row = self._database.one("SELECT id FROM runs WHERE run = ?", (run_id,))
        if row is None:
            raise RunNotFound(f"no run {run_id!r} in {self.path}; {self._gone(run_id)}")
        return row[0]

    def _gone(self, run_id: str) -> str:
        if is_gone(self._database, run_id):
            return (
                "it was recorded here and is gone: the file was shortened or swapped. Put the right one back "
                "if you have it; to take what is there: agentkit runs accept"
            )
        return "agentkit runs list shows all"


def _fits(name: str, wanted: str) -> bool:
    return name.startswith(wanted) or name.partition("-")[2].startswith(wanted)


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
