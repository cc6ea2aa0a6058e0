"""What the person typed in earlier conversations, for each project, in a file that only they can read."""

import hashlib
import os
from pathlib import Path


def history_file(journal: Path, workspace: Path) -> Path:
    """The file for the project, beside the journal; made if it is not there, and private in any case."""
    root = workspace.resolve()
    digest = hashlib.blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
    folder = journal.parent / "history"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{root.name or 'root'}-{digest}"
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return path
