"""A name in a text."""

from typing import Literal, TypeAlias

from msgspec import Struct

EntityKind: TypeAlias = Literal["person", "organisation", "place", "work", "name"]


class Entity(Struct, frozen=True):
    """A name in a text."""

    name: str
    """Exactly the text from start to end."""
    kind: EntityKind
    """`name` where nothing tells what it is."""
    start: int
    end: int
