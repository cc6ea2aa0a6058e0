"""What steers agents in a workspace is the same after a command as before it, and nothing is lost by that."""

import contextlib
import os
import stat
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from agentkit.tooling.steering import FILE, FOLDER, STEERING

ASIDE = "set-aside-by-agentkit"
"""How the folder's name begins to which is moved what a command made of it."""
_READ = (FILE, f"{FOLDER}/prompts", f"{FOLDER}/skills")
_LARGEST = 1 << 20
"""Bytes; what is larger is no prompt and no skill, and steers nobody."""
_MOST = 2000
"""Files whose content is held while a command runs."""

Entry = tuple[int, bytes | None]
"""The mode, and the content: of a link where it leads; `None` of what is no file, or is not held."""


@dataclass
class Steering:
    """What was there before a command, and what had to be set aside after it."""

    workspace: Path
    before: Mapping[str, Entry]
    changed: list[str] = field(default_factory=list[str])
    aside: Path | None = None
    """Where that lies which is set aside."""

    @property
    def note(self) -> bytes:
        """What the command's output is to say of it; empty where nothing happened."""
        if not self.changed:
            return b""
        names = ", ".join(self.changed)
        lies = f"; what this command made of it lies in {self.aside.name}" if self.aside else ""
        text = f"\n[only a person may change {names}, which steers agents: it is as it was{lies}]\n"
        return text.encode("utf-8", "replace")

    def put_back(self, path: str) -> None:
        """Move what is there now out of the way, and make what was there."""
        # nothing of the command is alive, so no link can be swapped in between; none is followed
        place, was = self.workspace / path, self.before.get(path)
        now = _entry(place)
        if now == was:  # it went, or came back, with the folder that it lies in
            return
        self.changed.append(path)
        if now is not None and not (was and stat.S_ISDIR(was[0]) and stat.S_ISDIR(now[0])):
            self._set_aside(place)
        if was is None:
            return
        mode, content = was
        if content is not None and stat.S_ISLNK(mode):
            place.symlink_to(os.fsdecode(content))
        elif content is not None:
            place.write_bytes(content)
            place.chmod(stat.S_IMODE(mode))
        elif stat.S_ISDIR(mode):
            place.mkdir(exist_ok=True)
            place.chmod(stat.S_IMODE(mode))

    def _set_aside(self, place: Path) -> None:
        self.aside = self.aside or _new_folder(self.workspace)
        place.rename(self.aside / str(place.relative_to(self.workspace)).replace("/", "-"))


def _new_folder(workspace: Path) -> Path:
    numbered = (workspace / f"{ASIDE}-{number}" for number in count(1))
    # what is there a command may have made, a link perhaps
    folder = next(one for one in numbered if not os.path.lexists(one))
    folder.mkdir()
    return folder


def unchangeable(workspace: Path) -> list[Path]:
    """What can be mounted so that a command cannot change it; what is a link, or missing, cannot."""
    there = (workspace / name for name in STEERING)
    return [path for path in there if path.exists() and not path.is_symlink()]


@contextlib.contextmanager
def steered(workspace: Path, *, mounted: bool) -> Generator[Steering]:
    """Set aside what a command makes of the steering of a workspace, and put the old in its place.

    Args:
        workspace: Where the command runs.
        mounted: Whether it cannot change what there is: then a change of that is a person's, and stays.
    """
    fixed = {path.name for path in unchangeable(workspace)} if mounted else set[str]()
    kept = Steering(workspace, _seen(workspace, fixed))
    try:
        yield kept
    finally:
        after = _seen(workspace, fixed)
        for path in sorted(kept.before.keys() | after.keys()):
            if after.get(path) != kept.before.get(path):
                kept.put_back(path)


def _seen(workspace: Path, fixed: set[str]) -> dict[str, Entry]:
    """Everything that steers, by its path; a folder comes before what lies in it."""
    found: dict[str, Entry] = {}
    if FOLDER not in fixed and (entry := _entry(workspace / FOLDER)):
        found[FOLDER] = entry
    pending = [name for name in _READ if name.partition("/")[0] not in fixed]
    while pending and len(found) < _MOST:
        path = pending.pop()
        above = workspace / path.rpartition("/")[0]
        if above.is_symlink() or (entry := _entry(workspace / path)) is None:
            continue
        found[path] = entry
        if stat.S_ISDIR(entry[0]):
            with contextlib.suppress(PermissionError):  # its mode, which is put back first
                pending += [f"{path}/{name}" for name in sorted(os.listdir(workspace / path))]  # noqa: PTH208
    return found


def _entry(path: Path) -> Entry | None:
    try:
        facts = path.lstat()
        if stat.S_ISLNK(facts.st_mode):
            return facts.st_mode, os.fsencode(path.readlink())
        if stat.S_ISREG(facts.st_mode) and facts.st_size <= _LARGEST:
            return facts.st_mode, path.read_bytes()
        return facts.st_mode, None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        return 0, None
