"""Lists, and one of several."""

import re
from collections.abc import AsyncIterator
from enum import Enum
from typing import TypeVar

from agentkit.core.errors import UsageError
from agentkit.core.runnable.pieces import Pieces
from agentkit.prompts.parsers.parser import Parser, as_read, unreadable

Choice = TypeVar("Choice", bound=Enum)

_BULLET = re.compile(r"(?:[-*•]|\d+[.)])(?:\s+|$)")


class ListParser(Parser[list[str]]):
    r"""One item a line, with or without bullets or numbers before it; each is passed on when it is whole.

    >>> ListParser().invoke("1. tea\n2. bread")
    ['tea', 'bread']
    >>> ListParser(",").invoke("tea, bread")
    ['tea', 'bread']
    """

    def __init__(self, separator: str = "\n") -> None:
        if not separator:
            raise UsageError("separator = '' cannot be; it must be what stands between two items, as ','")
        self.separator = separator

    @property
    def form(self) -> str:
        """How the items are to stand."""
        if self.separator == "\n":
            return "Write one item a line and nothing else."
        return f"Write the items with {self.separator!r} between them and nothing else."

    def parse(self, text: str) -> list[str]:
        """The items.

        Raises:
            UnreadableAnswer: there are none.
        """
        if items := [item for part in text.split(self.separator) if (item := _item(part))]:
            return items
        raise unreadable("the answer has no items", text, f"wanted: {self.form}")

    async def transform(self, pieces: AsyncIterator[str]) -> Pieces[list[str]]:
        """A list of one item after the other."""
        text, read, any_yet = "", "", False
        async for piece in pieces:
            read += as_read(piece)
            *whole, text = (text + piece).split(self.separator)
            for part in whole:
                if item := _item(part):
                    any_yet = True
                    yield [item]
        if item := _item(text):
            yield [item]
        elif not any_yet:
            yield self.parse(read)


class EnumParser(Parser[Choice]):
    """A member of an enumeration, by its value or its name; case, quotes and a full stop do not matter."""

    def __init__(self, choices: type[Choice]) -> None:
        self.choices = choices

    @property
    def form(self) -> str:
        """The values there are."""
        return (
            f"Answer with one of these and nothing else: {', '.join(str(one.value) for one in self.choices)}."
        )

    def parse(self, text: str) -> Choice:
        """The member.

        Raises:
            UnreadableAnswer: it is none, or more than one.
        """
        said = _plain(text)
        for names in ([str(one.value) for one in self.choices], [one.name for one in self.choices]):
            found = [one for one, name in zip(self.choices, names, strict=True) if _plain(name) == said]
            if len(found) == 1:
                return found[0]
        raise unreadable("the answer is none of the choices", text, f"wanted: {self.form}")


def _item(part: str) -> str:
    part = part.strip()
    return part[bullet.end() :] if (bullet := _BULLET.match(part)) else part


def _plain(text: str) -> str:
    return text.strip().strip("\"'`*").removesuffix(".").strip("\"'`*").casefold()
