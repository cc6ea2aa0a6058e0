"""A run as lines of JSON: out of one journal, whole, and into another.

The first line is the head: the format's version, the run's name, how many events follow and the hash
of the last. Then each event has a line, in order, with its body as it is stored, so that the hashes
hold in the other journal, too. A kept text has a line before the first event that rests on it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from agentkit.core.errors import JournalError, NotAnExport, RunExists
from agentkit.core.events import Event, handles_in
from agentkit.journal.chain import decode, first_link, link, read_event, require_all, verified
from agentkit.journal.database import Database
from agentkit.journal.foreign import mark_foreign
from agentkit.journal.ids import normal
from agentkit.journal.marks import Mark
from agentkit.journal.numbers import new_run
from agentkit.journal.places import INSERT, place, within
from agentkit.journal.segments import fold_middle
from agentkit.journal.texts import Texts, is_handle_of

FORMAT = "agentkit run"
VERSION = 1

_T = TypeVar("_T")


class Head(Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="run"):
    """The first line."""

    format: str
    version: int
    run: str
    started: float
    events: int
    last: str
    """The hash of the last event: it holds only for the very events of this run in this order."""


class TextLine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="text"):
    """A kept text; `None` for one that the journal it comes from did not have."""

    handle: str
    text: str | None


class EventLine(Struct, frozen=True, forbid_unknown_fields=True, tag_field="line", tag="event"):
    """An event; its hash covers the line and all events before it."""

    seq: int
    at: float
    hash: str
    event: Raw


class Imported(Struct, frozen=True):
    """What came of an import."""

    run_id: str
    events: int
    new: bool
    """Whether the run was not here before."""


def exported(database: Database, texts: Texts, run: int, run_id: str) -> Iterator[bytes]:
    """The lines of a run, as it is when the first is asked for; one event is in memory at a time."""
    started = database.one("SELECT started FROM runs WHERE id = ?", (run,))
    end = database.one(f"SELECT seq, hash FROM events WHERE {within('?1')} ORDER BY place DESC", (run,))
    if end is None or started is None:
        raise JournalError(f"run {run_id} holds no events yet; export it when it has begun")
    count, last = end
    require_all(database, run, run_id)
    yield _line(Head(FORMAT, VERSION, run_id, started[0], count, last.hex()))
    given: set[str] = set()
    # what is appended meanwhile is not part of it
    for stored in islice(verified(database, run, run_id), count):
        event = read_event(database, run_id, stored.seq, stored.body)
        for handle in handles_in(event):
            if handle not in given:
                given.add(handle)
                yield _line(TextLine(handle, texts.recall(handle)))
        yield _line(EventLine(stored.seq, stored.at, stored.hash.hex(), Raw(stored.body)))
        count -= 1
    if count:
        raise JournalError(f"run {run_id} was removed while it was exported; what was written is not whole")


def imported(database: Database, texts: Texts, lines: Iterable[bytes], source: str) -> Imported:
    """Record the run of these lines in one transaction: all of it is there then, or nothing."""
    reader = _Reader(lines, source)
    with database.transaction():
        head = reader.head()
        row = database.one("SELECT id FROM runs WHERE run = ?", (head.run,))
        if row is not None:
            for _ in reader.rest(head):
                pass
            _require_same(database, row[0], head)
            return Imported(head.run, head.events, new=False)
        run = new_run(database, head.run, head.started)
        assert run is not None  # nobody else took the name: it was looked for in this transaction
        mark_foreign(database, run)
        for line in reader.rest(head):
            if isinstance(line, TextLine):
                if line.text is not None and not texts.adopt(line.handle, line.text):
                    raise RunExists(
                        f"{source}, line {reader.number}: another text has the handle {line.handle} in "
                        f"{database.path}; nothing was imported. Import into another journal with --journal"
                    )
                continue
            seq, *rest = line
            database.connection.execute(INSERT, (place(run, seq), *rest))
        fold_middle(database, run)
    database.marks.note(run, Mark.at(head.run, head.events, bytes.fromhex(head.last)))
    return Imported(head.run, head.events, new=True)


def _require_same(database: Database, run: int, head: Head) -> None:
    count, last = 0, first_link(head.run)
    for stored in verified(database, run, head.run):
        count, last = stored.seq, stored.hash
    if (count, last.hex()) != (head.events, head.last):
        raise RunExists(
            f"run {head.run} is in {database.path} already, with {count} events that are not the "
            f"{head.events} of the file; nothing was imported. Import into another journal with --journal, "
            f"or remove the one here first: agentkit runs rm {head.run}"
        )


_Row = tuple[int, float, bytes, str]
"""An event as the journal stores it: number, time, hash, body."""


class _Reader:
    """The lines of a file, checked one by one."""

    def __init__(self, lines: Iterable[bytes], source: str) -> None:
        self.number = 0
        """Of the line that was read last."""
        self._lines = iter(lines)
        self._source = source

    def head(self) -> Head:
        first = self._next()
        if first is None:
            raise self._wrong("the file is empty; it should begin with the head of an exported run")
        kind = self._decoded(first, dict[str, Any], "is no head of an exported run")
        if kind.get("format") != FORMAT:
            raise self._wrong(
                f'is no head of an exported run ("format" is {kind.get("format")!r}, not {FORMAT!r}); '
                "take a file that agentkit runs export wrote"
            )
        version = kind.get("version")
        if isinstance(version, int) and version > VERSION:
            raise self._wrong(
                f"the file has format version {version} and this agentkit knows up to {VERSION}; "
                "use the newer agentkit that wrote it"
            )
        head = self._decoded(first, Head, "is no head of an exported run")
        if head.version < 1 or head.events < 1 or not head.run or normal(head.run) != head.run:
            raise self._wrong("is no head of an exported run; export it again")
        return head

    def rest(self, head: Head) -> Iterator[TextLine | _Row]:
        """The texts and events after the head; each event is tied to those before it."""
        prev, seq = first_link(head.run), 0
        given: set[str] = set()
        waiting: list[str] = []
        while (raw := self._next()) is not None:
            line = self._decoded(raw, TextLine | EventLine, "is neither a text nor an event as exported")
            if isinstance(line, TextLine):
                if line.text is not None and not is_handle_of(line.handle, line.text):
                    raise self._wrong(f"is not the text that was kept as {line.handle}")
                waiting.append(line.handle)
                yield line
                continue
            seq += 1
            body = bytes(line.event)
            event = self._event(body)
            kind = str(type(event).__struct_config__.tag)
            own = link(prev, line.seq, line.at, kind, body)
            if line.seq != seq or own.hex() != line.hash:
                raise self._wrong(
                    f"event {seq} of {head.events} is not what was recorded, or not in its place"
                )
            missing = [handle for handle in handles_in(event) if handle not in given]
            if waiting != missing:
                raise self._wrong(
                    f"event {seq} rests on {_listed(missing)}, and before it stands {_listed(waiting)}"
                )
            given.update(waiting)
            waiting.clear()
            yield (line.seq, line.at, own, body.decode())
            prev = own
        if seq != head.events or prev.hex() != head.last or waiting:
            raise self._wrong(f"the file ends here after {seq} of {head.events} events")

    def _next(self) -> bytes | None:
        line = next(self._lines, None)
        if line is None:
            return None
        self.number += 1
        if not line.endswith(b"\n"):
            raise self._wrong("is cut off")
        return line

    def _event(self, body: bytes) -> Event:
        try:
            return decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise self._wrong(f"holds an event that this agentkit does not know ({error})") from error

    def _decoded(self, line: bytes, kind: type[_T] | Any, what: str) -> _T | Any:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self._wrong(f"{what} ({error})") from error

    def _wrong(self, what: str) -> NotAnExport:
        return NotAnExport(f"{self._source}, line {self.number}: {what}; nothing was imported")


def _listed(handles: list[str]) -> str:
    return f"the text {', '.join(handles)}" if handles else "no text"


def _line(value: Head | TextLine | EventLine) -> bytes:
    return msgspec.json.encode(value) + b"\n"
