"""A call that ran its course, and whether it told anything new."""

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, ToolResult

MEMORY = 64
"""Calls; what was seen longer ago is new again, as it may have left the view."""


_deterministic = msgspec.json.Encoder(order="deterministic").encode


class Attempt(Struct, frozen=True):
    """A call that ran its course: what was tried and what came of it."""

    call: ToolCall
    result: ToolResult
    effect: Effect | None = None
    """`None` where it never began."""
    repeats: bool = False
    """Whether to be called again and again is its use: it polls, or the person declared a batch."""
    last_word: bool = False
    """Whether the agent said with it that it is done."""

    fingerprint: bytes = b""
    """Equal for two attempts that did the same and saw the same; found when it is made."""

    def __post_init__(self) -> None:
        arguments = _deterministic(self.call.arguments)
        seen = f"{self.call.name}\0{arguments.decode()}\0{self.result.outcome}\0{self.result.text}"
        force_setattr(self, "fingerprint", hashlib.blake2b(seen.encode(), digest_size=8).digest())


def tells_something_new(attempt: Attempt, earlier: Sequence[Attempt], since: int = 0) -> bool:
    """Whether no earlier attempt, from number `since` on, did the same and saw the same."""
    seen = earlier[max(since, len(earlier) - MEMORY) :]
    return attempt.fingerprint not in [one.fingerprint for one in seen]
