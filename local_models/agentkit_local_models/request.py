"""What the scheduler computes: a request, and how far it is."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from agentkit_local_models.draws import Draw
from agentkit_local_models.pages import PagedCache
from agentkit_local_models.piece import Finish, Piece
from agentkit_local_models.variants import BASE, Variant


@dataclass(frozen=True, slots=True)
class Progress:
    """How many tokens of a prompt are computed, of how many."""

    computed: int
    total: int


class Work(Protocol):
    """What a request is for: an answer, or only that tokens are computed."""

    finish: Finish | None

    @property
    def known(self) -> Sequence[int]:
        """The tokens that the model is to read."""
        ...

    @property
    def prompt_tokens(self) -> int:
        """How many of them were known at the beginning."""
        ...

    @property
    def rows(self) -> int:
        """After how many of the last known tokens the logits are wanted."""
        ...

    @property
    def guesses(self) -> Sequence[int]:
        """What may come after the known tokens, to be tried where there is room; see `drafts`."""
        ...

    def take(self, logits: Tensor) -> list[Piece]:
        """All known tokens are computed.

        Args:
            logits: after the last of them, and after each guess that was tried, float32 [rows + guesses,
                vocabulary_size].

        Raises:
            LocalModelError: it cannot go on.
            ValueError: it asks for what the model does not have.
        """
        ...

    @property
    def left(self) -> int:
        """How many tokens it may still become longer by."""
        ...

    @property
    def draw(self) -> Draw | None:
        """How a device may choose what comes after the last known token; None where only `take` can.

        Raises:
            LocalModelError: it cannot go on.
        """
        ...

    def took(self, token: int) -> list[Piece]:
        """As `take`, with the token that was chosen by `draw`; below 0 where none could be.

        Raises:
            LocalModelError: it cannot go on.
        """
        ...

    def end(self, finish: Finish) -> list[Piece]:
        """End before it is done."""
        ...


class Prefill:
    """Tokens that are computed for later."""

    rows = 0
    left = 0
    draw: Draw | None = None
    guesses: Sequence[int] = ()

    def __init__(self, tokens: Sequence[int]) -> None:
        self.known = tokens
        self.prompt_tokens = len(tokens)
        self.finish: Finish | None = None

    def take(self, logits: Tensor) -> list[Piece]:  # noqa: ARG002 - it wants none
        """They are computed."""
        return self.end("stop")

    def took(self, token: int) -> list[Piece]:
        """It wants no token."""
        raise AssertionError(f"a token, {token}, was chosen for what asked for none")

    def end(self, finish: Finish) -> list[Piece]:
        """No more is needed."""
        self.finish = finish
        return []


@dataclass(slots=True, eq=False)
class Request:
    """Work in the queue.

    Attributes:
        work: what is computed.
        variant: the adapter it is computed with, if any.
        priority: a greater one goes first.
        deadline: when it ends, finished or not, on the scheduler's clock; among equal priorities the
            earliest goes first.
        tells_progress: whether `events` has `Progress` of the prompt.
        cancelled: set by who asked; the scheduler ends it at the next step.
        events: what happened, for who asked.
        error: why it ended, where that was an error.
        cache: its keys and values while it is computed.
        reused: how many tokens were known when it began.
        shared: whether what is known of its prompt is in the prefix tree.
        arrived: its place in the order of arrival.
        ahead: how many tokens after the known ones are chosen and can be computed, but are not read yet.
        done: whether it has ended, and all that happened is in `events`: who asked looks at it while another
            thread computes the step, in which the work is finished before its last pieces are there.
    """

    work: Work
    variant: Variant = BASE
    priority: int = 0
    deadline: float = math.inf
    tells_progress: bool = False
    cancelled: bool = False
    events: deque[Piece | Progress] = field(default_factory=deque[Piece | Progress])
    error: Exception | None = None
    cache: PagedCache | None = None
    reused: int | None = None
    shared: bool = False
    arrived: int = 0
    ahead: int = 0
    done: bool = False

    @property
    def rank(self) -> tuple[int, float, int]:
        """Smaller goes first."""
        return -self.priority, self.deadline, self.arrived

    @property
    def computed(self) -> int:
        """How many tokens have keys and values."""
        return 0 if self.cache is None else self.cache.length

    @property
    def pending(self) -> int:
        """How many tokens that are chosen have none yet."""
        return len(self.work.known) + self.ahead - self.computed
