"""Paths beneath a folder that is held open: the one place where anything is opened by path.

None leads out: not by `..`, not by an absolute path, not by a symbolic link, not by a link that a program
swaps in while we look (`openat2.py`).
"""

import contextlib
import errno
import os
import threading
from collections.abc import Generator
from pathlib import Path

from agentkit.core.errors import ToolFault
from agentkit.tooling.file_system import (
    Kind,
    is_text,
    kind_of,
    link_target_of,
    refuse_unless_file,
)
from agentkit.tooling.guarded import inside, refuse_held, refuse_theirs
from agentkit.tooling.lease import Lease
from agentkit.tooling.listing import Listing
from agentkit.tooling.openat2 import MOST_LINKS, Opener
from agentkit.tooling.path_faults import Faults, LeadsOut

FOLDER = os.O_PATH | os.O_DIRECTORY
"""How a folder is opened to reach what lies in it."""


class Beneath:
    """A folder held open; every path is relative to it and stays beneath it."""

    def __init__(self, root: Path, descriptor: int, opener: Opener) -> None:
        self.root = root
        """The folder's real absolute path: where code in the sandbox runs."""
        self._root = descriptor
        self._opener = opener
        # `move` and `copy` look before they leap: nothing of ours may come in between
        self._placing = threading.Lock()
        self.held: frozenset[str] = frozenset()
        """Paths that cannot be changed; see `holding`."""
        self.lease = Lease()
        """How long it can be used; see `lent`."""

    def kind(self, path: str) -> Kind:
        """What is at `path`; whatever is not in the workspace is missing."""
        try:
            descriptor = self._open("/".join(self._parts(path)) or ".", os.O_PATH)
        except (ToolFault, OSError):
            return "missing"
        try:
            return kind_of(os.fstat(descriptor).st_mode)
        finally:
            os.close(descriptor)

    def files(self, below: str = "") -> list[str]:
        """Every file by its path, sorted, or those below a folder; `SKIPPED` folders are left out."""
        return sorted(path for path, kind, _ in self._listing.walk(below) if kind == "file" and is_text(path))

    def folders(self) -> list[str]:
        """Every folder by its path, sorted; `.`, the workspace itself, comes first."""
        found = sorted(path for path, kind, _ in self._listing.walk() if kind == "folder" and is_text(path))
        return [".", *found]

    def open_at(self, path: str, flags: int) -> int:
        """Open what lies at a path below the folder, `""` being the folder itself, and nothing outside it.

        Raises:
            OSError: as the system says it.
        """
        return self._open(path or ".", flags)

    def _parts(self, path: str) -> list[str]:
        """The components of a path below the root, or a fault for what cannot be one."""
        if not path.strip():
            raise ToolFault(f"the path is empty; {self._faults.there_is()}")
        if "\0" in path or not is_text(path):
            raise ToolFault(f"{path!r} cannot be a path; {self._faults.there_is()}")
        if path.startswith("/"):
            if path != str(self.root) and not path.startswith(f"{self.root}/"):
                raise ToolFault(self._faults.outside(path))
            path = path[len(str(self.root)) :]
        if path == "~" or path.startswith("~/"):
            raise ToolFault(self._faults.outside(path))
        return [part for part in path.split("/") if part not in ("", ".")]

    def _open(self, path: str, flags: int) -> int:
        """Open a path that `_parts` has seen; the one place where anything is opened by path."""
        self.lease.check()
        try:
            return self._opener(self._root, path, flags)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise LeadsOut(*error.args, path) from None
            raise

    @contextlib.contextmanager
    def _opened(self, path: str, flags: int) -> Generator[int]:
        descriptor = self._open("/".join(self._parts(path)) or ".", flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _file(self, path: str, flags: int) -> Generator[int]:
        """A regular file, opened; anything else is refused before it is opened for real."""
        with self._opened(path, os.O_PATH) as seen:
            refuse_unless_file(path, os.fstat(seen).st_mode)
        with self._opened(path, flags) as descriptor:
            refuse_unless_file(path, os.fstat(descriptor).st_mode)
            yield descriptor

    @contextlib.contextmanager
    def _place(self, path: str, *, make: bool = False, follow: bool = True) -> Generator[tuple[int, str]]:
        """The open folder and the name in it where `path` is to be written, moved or removed.

        A link at the end is followed by hand, each step beneath the root, so that the name given
        back is no link; the operations on it do not follow one either.
        """
        with self.lease.changing():
            yield from self._placed(path, self._parts(path), make=make, follow=follow)

    def _placed(self, path: str, parts: list[str], *, make: bool, follow: bool) -> Generator[tuple[int, str]]:
        for _ in range(MOST_LINKS):
            if not parts or parts[-1] == "..":
                raise ToolFault(f'"{path}" is a folder that cannot be changed as a whole; name what is in it')
            folder = (
                self._make_folders(parts[:-1]) if make else self._open("/".join(parts[:-1]) or ".", FOLDER)
            )
            try:
                self._refuse(path, folder, parts[-1], within=True)
                target = link_target_of(folder, parts[-1]) if follow else None
                if target is None:
                    yield folder, parts[-1]
                    return
            finally:
                os.close(folder)
            if target.startswith("/"):
                raise ToolFault(self._faults.outside(path))
            parts = [*parts[:-1], *(part for part in target.split("/") if part not in ("", "."))]
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def _make_folders(self, parts: list[str]) -> int:
        """Open the folder at `parts`, making what is missing on the way."""
        for count, name in enumerate(parts):
            folder = self._open("/".join(parts[:count]) or ".", FOLDER)
            try:
                self._refuse("/".join(parts), folder, name)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
            finally:
                os.close(folder)
        return self._open("/".join(parts) or ".", FOLDER)

    def _refuse(self, path: str, folder: int, name: str, *, within: bool = False) -> None:
        parts = (*inside(self._root, folder), name)
        refuse_theirs(path, parts)
        if self.held:
            refuse_held(path, parts, self.held, within=within)

    # --- faults

    @contextlib.contextmanager
    def _told(self, path: str, what: str = "file", *, guess: bool = True) -> Generator[None]:
        """Turn what the system says about `path` into words that help, and guess what was meant by it."""
        try:
            yield
        except OSError as error:
            raise ToolFault(Faults(self, guess).words(path, what, error)) from error

    def no_such(self, path: str, what: str = "file") -> str:
        """The words for a path that is missing: what was meant perhaps, and what there is."""
        return self._faults.no_such(path, what)

    @property
    def _faults(self) -> Faults:
        return Faults(self)

    @property
    def _listing(self) -> Listing:
        return Listing(self._open)
