"""What of an answer is handed out while it is made, and how one ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agentkit_local_models.sampling import TokenLogprobs

Finish = Literal["stop", "length", "cancelled", "deadline"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer as it is made.

    Attributes:
        text: whole characters; the pieces joined are the answer's text.
        tokens: the ids made since the piece before.
        logprobs: for each of them how likely it was, where it was asked for.
    """

    text: str
    tokens: tuple[int, ...]
    logprobs: tuple[TokenLogprobs, ...] | None = None
