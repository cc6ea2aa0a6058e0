"""Files that are put in place whole: after a crash there is the old one or the new one, and no part."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable

from agentkit.tooling.file_system import refuse_protected, refuse_unless_file, sync_names, write_all


def replace_file(
    path: str,
    folder: int,
    name: str,
    chunks: Iterable[bytes],
    check: Callable[[], None],
    mode: int | None = None,
) -> None:
    """Put a whole new file in place of `name` in an open folder, in one step.

    Args:
        path: What it is called in a fault.
        folder: The folder, open.
        name: In it; an existing file keeps its permissions and, where we may say so, its owner.
        chunks: What the new one holds.
        check: Raises where it may not be written any longer; asked before each piece and the last step.
        mode: The permissions of one that is new.

    Raises:
        ToolFault: what is there is no file, or is write-protected.
        OSError: as the system says it; then the old file is as it was.
    """
    try:
        old = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        old = None
    if old is not None:
        refuse_unless_file(path, old.st_mode)
        refuse_protected(path, old.st_mode)
    part = f".agentkit-{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(part, flags, 0o666, dir_fd=folder)
    try:
        try:
            for chunk in chunks:
                check()
                write_all(descriptor, chunk)
            if old is not None:
                if os.geteuid() == 0:
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
            elif mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        check()
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        raise
    sync_names(folder)
