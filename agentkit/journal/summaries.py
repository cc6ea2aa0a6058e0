"""Runs in one line each."""

from collections.abc import Callable
from typing import Any

import msgspec

from agentkit.core.events import (
    Compacted,
    CompactionUndone,
    Ending,
    Event,
    FilesSet,
    FilesSetting,
    RunEnded,
    RunStarted,
)
from agentkit.journal.chain import decode, first_link, whole_kind
from agentkit.journal.database import Database
from agentkit.journal.kinds import printable
from agentkit.journal.lease import Holder, holder_of
from agentkit.journal.marks import Mark, name_of
from agentkit.journal.places import within
from agentkit.journal.segments import Unreadable, unfolded
from agentkit.journal.tags import kind_of


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
    forked_from: str = ""
    """RUN@STEP: where its history comes from, if not from itself."""
    parent: str = ""
    """The run that it works for, if it does for one."""
    foreign: bool = False
    """Whether it was imported, or has the history of a run that was."""


def summaries(database: Database) -> list[RunSummary]:
    """Every run that has an event, the oldest first; only the first and the last event are verified."""
    me = Holder.me()
    marks = database.marks.all()  # before the rows: a mark is never ahead of them
    return [
        _summary(row, me, marks.get(number), lambda number=number: _ended_before(database, number))
        for number, *row in database.all(_SUMMARIES)
    ]


def _summary(row: Any, me: Holder, mark: Mark | None, ended_before: Callable[[], Event | None]) -> RunSummary:
    run_id, started, holder, foreign, before, *ends = row
    first, last = ends[:4], ends[4:]
    held_by = holder_of(holder)
    busy = held_by is not None and bool(held_by.obstacle(me))
    # seq counts from one without gaps, so the last is also how many there are
    whole = (
        first[0] == 1 and _is_whole(first, first_link(run_id)) and (last[0] == 1 or _is_whole(last, before))
    )
    if not whole or (mark and (mark.name != name_of(run_id) or mark.seq > last[0])):
        return RunSummary(printable(run_id), "", "", "", started, started, 0, None, busy, damaged=True)
    start, end = _known(first[3]), _known(last[3])
    if isinstance(end, FilesSetting | FilesSet | Compacted | CompactionUndone):
        end = ended_before()
    goal, model, workspace, origin, parent = (
        (start.goal, start.model, start.workspace, start.forked_from, start.parent)
        if isinstance(start, RunStarted)
        else ("", "", "", "", "")
    )
    ending = end.ending if isinstance(end, RunEnded) else None
    # a fork has events from before it was made
    at = max(started, last[1])
    return RunSummary(
        run_id,
        goal,
        model,
        workspace,
        started,
        at,
        last[0],
        ending,
        busy,
        forked_from=origin,
        parent=parent,
        foreign=bool(foreign),
    )


def _is_whole(row: Any, prev: Any) -> bool:
    seq, at, own, body = row
    return whole_kind(seq, at, prev, own, body) is not None


def _ended_before(database: Database, number: int) -> Event | None:
    """The last event of a run that is not about its files or view alone: it may have ended before that."""
    for (body,) in database.rows(_ROWS, (number,)):
        if kind_of(body) not in _AFTERWARDS:
            return _known(body)
    for (content,) in database.all(_FOLDED, (number,)):
        try:
            folded = unfolded(content)
        except Unreadable:
            return None
        for one in reversed(folded):
            if one.kind not in _AFTERWARDS:
                return _known(one.body)
    return None


_AFTERWARDS = ("files setting", "files set", "compacted", "compaction undone")
"""What can be done to a run that is over, and leaves it so."""
_ROWS = f"SELECT CAST(body AS BLOB) FROM events WHERE {within('?1')} AND seq > 1 ORDER BY place DESC"
_FOLDED = f"SELECT content FROM segments WHERE {within('?1')} ORDER BY place DESC"
_SUMMARIES = f"""
SELECT runs.id, runs.run, runs.started, leases.holder,
       EXISTS (SELECT 1 FROM foreign_runs WHERE run = runs.id),
       coalesce((SELECT hash FROM events WHERE place = z.place - 1),
                (SELECT hash FROM segments WHERE {within("runs.id")} AND last = z.seq - 1)),
       a.seq, a.at, a.hash, CAST(a.body AS BLOB),
       z.seq, z.at, z.hash, CAST(z.body AS BLOB)
FROM runs
JOIN events AS a ON a.place = (SELECT min(place) FROM events WHERE {within("runs.id")})
JOIN events AS z ON z.place = (SELECT max(place) FROM events WHERE {within("runs.id")})
LEFT JOIN leases ON leases.run = runs.id
ORDER BY runs.id
"""


def _known(body: bytes) -> Event | None:
    """The event, or `None` for a kind that a newer agentkit wrote: one run must not hide the others."""
    try:
        return decode(body)
    except msgspec.ValidationError:
        return None
