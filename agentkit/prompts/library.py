"""Prompt files by name: `agent/small` is `agent/small.md`, the project's before the user's before ours.

A file is words and nothing else: whoever wrote it, it gives no permission and takes none.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from msgspec import Struct

from agentkit.core.errors import PromptError
from agentkit.prompts.prompt_file import Prompt, parse_prompt

PROJECT_FOLDER = Path(".agentkit/prompts")
"""Where a project keeps its own prompt files, from its folder."""
OURS = "ours"
MOST_BYTES = 2**16
"""Of a prompt file; a project's file is anybody's, and is read before anything is agreed to."""

_NAME = re.compile(r"[\w-]+(?:/[\w-]+)*")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of prompt files, and whose they are."""

    origin: str
    folder: Path
    inside: Path | None = None
    """The folder that no file of it may lie out of, wherever its links lead."""


class Entry(Struct, frozen=True):
    """A prompt that can be had, and what it stands in the way of."""

    name: str
    origin: str
    overrides: tuple[str, ...] = ()
    """Whose prompts of that name are not used because of it, the next in line first."""


@dataclass(frozen=True, slots=True)
class Library:
    """Every prompt that can be had; of one name, that of the first shelf."""

    shelves: tuple[Shelf, ...] = ()
    """Before ours."""
    ours: Traversable = field(default_factory=cache(lambda: files("agentkit_prompts")))

    def load(self, name: str) -> Prompt:
        """The prompt called `name`.

        Raises:
            PromptError: there is none, or its file is not a prompt.
        """
        origin, text, file = next(self._found(name), (None, "", ""))
        if origin is None:
            raise PromptError(f"no prompt {name!r}; known: {', '.join(self._names())}")
        return parse_prompt(name, text, file, origin)

    def standing(self) -> "Library":
        """The library without the shelves that are not there now, which nobody has to look at again."""
        there = tuple(shelf for shelf in self.shelves if _may_hold_files(shelf.folder))
        return self if len(there) == len(self.shelves) else Library(there, self.ours)

    def overrides(self, name: str) -> bool:
        """Whether something stands in the place of our prompt of that name, usable or not."""
        return any(os.path.lexists(f"{shelf.folder}/{name}.md") for shelf in self.shelves)

    def may_override(self, folder: str) -> bool:
        """Whether something may stand in the place of our prompts in that folder."""
        return any(os.path.lexists(f"{shelf.folder}/{folder}") for shelf in self.shelves)

    def texts(self, name: str) -> dict[str, str]:
        """Each file of that name as it is, by whose it is; the one that is used first.

        Raises:
            PromptError: there is none, or one cannot be read.
        """
        found = {origin: text for origin, text, _ in self._found(name)}
        if not found:
            raise PromptError(f"no prompt {name!r}; known: {', '.join(self._names())}")
        return found

    def entries(self) -> list[Entry]:
        """Every prompt there is, by name."""
        owners = {name: [origin for origin, _, _ in self._found(name)] for name in self._names()}
        return [Entry(name, found[0], tuple(found[1:])) for name, found in owners.items() if found]

    def _found(self, name: str) -> Iterator[tuple[str, str, str]]:
        """Whose, text and place of each file of that name."""
        if not _NAME.fullmatch(name):
            return
        for shelf in self.shelves:
            file = f"{shelf.folder}/{name}.md"
            if (text := _read(file, shelf.inside)) is not None:
                yield shelf.origin, text, file
        if (shipped := _shipped(self.ours, name)) is not None:
            yield OURS, *shipped

    def _names(self) -> list[str]:
        folders = [*(shelf.folder for shelf in self.shelves if shelf.folder.is_dir()), self.ours]
        return sorted({name for folder in folders for name in _names_in(folder)})


@lru_cache(maxsize=64)
def library_of(user: Path | None = None, project: Path | None = None) -> Library:
    """The prompts that a run in the folder `project` uses, with the user's own in the folder `user`."""
    shelves = [Shelf("project", project / PROJECT_FOLDER, project)] if project is not None else []
    shelves += [Shelf("user", user)] if user is not None else []
    return Library(tuple(shelves))


def load_prompt(name: str) -> Prompt:
    """The prompt of ours called `name`.

    Raises:
        PromptError: there is none.
    """
    return Library().load(name)


@lru_cache(maxsize=64)  # what is installed is what it was, for as long as the program runs
def _shipped(ours: Traversable, name: str) -> tuple[str, str] | None:
    """The text and place of a file of ours, or `None` when there is none."""
    file = ours.joinpath(*f"{name}.md".split("/"))
    return (file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None


def _read(file: str, inside: Path | None) -> str | None:
    """The text of a prompt file, or `None` when there is none.

    Raises:
        PromptError: something is there that cannot be read as a prompt file.
    """
    try:
        # not blocking: a named pipe would keep us waiting
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PromptError(f"{file}: cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PromptError(f"{file}: not a file; a prompt is read from a Markdown file there")
        real = Path(f"/proc/self/fd/{descriptor}").readlink()
        if inside is not None and not real.is_relative_to(inside.resolve()):
            raise PromptError(f"{file}: leads out of {inside}, whose prompts must lie in it")
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise PromptError(f"{file}: longer than {MOST_BYTES:,} bytes; that is no prompt file")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PromptError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _may_hold_files(folder: Path) -> bool:
    """Whether a folder is there, or cannot be looked at: what reads from it says why."""
    try:
        os.stat(folder)  # noqa: PTH116 - done for every run
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _names_in(folder: Path | Traversable, prefix: str = "") -> Iterator[str]:
    for item in folder.iterdir():
        if item.name.endswith(".md") and item.is_file():
            if _NAME.fullmatch(name := prefix + item.name.removesuffix(".md")):
                yield name
        elif item.is_dir() and not (isinstance(item, Path) and item.is_symlink()):
            yield from _names_in(item, f"{prefix}{item.name}/")
