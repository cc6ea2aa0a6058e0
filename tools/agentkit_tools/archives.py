"""Zip and tar archives: made, listed and unpacked through the workspace, within limits that are said."""

import bz2
import contextlib
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFile, ExistingPath
from agentkit.tooling.context import ToolContext
from agentkit.tooling.nearest import listed, nearest
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.packing import chosen, packed
from agentkit_tools.text import counted

MOST_MEMBERS = 5000
LARGEST = 64 * 1024 * 1024
"""Bytes of an archive, and of all that comes out of one."""
MOST_LISTED = 300
_XZ_MEMORY = 256 * 1024 * 1024
_SUFFIXES = {
    ".zip": "zip",
    ".tar": "w:",
    ".tar.gz": "w:gz",
    ".tgz": "w:gz",
    ".tar.bz2": "w:bz2",
    ".tar.xz": "w:xz",
}
_BROKEN = (
    tarfile.TarError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One thing in an archive."""

    path: str
    kind: Literal["file", "folder", "other"]
    """`other` is a link or a device: named, and never unpacked."""
    size: int
    """What the archive says; how much comes out is counted while it does."""
    read: Callable[[int], bytes]
    """Its first bytes, at most so many."""
    runnable: bool = False
    """Whether its owner may run it."""


@tool(effect=Effect.WRITES, like=("write_file",))
def create_archive(output: str, sources: Sequence[ExistingPath], context: ToolContext) -> str:
    """Pack files and folders into a new archive.

    Args:
        output: Its path, ending with .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz.
        sources: The files and folders to pack.
    """
    workspace = context.workspace
    how = _format(output)
    if workspace.kind(output) != "missing":
        raise ToolFault(f'"{output}" already exists and is never overwritten; name another')
    packing = chosen(sources, workspace, most=MOST_MEMBERS, largest=LARGEST)
    if not packing.members:
        raise ToolFault(f"there is nothing to pack in what you named{packing.left_out()}")
    data = packed(how, packing, workspace)
    workspace.write_bytes(output, data)
    told = f"packed {packing.told()} into {output} ({counted(len(data), 'byte')})"
    return told + packing.left_out()


@tool(effect=Effect.READS)
def list_archive(path: ExistingFile, context: ToolContext) -> str:
    """List what is in an archive.

    Args:
        path: A zip or tar file.
    """
    with _unreadable_told(path):
        found = _members(path, context.workspace)
    lines = [f"{one.path} ({_about(one)})" for one in found[:MOST_LISTED]]
    more = [f"and {len(found) - MOST_LISTED:,} more"] if len(found) > MOST_LISTED else []
    files = [one for one in found if one.kind == "file"]
    total = f"[{counted(len(files), 'file')}, {sum(one.size for one in files):,} bytes unpacked]"
    return "\n".join([*lines, *more, total])


@tool(effect=Effect.WRITES, like=("write_file",))
def extract_archive(
    path: ExistingFile, context: ToolContext, folder: str = ".", members: Sequence[str] = ()
) -> str:
    """Unpack an archive; nothing is overwritten, and of a bad archive nothing is unpacked.

    Args:
        path: A zip or tar file.
        folder: The folder to unpack into; it is made if it is missing.
        members: Only these; everything by default.
    """
    workspace = context.workspace
    with _unreadable_told(path):
        wanted = _wanted(_members(path, workspace), members, path)
        targets = {one: _target(one, folder, workspace) for one in wanted}
        contents = _contents([one for one in wanted if one.kind == "file"], path)
        _require_apart([targets[one] for one in contents], path)
    runnable = {targets[one] for one in contents if one.runnable}
    _write({targets[one]: data for one, data in contents.items()}, runnable, workspace)
    for one in wanted:
        if one.kind == "folder":
            workspace.make_folder(targets[one])
    left = [one.path for one in wanted if one.kind == "other"]
    note = f"; left out {listed(left)}: links and devices are never unpacked" if left else ""
    return f"unpacked {counted(len(contents), 'file')} into {folder}{note}"


def _format(output: str) -> str:
    name = PurePosixPath(output).name.lower()
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix) and name != suffix:
            return _SUFFIXES[suffix]
    raise ToolFault(f'"{output}" says no known kind of archive by its end; known: {", ".join(_SUFFIXES)}')


def _members(path: str, workspace: Workspace) -> list[Member]:
    """Everything in an archive, in its order."""
    data = workspace.read_bytes(path)
    found = _of_zip(data) if zipfile.is_zipfile(io.BytesIO(data)) else _of_tar(data)
    members: list[Member] = []
    for one in found:
        if len(members) == MOST_MEMBERS:
            raise ToolFault(f'"{path}" holds more than {MOST_MEMBERS:,} files; unpack it with code')
        members.append(one)
    return members


def _of_zip(data: bytes) -> Iterator[Member]:
    if data.count(b"PK\1\2") > MOST_MEMBERS:  # before a reader makes something of each of them
        raise ToolFault(f"it holds more than {MOST_MEMBERS:,} files; unpack it with code")
    archive = zipfile.ZipFile(io.BytesIO(data))
    for info in archive.infolist():

        def read(most: int, info: zipfile.ZipInfo = info) -> bytes:
            with archive.open(info) as file:
                return file.read(most)

        is_link = (info.external_attr >> 16) & 0o170000 == 0o120000
        kind = "folder" if info.is_dir() else "other" if is_link else "file"
        yield Member(
            info.filename, kind, info.file_size, read, bool((info.external_attr >> 16) & stat.S_IXUSR)
        )


def _of_tar(data: bytes) -> Iterator[Member]:
    archive = tarfile.open(fileobj=io.BytesIO(_decompressed(data)), mode="r:")  # noqa: SIM115 - only bytes
    for info in archive:

        def read(most: int, info: tarfile.TarInfo = info) -> bytes:
            file = archive.extractfile(info)
            return file.read(most) if file else b""

        kind = "file" if info.isreg() else "folder" if info.isdir() else "other"
        yield Member(info.name, kind, info.size, read, bool(info.mode & stat.S_IXUSR))


def _decompressed(data: bytes) -> bytes:
    """The tar in a compressed one, up to what an archive may hold: a few bytes can stand for gigabytes."""
    most = LARGEST + 2 * 1024 * MOST_MEMBERS
    if data.startswith(b"\x1f\x8b"):
        inner = gzip.GzipFile(fileobj=io.BytesIO(data)).read(most + 1)
    elif data.startswith(b"BZh"):
        inner = bz2.BZ2File(io.BytesIO(data)).read(most + 1)
    elif data.startswith(b"\xfd7zXZ\0"):
        inner = lzma.LZMADecompressor(memlimit=_XZ_MEMORY).decompress(data, most + 1)
    else:
        return data
    if len(inner) > most:
        raise ToolFault(f"it unpacks to more than {LARGEST:,} bytes; unpack it with code")
    return inner


@contextlib.contextmanager
def _unreadable_told(path: str) -> Generator[None]:
    """Turn what the formats' readers say into words that help."""
    try:
        yield
    except _BROKEN as error:
        raise ToolFault(
            f'"{path}" is no zip or tar archive that can be read: {error or type(error).__name__}'
        ) from None


def _wanted(found: Sequence[Member], members: Sequence[str], path: str) -> list[Member]:
    if not members:
        return list(found)
    names = [one.path.rstrip("/") for one in found]
    chosen = {name.rstrip("/") for name in members}
    for name in sorted(chosen):
        if not any(_is_in(one, name) for one in names):
            near = nearest(name, names) or names
            raise ToolFault(f'"{path}" holds no {name!r}; it holds {listed(near)}')
    return [
        one for one, named in zip(found, names, strict=True) if any(_is_in(named, name) for name in chosen)
    ]


def _is_in(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}/")


def _target(member: Member, folder: str, workspace: Workspace) -> str:
    """Where a member goes: below the folder, and nowhere where something is."""
    parts = member.path.replace("\\", "/").split("/")
    if member.path.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise ToolFault(f"{member.path!r} in the archive leads out of the folder; nothing was unpacked")
    target = "/".join(part for part in (*folder.split("/"), *parts) if part not in ("", ".")) or "."
    there = workspace.kind(target)
    if member.kind == "file" and there != "missing":
        raise ToolFault(f'"{target}" already exists and is never overwritten; nothing was unpacked')
    if member.kind == "folder" and there not in ("missing", "folder"):
        raise ToolFault(f'"{target}" already exists and is no folder; nothing was unpacked')
    return target


def _contents(files: Sequence[Member], path: str) -> dict[Member, bytes]:
    """Every file unpacked, all together at most `LARGEST`: what the archive says of sizes is not trusted."""
    room = LARGEST
    contents: dict[Member, bytes] = {}
    for one in files:
        data = one.read(room + 1)
        room -= len(data)
        if room < 0:
            raise ToolFault(
                f'"{path}" unpacks to more than {LARGEST:,} bytes; nothing was unpacked. Name some members'
            )
        contents[one] = data
    return contents


def _require_apart(targets: Sequence[str], path: str) -> None:
    """Refuse two files of one name, and a file in whose place another needs a folder."""
    taken = set(targets)
    folders = {
        "/".join(parts[:end]) for t in targets for parts in [t.split("/")] for end in range(1, len(parts))
    }
    if len(taken) < len(targets) or taken & folders:
        both = next((one for one in targets if targets.count(one) > 1 or one in folders), "")
        raise ToolFault(f'"{path}" holds "{both}" twice, and one would cover the other; nothing was unpacked')


def _write(contents: Mapping[str, bytes], runnable: AbstractSet[str], workspace: Workspace) -> None:
    """Write all files; a fault on the way removes those before it."""
    written: list[str] = []
    try:
        for target, data in contents.items():
            workspace.write_bytes(target, data)
            written.append(target)
            if target in runnable:
                workspace.make_executable(target)
    except ToolFault:
        for target in written:
            workspace.delete(target)
        raise


def _about(member: Member) -> str:
    match member.kind:
        case "file":
            return counted(member.size, "byte")
        case "folder":
            return "folder"
        case "other":
            return "a link or a device, never unpacked"


PACK = Pack(
    "archives",
    "make, list and unpack zip and tar archives",
    (create_archive, list_archive, extract_archive),
)
