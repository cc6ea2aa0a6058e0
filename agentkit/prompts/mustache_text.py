"""Mustache read: a text in the template language of mustache(5) as a tree of what stands in it.

The language is that of the public specification (github.com/mustache/spec), without partials and lambdas.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agentkit.core.errors import PromptError

_NAME = re.compile(r"\.|[^\s.{}#^/!>&=][^\s.{}]*(\.[^\s.{}]+)*")
_OF_THEIR_LINE = "#^/!="
"""Tags that take their line with them where they stand alone in it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes."""

    path: tuple[str, ...]
    """The parts of its name; none for the thing itself that a section is about."""
    raw: bool
    """Whether it is never escaped."""
    tag: str
    """As it is written."""


@dataclass(slots=True)
class Section:
    """A part that is there for each thing of a list, once for what is true, or not at all."""

    path: tuple[str, ...]
    inverted: bool
    """Whether it is there once, for what is false, empty or missing."""
    tag: str
    parts: list["Part"] = field(default_factory=list["Part"])


Part: TypeAlias = str | Place | Section


def parts_of(text: str) -> Sequence[Part]:
    """What a template consists of.

    Raises:
        PromptError: a tag is not closed, not a name, or one that is not taken over.
    """
    reader = _Reader(text)
    while reader.tag():
        pass
    if reader.open:
        tag = reader.open[-1].tag
        raise PromptError(f"{tag} opens a section that nothing closes; {{{{/{_dotted(tag)}}}}} does")
    return reader.parts


class _Reader:
    """Where the reading of a template is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.delimiters = ("{{", "}}")
        self.parts: list[Part] = []
        self.open: list[Section] = []

    def tag(self) -> bool:
        """Read up to the end of the next tag, or to the end of the text: then false."""
        opens, closes = self.delimiters
        start = self.text.find(opens, self.at)
        if start < 0:
            self._add(self.text[self.at :])
            return False
        inside = start + len(opens)
        sigil = self.text[inside : inside + 1]
        braced = sigil == "{" and self.delimiters == ("{{", "}}")
        ending = {"{": "}", "=": "="}[sigil] + closes if braced or sigil == "=" else closes
        inside += braced or sigil == "="
        end = self.text.find(ending, inside)
        if end < 0:
            raise PromptError(
                f"the mustache template {shown(self.text)} has a {opens} that no {ending} ends; "
                f"it stands in line {self.text.count(chr(10), 0, start) + 1}"
            )
        said, end = self.text[inside:end].strip(), end + len(ending)
        tag = self.text[start:end]
        sigil = sigil if braced or sigil == "=" else said[:1]
        if sigil in _OF_THEIR_LINE and sigil:
            start, end = self._whole_line(start, end)
        self._add(self.text[self.at : start])
        self.at = end
        self._take(sigil, said if braced or sigil == "=" else said.removeprefix(sigil), tag)
        return True

    def _take(self, sigil: str, said: str, tag: str) -> None:
        match sigil:
            case "!":
                pass
            case "=":
                delimiters = said.split()
                if len(delimiters) != 2 or any("=" in one for one in delimiters):
                    raise PromptError(f"{tag} does not name two delimiters, as {{{{=<% %>=}}}} does")
                self.delimiters = (delimiters[0], delimiters[1])
            case ">":
                raise PromptError(
                    f"{tag} is a partial and cannot be taken over; put what it stands for in its place"
                )
            case "#" | "^":
                section = Section(_path(said, tag), sigil == "^", tag)
                self._add(section)
                self.open.append(section)
            case "/":
                path = _path(said, tag)
                if not self.open or self.open[-1].path != path:
                    found = f"{self.open[-1].tag} is open" if self.open else "none is open"
                    raise PromptError(f"{tag} closes a section, and {found}")
                self.open.pop()
            case "{" | "&":
                self._add(Place(_path(said, tag), True, tag))
            case _:
                self._add(Place(_path(sigil + said, tag), False, tag))

    def _add(self, part: Part) -> None:
        if part:
            (self.open[-1].parts if self.open else self.parts).append(part)

    def _whole_line(self, start: int, end: int) -> tuple[int, int]:
        """From where to where a tag goes: its line, where nothing else stands in that."""
        begins = self.text.rfind("\n", 0, start) + 1
        ends = self.text.find("\n", end)
        ends = len(self.text) if ends < 0 else ends + 1
        if begins < self.at or (self.text[begins:start] + self.text[end:ends]).strip(" \t\r\n"):
            return start, end
        return begins, ends


def _path(said: str, tag: str) -> tuple[str, ...]:
    name = said.strip()
    if not _NAME.fullmatch(name):
        raise PromptError(
            f"{tag} cannot be taken over; a place is a name as in {{{{name}}}} or in {{{{its.part}}}}"
        )
    return () if name == "." else tuple(name.split("."))


def _dotted(tag: str) -> str:
    return re.sub(r"[^\w.-]", "", tag)


def shown(text: str) -> str:
    """A template as messages quote it."""
    return repr(text if len(text) <= 60 else text[:59] + "…")
