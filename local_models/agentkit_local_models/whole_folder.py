"""A folder that is there whole, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path) -> Generator[Path]:
    """A folder beside `folder` to write into; it gets the name at the end, and is removed after a fault.

    Raises:
        OSError: the folder is there by then, or cannot be written.
    """
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield part
        part.chmod(0o755)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
