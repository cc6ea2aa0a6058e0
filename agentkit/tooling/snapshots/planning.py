"""What has to be done to a workspace to take changes back, and what speaks against it."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from agentkit.core.errors import UndoRefused
from agentkit.journal.contents import Contents, Entry
from agentkit.tooling.nearest import listed
from agentkit.tooling.snapshots.comparing import ITSELF, Tree, differences, same, same_time
from agentkit.tooling.snapshots.coverage import written
from agentkit.tooling.snapshots.history import Change

CHANGED = "it is not as the run left it"
UNKNOWN = "nobody knows whether the run changed it or you, as nobody watched for a while"
LOST = "it was not kept, so it cannot be brought back"


@dataclass(frozen=True, slots=True)
class Setting:
    """One path to be set."""

    want: Entry | None
    have: Entry | None


@dataclass(slots=True)
class Plan:
    """Every path to be set, and why some should not be."""

    settings: dict[str, Setting] = field(default_factory=dict[str, Setting])
    conflicts: dict[str, str] = field(default_factory=dict[str, str])
    """Setting them would cover what nobody asked to undo; they are among the settings all the same."""
    lost: dict[str, str] = field(default_factory=dict[str, str])
    """What cannot be set, whoever wishes it."""

    def require_harmless(self, run_id: str) -> None:
        """Refuse a plan with conflicts.

        Raises:
            UndoRefused: naming them and what would work.
        """
        found = {**self.conflicts, **self.lost}
        if not found:
            return
        by_reason: dict[str, list[str]] = {}
        for path, why in sorted(found.items()):
            by_reason.setdefault(why, []).append(written(path))
        named = "; ".join(f"{listed(paths, most=10)}: {why}" for why, paths in by_reason.items())
        also = " and leaves what was not kept as it is" if self.lost else ""
        raise UndoRefused(
            f"nothing was changed, because of {named}. Move or restore it yourself, or say --force "
            f"(force=True): that covers it{also}, and what is kept of it comes back by: "
            f"agentkit runs redo {run_id}",
            tuple(map(written, sorted(found))),
        )


def plan(
    contents: Contents,
    changes: Sequence[Change],
    current: bytes,
    left_out: Mapping[str, str],
    begun: bytes | None = None,
) -> Plan:
    """How to take changes back, one after the other, in a workspace that is now as `current`.

    Args:
        contents: where all these states are kept.
        changes: in the order in which they were done.
        current: the workspace now.
        left_out: what of it is not kept, and why.
        begun: the workspace when this was begun once before and cut off.
    """
    now = Tree(contents, current)
    earlier = Tree(contents, begun) if begun else None
    found = Plan()
    begun_with: set[str] = set()
    for path, touched in _touched(contents, changes, current).items():
        have = now.get(path)
        was = have if earlier is None else earlier.get(path)
        due = touched.is_set(was)
        if due:
            begun_with.add(path)
        if same(have, touched.first) or (same(was, touched.first) and _is_folder_of(have, was)):
            if due and not _is_as(have, touched.first) and _may_be_timed(have, was, touched.first):
                found.settings[path] = Setting(touched.first, have)
            continue
        if touched.timed:
            continue  # the run changed its time alone, and somebody else the rest since: it stays
        if touched.first is not None and touched.first.why:
            found.lost[path] = LOST
            continue
        found.settings[path] = Setting(touched.first, have)
        known = not touched.mixed and same(have, touched.last)
        if touched.unknown:
            found.conflicts[path] = UNKNOWN
        elif not known and not (earlier and _under_way(contents, have, was, touched.first)):
            found.conflicts[path] = CHANGED
        elif have is not None and have.why:
            why = left_out.get(path, have.why)
            found.conflicts[path] = f"{why}, so a redo would not bring it back"
    _clear_the_way(found, now, Tree(contents, changes[0].before) if changes else now)
    if earlier is not None:
        _close_folders(found, begun_with, now, earlier)
    return found


def _under_way(contents: Contents, have: Entry | None, was: Entry | None, want: Entry | None) -> bool:
    """Whether a setting that was cut off may have left a path like this."""
    if same(have, was):
        return True
    if have is None:  # room was made for another kind of thing
        return was is not None and want is not None and stat.S_IFMT(was.mode) != stat.S_IFMT(want.mode)
    if _file_under_way(contents, have, was, want):
        return True
    # a folder is open to its owner until all that lies in it is set
    opened = {stat.S_IFDIR | stat.S_IMODE(one.mode) | 0o700 for one in (was, want) if _is_folder(one) and one}
    return _is_folder(have) and have.mode in {stat.S_IFDIR | 0o700, *opened}


def _file_under_way(contents: Contents, have: Entry, was: Entry | None, want: Entry | None) -> bool:
    """Whether a file that stays the one it was is in part set already."""
    if was is None or want is None or _is_folder(have):
        return False
    if _written_in_place(have, want):
        held = have.hash == want.hash or _half_written(contents, have, was, want)
    else:
        held = have.hash == was.hash == want.hash
    # a new owner takes the permissions away with which a program runs as its owner or group, and only what
    # its owner may write gets attributes
    modes = {
        (one.mode & kept) | more
        for one in (was, want)
        for kept in (~0, ~(stat.S_ISUID | stat.S_ISGID))
        for more in (0, stat.S_IWUSR)
    }
    return held and have.mode in modes


def _written_in_place(have: Entry, want: Entry) -> bool:
    """Whether it is still the file of several names that it was, into which is written."""
    return have.inode != 0 and have.inode == want.inode


def _half_written(contents: Contents, have: Entry, was: Entry, want: Entry) -> bool:
    """Whether a file begins as it should and goes on as it did."""
    found, old, new = (contents.get(one.hash) for one in (have, was, want))
    if found is None or old is None or new is None:
        return False
    differ = (at for at, (one, other) in enumerate(zip(found, new, strict=False)) if one != other)
    written_so_far = next(differ, min(len(found), len(new)))
    return found[written_so_far:] == old[written_so_far:]


def _is_as(have: Entry | None, want: Entry | None) -> bool:
    return same(have, want) and same_time(have, want)


def _is_folder_of(have: Entry | None, was: Entry | None) -> bool:
    """Whether it is the folder that it was, be it that this is open to its owner now."""
    if have is None or was is None or not was.is_folder:
        return False
    return same(have, was) or same(have, replace(was, mode=was.mode | 0o700))


def _may_be_timed(have: Entry | None, was: Entry | None, want: Entry | None) -> bool:
    """Whether the time of what is as it should be otherwise is from before a setting, or may be from it.

    What is put at its path has its time when it comes there, so another one is somebody else's.
    """
    if have is None or want is None or _is_folder(have):
        return True
    if was is None:
        return False
    return same_time(have, was) or (_written_in_place(have, want) and was.hash != want.hash)


def _close_folders(found: Plan, begun_with: set[str], now: Tree, earlier: Tree) -> None:
    """Add the folders that only what is set in them had opened, or given another time."""
    above = {folder for path in begun_with for folder in (ITSELF, *folders_above(path))}
    for folder in sorted(above - begun_with):
        have, was = now.get(folder), earlier.get(folder)
        if folder not in found.settings and _is_folder_of(have, was) and not _is_as(have, was):
            found.settings[folder] = Setting(was, have)


@dataclass(slots=True)
class _Touched:
    """A path that changes were about."""

    first: Entry | None
    last: Entry | None
    mixed: bool = False
    """Whether it was changed by somebody else in between."""
    unknown: bool = False
    timed: bool = True
    """Whether the changes set its time and nothing else."""

    def is_set(self, was: Entry | None) -> bool:
        """Whether an undo sets it that finds it like this."""
        if same(was, self.first):  # its time alone, unless somebody has set that since: then it stays
            return _is_as(was, self.last) and not same_time(was, self.first)
        return not self.timed and not (self.first is not None and self.first.why)


def _touched(contents: Contents, changes: Sequence[Change], current: bytes) -> dict[str, _Touched]:
    found: dict[str, _Touched] = {}
    for change in changes:
        unknown = change.after is None or change.unsure
        for path, old, new in differences(contents, change.before, change.after or current, times=True):
            earlier = found.get(path)
            timed = same(old, new)
            if earlier is None:
                found[path] = _Touched(old, new, unknown=unknown, timed=timed)
                continue
            earlier.timed = earlier.timed and timed
            earlier.mixed = earlier.mixed or not same(earlier.last, old)
            earlier.last, earlier.unknown = new, earlier.unknown or unknown
    return found


def _clear_the_way(found: Plan, now: Tree, before: Tree) -> None:
    """Add what stands where a folder has to be, or in a folder that has to go."""
    for path, setting in list(found.settings.items()):
        if setting.want is not None:
            for above in folders_above(path):
                have = now.get(above)
                if above not in found.settings and not (have and stat.S_ISDIR(have.mode)):
                    found.settings[above] = Setting(before.get(above), have)
                    found.conflicts[above] = CHANGED
        have = setting.have
        if have is None or not stat.S_ISDIR(have.mode) or _is_folder(setting.want):
            continue
        strangers = [one for one in _all_below(now, path) if one[0] not in found.settings]
        if strangers and setting.want is None:
            del found.settings[path]  # it stays for what others put there
            found.conflicts.pop(path, None)
            continue
        for one, entry in strangers:
            found.settings[one] = Setting(None, entry)
            found.conflicts[one] = entry.why or CHANGED


def folders_above(path: str) -> Iterator[str]:
    """The folders that a path lies in, the outermost first."""
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _all_below(tree: Tree, folder: str) -> Iterator[tuple[str, Entry]]:
    for name, entry in tree.folder(folder).items():
        path = f"{folder}/{os.fsdecode(name)}"
        yield path, entry
        if entry.is_folder:
            yield from _all_below(tree, path)


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and stat.S_ISDIR(entry.mode)
