"""What could not be done with a path of a workspace, in words that say why and what exists."""

import errno
from dataclasses import dataclass
from typing import Protocol

from agentkit.tooling.file_system import Kind
from agentkit.tooling.nearest import listed, nearest


class LeadsOut(OSError):
    """A path leads out of the workspace."""


class There(Protocol):
    """What there is, as far as it is told of."""

    def kind(self, path: str) -> Kind:
        """What is at a path."""
        ...

    def files(self) -> list[str]:
        """Every file by its path."""
        ...

    def folders(self) -> list[str]:
        """Every folder by its path."""
        ...


@dataclass(frozen=True, slots=True)
class Faults:
    """Says of paths what is wrong with them."""

    there: There
    guess: bool = True
    """Whether to say what was meant perhaps."""

    def words(self, path: str, what: str, error: OSError) -> str:
        """What the system says about a path, in words that help."""
        if isinstance(error, LeadsOut):
            return self.outside(path)
        match error.errno:
            case errno.ENOENT:
                return self.no_such(path, what)
            case errno.ENOTDIR if what == "folder" and self.there.kind(path) == "file":
                return f'"{path}" is a file, not a folder'
            case errno.ENOTDIR:
                return f'a part of "{path}" is a file, not a folder; {self.there_is()}'
            case errno.EISDIR:
                return f'"{path}" is a folder, not a file'
            case errno.ENOTEMPTY:
                return f'the folder "{path}" is not empty'
            case errno.ENOSPC | errno.EDQUOT:
                return f'there is no space left on the disk to write "{path}"; nothing was written'
            case errno.EROFS:
                return f'"{path}" is on a disk that can only be read'
            case errno.EACCES | errno.EPERM:
                return f'the system does not permit this with "{path}"'
            case errno.ENAMETOOLONG:
                return f'the name "{path[:80]}…" is too long'
            case errno.ELOOP:
                return f'"{path}" is a link that leads back to itself'
            case errno.EINVAL:
                return f'"{path}" cannot be put there: a folder cannot go into itself'
            case errno.EXDEV:
                return f'"{path}" is on another disk and cannot be moved; copy it, then delete it'
            case _:
                return f'"{path}": {error.strerror or error}'

    def no_such(self, path: str, what: str = "file") -> str:
        """The words for a path that is missing: what was meant perhaps, and what there is."""
        near = self._near(path, self._known(what))
        meant = f"; did you mean {' or '.join(near)}?" if near else ";"
        return f'there is no {what} "{path}"{meant} {self.there_is(what)}'

    def outside(self, path: str) -> str:
        """The words for a path that leads out."""
        near = self._near(path, self.there.files())
        meant = f"did you mean {' or '.join(near)}?" if near else self.there_is()
        return f'"{path}" is outside the workspace, and only paths inside it work; {meant}'

    def there_is(self, what: str = "file") -> str:
        """The words for what exists."""
        known = self._known(what)
        return f"{what}s here: {listed(known)}" if known else "there are no files here"

    def _near(self, path: str, known: list[str]) -> list[str]:
        """Those that were meant perhaps."""
        return nearest(path, known, most=3) if self.guess else []

    def _known(self, what: str) -> list[str]:
        """The files there are, or the folders."""
        return self.there.folders() if what == "folder" else self.there.files()
