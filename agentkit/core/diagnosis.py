"""One thing that was looked at, and how it stands."""

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How it stands, the best first."""

    OK = "ok"
    LACKS = "lacks"
    """It is missing, and work goes on without it."""
    UNKNOWN = "unknown"
    """It could not be told."""
    FAILS = "fails"
    """It stands in the way."""


class Diagnosis(Struct, frozen=True, omit_defaults=True):
    """What was found of one thing, and what would mend it."""

    about: str
    state: State
    found: str
    mend: str = ""
