"""A model's folder that came as one archive, unpacked once beside it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.whole_folder import whole_folder

LARGEST = 8 << 30
"""Bytes that an archive may unpack to."""


def unpacked(archive: Path) -> Path:
    """The folder with the archive's files, made now unless it is there: whole, or not at all.

    Raises:
        CheckpointError: the archive is not there or damaged, names files out of its folder, unpacks to too
            much, or cannot be unpacked beside itself.
    """
    folder = archive.with_suffix("")
    if folder.is_dir():
        return folder
    try:
        with zipfile.ZipFile(archive) as packed:
            _check(archive, packed)
            try:
                with whole_folder(folder) as part:
                    packed.extractall(part)
            except OSError:
                # another process may have been first, with the same files
                if not folder.is_dir():
                    raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CheckpointError(f"{archive}: damaged: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{archive}: cannot be unpacked: {error.strerror or error}") from error
    return folder


def _check(archive: Path, packed: zipfile.ZipFile) -> None:
    for name in packed.namelist():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise CheckpointError(f"{archive}: {name!r} lies out of its folder")
    if (size := sum(info.file_size for info in packed.infolist())) > LARGEST:
        raise CheckpointError(f"{archive}: unpacks to {size} bytes; {LARGEST} are the most")
