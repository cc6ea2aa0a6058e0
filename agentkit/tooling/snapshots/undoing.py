"""Undo and redo of what a run did to the files of its workspace."""

import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agentkit.core.errors import UsageError
from agentkit.core.events import Event, FilesSet, FilesSetting
from agentkit.core.protocols import RunLog
from agentkit.journal.contents import Contents
from agentkit.tooling.nearest import listed
from agentkit.tooling.snapshots.comparing import differences, same
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.history import History, Step, history
from agentkit.tooling.snapshots.planning import Plan, Setting, plan
from agentkit.tooling.snapshots.setting import require_kept, set_files
from agentkit.tooling.snapshots.taking import Snapshot, Snapshots

Record = Callable[[Event, bool], None]
"""Appends an event to the run's record; the flag asks for durability."""


@dataclass(frozen=True, slots=True)
class FilesReset:
    """What an undo or redo did."""

    redo: bool
    steps: tuple[int, ...]
    """The steps whose changes were taken back, or made again."""
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    covered: tuple[str, ...]
    """What the run had not left so, covered by force; a redo of an undo brings it back."""
    lost: tuple[str, ...]
    """What was not kept and is as it was found."""
    not_given_back: tuple[str, ...]
    """What did not get the owner or the attributes back that it had, because this user must not give them."""
    completed: bool
    """Whether it only completed one that was cut off."""

    def __str__(self) -> str:
        """What was done, as a sentence without a subject."""
        what = f"step {self.steps[0]}" if len(self.steps) == 1 else f"steps {_and(self.steps)}"
        did = f"{'redid' if self.redo else 'undid'} what {what} did to the files"
        parts = [
            f"{word} {listed(paths, most=20)}"
            for word, paths in (
                ("brought back", self.added),
                ("set back", self.changed),
                ("removed", self.removed),
                ("covered what others had changed in", self.covered),
                ("could not bring back", self.lost),
                ("could not give the former owner or attributes to", self.not_given_back),
            )
            if paths
        ]
        return f"{did}: {'; '.join(parts) or 'they were so already'}"


def undo(
    log: RunLog,
    snapshots: Snapshots,
    to: int | None = None,
    *,
    force: bool = False,
    record: Record | None = None,
) -> FilesReset:
    """Set the files back to what they were before the last step that changed some, and record it.

    Only what the run changed is set. An undo or redo that was cut off before is completed instead.

    Args:
        log: the run, held by this process.
        snapshots: of its workspace.
        to: the last step whose changes stay; 0 takes all of them back.
        force: cover what is not as the run left it; a redo brings that back.
        record: appends the events, for a run with watchers; `log.append` by default.

    Raises:
        UndoRefused: it would cover what others changed, or lose something; nothing was changed.
        UsageError: there is nothing to undo, or the files are not kept here.
        JournalError: it could not be recorded or completed.
    """
    run = _Run(log, snapshots, record or _appending(log), history(log.events()))
    if run.found.cut_off is not None:
        return run.complete(run.found.cut_off, force=force)
    run.found.until(snapshots.take().state)
    done, steps = run.found.done, run.found.steps
    if not done:
        raise UsageError(f"run {log.run_id} has changed no files that are not set back already")
    to_step = _last_told(snapshots.contents, done).number - 1 if to is None else to
    if not 0 <= to_step <= steps:
        raise UsageError(f"run {log.run_id} has no step {to}; it can be undone to 0 to {steps}")
    if done[-1].number <= to_step:
        raise UsageError(
            f"run {log.run_id} has changed no files after step {to_step}; "
            f"the last step that did is {done[-1].number}"
        )
    return run.reset(to_step, redo=False, force=force)


def redo(
    log: RunLog, snapshots: Snapshots, *, force: bool = False, record: Record | None = None
) -> FilesReset:
    """Take the last undo back, and record it; what was undone by force comes back too.

    An undo or redo that was cut off before is completed instead. Arguments and errors are those of `undo`.
    """
    run = _Run(log, snapshots, record or _appending(log), history(log.events()))
    if run.found.cut_off is not None:
        return run.complete(run.found.cut_off, force=force)
    if not run.found.undone:
        raise UsageError(
            f"run {log.run_id} has no undo that could be taken back: there was none, "
            "or the run went on after it"
        )
    return run.reset(run.found.undone[-1].steps[-1].number, redo=True, force=force)


def require_whole(log: RunLog) -> None:
    """Refuse to go on with a run while its files are half set back.

    Raises:
        UsageError: an undo or redo was cut off.
    """
    if history(log.events()).cut_off is not None:
        raise UsageError(
            f"an undo of run {log.run_id} was cut off, and its files are set back in part; "
            f"complete it first: agentkit runs undo {log.run_id}"
        )


def _appending(log: RunLog) -> Record:
    def append(event: Event, durable: bool) -> None:
        log.append(event, durable=durable)

    return append


@dataclass(frozen=True, slots=True)
class _Run:
    """A run whose files are to be set."""

    log: RunLog
    snapshots: Snapshots
    record: Record
    found: History

    def reset(self, to_step: int, *, redo: bool, force: bool) -> FilesReset:
        """Set the files to what they were after a step."""
        now = self.snapshots.take()
        setting = FilesSetting(to_step, now.name, redo=redo, forced=force, modified=now.times)
        planned = self._plan(setting, now)
        if not force:
            planned.require_harmless(self.log.run_id)
        require_kept(self.snapshots.contents, planned.settings)
        self.record(setting, True)
        return self._apply(setting, planned, completed=False)

    def complete(self, setting: FilesSetting, *, force: bool) -> FilesReset:
        """Do what is left of a setting that was cut off."""
        planned = self._plan(setting, self.snapshots.take(), begun=True)
        if not (force or setting.forced):
            planned.require_harmless(self.log.run_id)
        return self._apply(setting, planned, completed=True)

    def _plan(self, setting: FilesSetting, now: Snapshot, *, begun: bool = False) -> Plan:
        changes = [change for step in self._steps(setting) for change in step.changes]
        if setting.redo:
            changes = [self.found.undone[-1].change]
        before = _before(setting) if begun else None
        return plan(self.snapshots.contents, changes, now.state, now.left_out, before)

    def _steps(self, setting: FilesSetting) -> Sequence[Step]:
        if setting.redo:
            return self.found.undone[-1].steps
        return [step for step in self.found.done if step.number > setting.to_step]

    def _apply(self, setting: FilesSetting, planned: Plan, *, completed: bool) -> FilesReset:
        snapshots = self.snapshots
        settings = planned.settings
        theirs = set_files(snapshots.workspace, snapshots.contents, settings, _before(setting))
        steps = [step.number for step in self._steps(setting)]
        done = _told(setting, steps, planned, theirs, completed=completed)
        text = f"The person {done}. Look at the files before you rely on what you know of them."
        now = snapshots.take()
        self.record(FilesSet(now.name, text, now.times), True)
        return done


def _before(setting: FilesSetting) -> bytes:
    return bytes.fromhex(setting.before + setting.modified)


def _last_told(contents: Contents, done: Sequence[Step]) -> Step:
    """The last step that did more than to set a time; those after it, and with none of it all, go with it."""
    for step in reversed(done):
        for change in step.changes:
            if change.after is None or next(differences(contents, change.before, change.after), None):
                return step
    return done[0]


def _told(
    setting: FilesSetting, steps: Sequence[int], planned: Plan, theirs: Iterable[str], *, completed: bool
) -> FilesReset:
    def those(fits: Callable[[Setting], bool]) -> tuple[str, ...]:
        told = (path for path, one in planned.settings.items() if fits(one) and not _comes_along(one))
        return tuple(sorted(map(written, told)))

    return FilesReset(
        redo=setting.redo,
        steps=tuple(steps),
        added=those(lambda one: one.have is None),
        changed=those(lambda one: one.have is not None and one.want is not None),
        removed=those(lambda one: one.want is None),
        covered=tuple(sorted(map(written, planned.conflicts))),
        lost=tuple(sorted(map(written, planned.lost))),
        not_given_back=tuple(sorted(map(written, theirs))),
        completed=completed,
    )


def _comes_along(setting: Setting) -> bool:
    """Whether it is a folder whose time alone is set: that follows from what is set in it."""
    want = setting.want
    return want is not None and stat.S_ISDIR(want.mode) and same(want, setting.have)


def _and(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
