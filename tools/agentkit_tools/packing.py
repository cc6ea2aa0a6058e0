"""What goes into an archive: files with their modes, safe links and empty folders; and what does not."""

import io
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from agentkit.core.errors import ToolFault
from agentkit.tooling.listing import SKIPPED
from agentkit.tooling.nearest import listed
from agentkit.tooling.workspace import Workspace
from agentkit_tools.text import counted

MOST_COUNTED = 20_000
"""Files of a folder that is left out which are counted."""
_PERMISSIONS = 0o777
"""Who may read, write and run. What makes a file run as its owner stays behind."""
_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_LAST_ZIP_DATE = (2107, 12, 31, 23, 59, 58)


@dataclass(slots=True)
class Packing:
    """What is packed, by its path from the workspace, and what is left out."""

    size: int = 0
    """Bytes of all files."""
    files: dict[str, None] = field(default_factory=dict[str, None])
    folders: dict[str, None] = field(default_factory=dict[str, None])
    links: dict[str, str] = field(default_factory=dict[str, str])
    """Each with its target as it is written in it."""
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    """Folders of tools, each with how many files it holds."""
    unsafe: list[str] = field(default_factory=list[str])
    """Links to what is not packed: unpacked elsewhere they would lead to something else."""
    others: list[str] = field(default_factory=list[str])
    """Devices, and what has a name that cannot be written down."""

    @property
    def members(self) -> int:
        """How many entries the archive gets, at most."""
        return len(self.files) + len(self.folders) + len(self.links)

    @property
    def empty(self) -> list[str]:
        """The folders that no other entry implies."""
        implied = {
            path[:at]
            for path in (*self.files, *self.links, *self.folders)
            for at, letter in enumerate(path)
            if letter == "/"
        }
        return [path for path in self.folders if path not in implied]

    def told(self) -> str:
        """What is packed, in words."""
        parts = [counted(len(self.files), "file")]
        parts += [counted(len(self.links), "link")] if self.links else []
        parts += [counted(len(self.empty), "empty folder")] if self.empty else []
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)

    def left_out(self) -> str:
        """What is left out, in words; nothing if nothing is."""
        told: list[str] = []
        if self.skipped:
            names = listed([f"{path} ({count})" for path, count in self.skipped.items()])
            told.append(f"{counted(len(self.skipped), 'folder')} of tools, packed only by name: {names}")
        if self.unsafe:
            told.append(f"{counted(len(self.unsafe), 'link')} to what is not packed: {listed(self.unsafe)}")
        if self.others:
            told.append(f"{counted(len(self.others), 'thing')} that cannot be packed: {listed(self.others)}")
        return f"; left out {'; '.join(told)}" if told else ""


def chosen(sources: Sequence[str], workspace: Workspace, *, most: int, largest: int) -> Packing:
    """What there is to pack in files and folders.

    Raises:
        ToolFault: a source is missing, or it is more than so many entries or bytes.
    """
    packing = Packing()
    for source in sources:
        if workspace.kind(source) == "missing" and workspace.link_target(source) is None:
            raise ToolFault(workspace.no_such(source, "file or folder"))
        for _ in _walked(_clean(source, workspace), packing, workspace):
            _require_room(packing, most, largest)
    for path, target in list(packing.links.items()):
        if not _is_safe(path, target, packing):
            del packing.links[path]
            packing.unsafe.append(path)
    return packing


def packed(how: str, packing: Packing, workspace: Workspace) -> bytes:
    """The bytes of the archive: `zip`, or a mode of tarfile."""
    made = io.BytesIO()
    if how == "zip":
        with zipfile.ZipFile(made, "w") as zipped:
            for info, data in _zip_entries(packing, workspace):
                zipped.writestr(info, data)
        return made.getvalue()
    tarred: tarfile.TarFile = tarfile.open(fileobj=made, mode=cast("Any", how))  # noqa: SIM115 - typed here
    with tarred:
        for info, data in _tar_entries(packing, workspace):
            tarred.addfile(info, io.BytesIO(data))
    return made.getvalue()


def _clean(source: str, workspace: Workspace) -> str:
    below = source.removeprefix(str(workspace.root)) if source.startswith("/") else source
    parts = [part for part in below.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ToolFault(f'"{source}" cannot be the name of what is packed; name it without ".."')
    for end in range(1, len(parts)):
        above = "/".join(parts[:end])
        if (target := workspace.link_target(above)) is not None:
            raise ToolFault(
                f'"{source}" goes through the link "{above}"; name it where it lies, in "{target}"'
            )
    return "/".join(parts)


def _walked(source: str, packing: Packing, workspace: Workspace) -> Iterator[None]:
    """Take in everything of a source, pausing after each thing."""
    pending = [(source, workspace.kind(source or "."))]
    while pending:
        path, kind = pending.pop()
        target = workspace.link_target(path) if path else None
        if target is not None:
            packing.links[path] = target
        elif kind == "file" and workspace.kind(path) == kind:
            packing.size += workspace.size(path) if path not in packing.files else 0
            packing.files[path] = None
        elif kind == "folder" and path != source and path.rsplit("/", 1)[-1] in SKIPPED:
            packing.skipped[path] = _count(path, workspace)
        elif kind == "folder" and workspace.kind(path or ".") == kind:
            if path:
                packing.folders[path] = None
            inside = workspace.entries(path or ".")
            prefix = f"{path}/" if path else ""
            pending += [(prefix + entry.name, entry.kind) for entry in reversed(inside)]
        elif path not in packing.others:
            packing.others.append(path)
        yield


def _count(folder: str, workspace: Workspace) -> str:
    found = sum(1 for _ in islice(_files_in(folder, workspace), MOST_COUNTED + 1))
    return f"more than {MOST_COUNTED:,} files" if found > MOST_COUNTED else counted(found, "file")


def _files_in(folder: str, workspace: Workspace) -> Iterator[str]:
    pending = [folder]
    while pending:
        here = pending.pop()
        for entry in workspace.entries(here):
            path = f"{here}/{entry.name}"
            if entry.kind == "file":
                yield path
            elif workspace.kind(path) == "folder" and workspace.link_target(path) is None:
                pending.append(path)


def _require_room(packing: Packing, most: int, largest: int) -> None:
    if packing.members > most or packing.size > largest:
        raise ToolFault(
            f"{counted(packing.members, 'file')} with {packing.size:,} bytes are too much for one archive; "
            f"{most:,} files and {largest:,} bytes are the most"
        )


def _is_safe(path: str, target: str, packing: Packing) -> bool:
    """Whether a link leads, by real folders alone, to what is packed with it.

    Folders on the way to a packed link are no links, so leading `..` are its parents; a later one
    could be the parent of what a link leads to.
    """
    here = path.split("/")[:-1]
    parts = [part for part in target.split("/") if part not in ("", ".")]
    while parts and parts[0] == ".." and here:
        del parts[0], here[-1]
    found = "/".join([*here, *parts])
    return (
        not target.startswith("/")
        and ".." not in parts
        and (found in packing.files or found in packing.folders)
    )


def _tar_entries(packing: Packing, workspace: Workspace) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for path in packing.empty:
        yield _tar_info(path, tarfile.DIRTYPE, workspace), b""
    for path in packing.files:
        data = workspace.read_bytes(path)
        info = _tar_info(path, tarfile.REGTYPE, workspace)
        info.size = len(data)
        yield info, data
    for path, target in packing.links.items():
        info = tarfile.TarInfo(path)
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, _PERMISSIONS
        yield info, b""


def _tar_info(path: str, kind: bytes, workspace: Workspace) -> tarfile.TarInfo:
    status = workspace.status(path)
    info = tarfile.TarInfo(path)
    info.type, info.mtime, info.mode = kind, int(status.st_mtime), status.st_mode & _PERMISSIONS
    return info


def _zip_entries(packing: Packing, workspace: Workspace) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    for path in packing.empty:
        yield _zip_info(f"{path}/", stat.S_IFDIR, workspace), b""
    for path in packing.files:
        yield _zip_info(path, stat.S_IFREG, workspace), workspace.read_bytes(path)
    for path, target in packing.links.items():
        info = zipfile.ZipInfo(path)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | _PERMISSIONS) << 16
        yield info, target.encode()


def _zip_info(path: str, kind: int, workspace: Workspace) -> zipfile.ZipInfo:
    status = workspace.status(path)
    date = time.localtime(status.st_mtime)[:6]
    info = zipfile.ZipInfo(path, min(max(date, _FIRST_ZIP_DATE), _LAST_ZIP_DATE))
    info.create_system = 3  # Unix: its modes count
    info.external_attr = (kind | status.st_mode & _PERMISSIONS) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
