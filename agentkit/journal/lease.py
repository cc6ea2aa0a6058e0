"""Only one process at a time appends to a run.

A lease is a row: an epoch and who holds it. Each append checks the epoch in its own transaction, so
a holder that was stopped while another took over cannot write when it wakes. Whether a holder still
lives is asked of the system by process id *and* start time, so a reused id fools nobody and a killed
process is succeeded at once.
"""

import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec

from agentkit.core.errors import RunBusy
from agentkit.journal.database import Database


class Holder(msgspec.Struct, frozen=True):
    """A process, named so that no other process ever has the same name."""

    pid: int
    started: str
    """When it began, in the kernel's clock ticks since boot."""
    boot: str
    """Which boot of which machine."""
    namespace: str
    """In which process-id namespace `pid` counts."""
    host: str

    @classmethod
    def me(cls, proc: Path = Path("/proc")) -> "Holder":
        """This process."""
        return _named(os.getpid(), proc)

    def obstacle(self, me: "Holder", proc: Path = Path("/proc")) -> str:
        """Why `me` cannot take this holder's run, or nothing when this holder is surely gone."""
        if self.boot != me.boot:
            # the same machine under another boot: whatever ran before is gone
            return "" if self.host == me.host else f"a process on another machine ({self.host!r}) works on it"
        if self.namespace != me.namespace:
            return f"process {self.pid} in another container ({self.host!r}) works on it"
        if _started(proc, self.pid) != self.started:
            return ""
        return "this process works on it" if self.pid == me.pid else f"process {self.pid} works on it"

    def lives_beside(self, me: "Holder", proc: Path = Path("/proc")) -> bool:
        """Whether this holder is another process that is surely alive, on the machine of `me`."""
        near = (self.boot, self.namespace) == (me.boot, me.namespace)
        return near and self.pid != me.pid and _started(proc, self.pid) == self.started


@lru_cache(maxsize=1)  # a process keeps its name; one that is forked from it has another number
def _named(pid: int, proc: Path) -> Holder:
    return Holder(pid, _started(proc, pid) or "", _boot(proc), _namespace(proc), platform.node())


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to append to a run, for as long as its epoch is the newest."""

    run: int
    run_id: str
    epoch: int


def take(database: Database, run: int, run_id: str, me: Holder, *, force: bool = False) -> Lease:
    """Become the one that may append to a run; inside a transaction.

    Args:
        database: where the run is.
        run: the run's number there.
        run_id: the run's name.
        me: this process.
        force: take it from a holder that lives, or of which nobody can tell.

    Raises:
        RunBusy: another process holds it.
    """
    row = database.one("SELECT holder FROM leases WHERE run = ?", (run,))
    holder = holder_of(row[0]) if row else None
    if holder is not None and not force and (obstacle := holder.obstacle(me)):
        raise RunBusy(
            f"run {run_id} is busy: {obstacle}; wait for it or stop it first, "
            "or take the run with --force (in Python force=True) if it is surely gone"
        )
    return take_new(database, run, run_id, me)


def take_new(database: Database, run: int, run_id: str, me: Holder) -> Lease:
    """Become the one that may append to a run that was made in this transaction.

    Whoever held a removed run with its number cannot: the epochs go on.
    """
    (epoch,) = database.connection.execute(
        "INSERT INTO leases (run, epoch, holder) VALUES (?1, 1, ?2) "
        "ON CONFLICT (run) DO UPDATE SET epoch = epoch + 1, holder = ?2 RETURNING epoch",
        (run, _written(me)),
    ).fetchone()
    return Lease(run, run_id, epoch)


@lru_cache(maxsize=1)
def _written(me: Holder) -> str:
    return msgspec.json.encode(me).decode()


def release(database: Database, lease: Lease) -> None:
    """Let others have the run; nothing happens when they took it already."""
    database.write("UPDATE leases SET holder = NULL WHERE run = ? AND epoch = ?", (lease.run, lease.epoch))


def lost(database: Database, lease: Lease) -> RunBusy:
    """What to raise when an append found a newer epoch."""
    row = database.one("SELECT holder FROM leases WHERE run = ?", (lease.run,))
    holder = holder_of(row[0]) if row else None
    by = f"process {holder.pid}" if holder else "another process"
    return RunBusy(f"run {lease.run_id} was taken over by {by}; nothing more is recorded here")


def holder_of(text: str | None) -> Holder | None:
    """The holder that a lease names; of one that cannot be read, nobody can tell whether it lives."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Holder)
    except (msgspec.DecodeError, UnicodeError):
        return Holder(0, "", "", "", "unreadable lease")


def _started(proc: Path, pid: int) -> str | None:
    """When a living process began; `None` when there is none, or only its unburied remains."""
    try:
        stat = (proc / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the program's name, in parentheses, may hold anything; fields count from after it
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()


def _boot(proc: Path) -> str:
    return (proc / "sys/kernel/random/boot_id").read_text().strip()


def _namespace(proc: Path) -> str:
    return str((proc / "self/ns/pid").readlink())
