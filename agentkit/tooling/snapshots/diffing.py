"""What a run changed, or what differs between two states of one or two runs, file by file."""

import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from agentkit.core.errors import UsageError
from agentkit.core.events import Recorded
from agentkit.journal.contents import Contents, Entry
from agentkit.tooling.snapshots.comparing import differences, same
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.history import history

LONGEST = 1_000_000
"""Bytes of both files together that are compared line by line."""


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One path that is not what it was."""

    path: str
    old: Entry | None
    new: Entry | None
    before: bytes | None
    """What the old one held, if it is a file or link that was kept."""
    after: bytes | None

    @property
    def what(self) -> str:
        """`added`, `changed` or `removed`."""
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    @property
    def name(self) -> str:
        """The path as text."""
        return written(self.path)

    @property
    def remark(self) -> str:
        """What a comparison line by line does not show; empty for nothing."""
        said = [f"it is not kept: {entry.why}" for entry in (self.old, self.new) if entry and entry.why]
        kinds = [_kind(entry) for entry in (self.old, self.new) if entry]
        if len(set(kinds)) > 1:
            said.append(f"from {kinds[0]} to {kinds[1]}")
        elif kinds[0] != "file":
            said.append(kinds[0])
        modes = [f"{stat.S_IMODE(entry.mode):03o}" for entry in (self.old, self.new) if entry]
        if len(set(modes)) > 1 and "link" not in kinds:
            said.append(f"permissions from {modes[0]} to {modes[1]}")
        if self.old and self.new and self.old.owner and self.new.owner:
            owners = [":".join(map(str, entry.owner or ())) for entry in (self.old, self.new)]
            if owners[0] != owners[1]:
                said.append(f"user and group from {owners[0]} to {owners[1]}")
            if self.old.attributes != self.new.attributes:
                said.append("other extended attributes")
        if self.before != self.after and self._texts() is None:
            sizes = [f"{len(held):,}" for held in (self.before, self.after) if held is not None]
            said.append(f"no text, or a long one: {' to '.join(sizes)} bytes")
        return "; ".join(dict.fromkeys(said))

    def lines(self) -> Iterator[str]:
        """The difference as a unified diff; nothing where lines cannot tell it."""
        texts = self._texts()
        if texts is None or texts[0] == texts[1]:
            return
        old = "/dev/null" if self.before is None else f"a/{self.name}"
        new = "/dev/null" if self.after is None else f"b/{self.name}"
        was, now = (text.splitlines(keepends=True) for text in texts)
        for line in unified_diff(was, now, old, new):
            yield line.removesuffix("\n")
            if not line.endswith("\n"):
                yield "\\ No newline at end of file"

    def _texts(self) -> tuple[str, str] | None:
        held = (self.before or b"", self.after or b"")
        if sum(map(len, held)) > LONGEST or any(b"\0" in one for one in held):
            return None
        try:
            old, new = (one.decode() for one in held)
        except UnicodeDecodeError:
            return None
        return old, new


def changed_by(contents: Contents, events: Iterable[Recorded], after_step: int = 0) -> list[FileDiff]:
    """What a run changed after a step and has not been undone, by path.

    What others changed in between is not part of it, and what a call did that was cut off is not known.

    Raises:
        UsageError: the files are not kept here, or the run has no such step.
    """
    ends: dict[str, list[Entry | None]] = {}
    found = history(events)
    if not 0 <= after_step <= found.steps:
        raise UsageError(f"the run has no step {after_step}; it has 0 to {found.steps}")
    for step in found.done:
        for change in step.changes if step.number > after_step else ():
            if change.after is not None:
                for path, old, new in differences(contents, change.before, change.after):
                    ends.setdefault(path, [old, new])[1] = new
    return _diffs(contents, ((path, old, new) for path, (old, new) in sorted(ends.items())))


def between(contents: Contents, old: bytes, new: bytes) -> list[FileDiff]:
    """What differs between two kept states, by path.

    Raises:
        UsageError: the files are not kept here.
    """
    return _diffs(contents, differences(contents, old, new))


def state_of(run_id: str, events: Sequence[Recorded], step: int | None = None) -> bytes:
    """The files at the end of a step, or as the run, or an undo of it, left them last.

    Raises:
        UsageError: the run never called anything that could change files, so they were never kept.
    """
    found = history(events)
    state = found.latest if step is None else found.at(step)
    if step is not None and not 0 <= step <= found.steps:
        raise UsageError(f"run {run_id} has no step {step}; it has 0 to {found.steps}")
    if state is None:
        raise UsageError(
            f"run {run_id} called nothing that can change files, so they were not kept; "
            "compare with a run that did"
        )
    return state


def _diffs(contents: Contents, found: Iterable[tuple[str, Entry | None, Entry | None]]) -> list[FileDiff]:
    return [
        FileDiff(path, old, new, _held(contents, old), _held(contents, new))
        for path, old, new in found
        if not same(old, new)
    ]


def _held(contents: Contents, entry: Entry | None) -> bytes | None:
    if entry is None or entry.why or stat.S_ISDIR(entry.mode):
        return None
    return contents.get(entry.hash)


def _kind(entry: Entry) -> str:
    if stat.S_ISDIR(entry.mode):
        return "folder"
    return "link" if stat.S_ISLNK(entry.mode) else "file" if stat.S_ISREG(entry.mode) else "special file"
