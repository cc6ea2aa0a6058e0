"""A fact: what holds of whom, who says so, from when to when."""

from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct

How: TypeAlias = Literal["new", "same", "confirmed", "changed", "older", "doubted"]
"""What came of writing a fact: `confirmed` was known on less weight, `older` has ended since, and what is
`doubted` stands beside another that weighs more."""


class Origin(StrEnum):
    """Who says so; the person weighs most, then a tool, then what the agent thinks."""

    PERSON = "user said"
    TOOL = "tool said"
    AGENT = "agent inferred"


WEIGHT = {Origin.PERSON: 2, Origin.TOOL: 1, Origin.AGENT: 0}
"""What the word of each counts for."""


class Fact(Struct, frozen=True):
    """One thing that is known."""

    id: int
    subject: str
    attribute: str
    value: str
    origin: Origin
    message: int | None
    """The message that it rests on; `None` where the agent thinks so without one."""
    quote: str
    """The words of the message that say so."""
    confidence: float
    untrusted: str
    """Where words came from that anybody may have written, if it may rest on some."""
    valid_from: float
    """Seconds since the epoch, as are the next two."""
    recorded: float
    valid_to: float | None = None
    """When it ceased to hold; `None` while it does."""
    ended_by: int | None = None
    """The fact that took its place."""
    recalls: int = 0
    """How often it was recalled."""

    @property
    def text(self) -> str:
        """It in words.

        >>> Fact(1, "user", "city", "Oslo", Origin.PERSON, 1, "in Oslo", 1.0, "", 0.0, 0.0).text
        'user: city: Oslo'
        """
        return f"{self.subject}: {self.attribute}: {self.value}"


class Written(Struct, frozen=True):
    """What came of writing a fact."""

    fact: Fact
    how: How
    ended: tuple[Fact, ...] = ()
    """What no longer holds because of it."""
    near: tuple[Fact, ...] = ()
    """What else holds of the subject and may be about the same: for whoever wrote it to decide."""
