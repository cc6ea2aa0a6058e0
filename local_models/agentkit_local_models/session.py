"""A conversation with a model, as token ids.

What a session holds is the ids of its tokens, never text that would be made into tokens again; their keys
and values are in the engine's cache as long as there is room. So a fork is a list of numbers, and going
back is a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.sampling import Sampling


class _Engine(Protocol):
    """What a session needs of the engine."""

    def prefill(self, ids: Sequence[int]) -> None: ...

    def lease(self, ids: Sequence[int], seconds: float) -> int: ...

    def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        grammar: str | None = None,
        cancelled: Callable[[], bool] = ...,
    ) -> Generator[Piece | Completion, None, None]: ...


class Session:
    """Tokens that grow.

    Attributes:
        ids: all tokens so far.
    """

    def __init__(self, engine: _Engine, ids: Sequence[int] = ()) -> None:
        self._engine = engine
        self.ids = list(ids)

    def __len__(self) -> int:
        return len(self.ids)

    def extend(self, ids: Sequence[int]) -> None:
        """Add tokens and compute them now, so that the answer begins sooner.

        A tool's output can be added piece by piece while it comes.

        Raises:
            PromptTooLong: more tokens than the context holds.
            ValueError: no ids, or ids outside the vocabulary.
        """
        longer = [*self.ids, *ids]
        self._engine.prefill(longer)
        self.ids = longer

    def fork(self, count: int) -> list[Session]:
        """So many sessions that begin with the same tokens; nothing is copied but their ids."""
        return [Session(self._engine, self.ids) for _ in range(count)]

    def rollback(self, count: int) -> None:
        """Forget the last tokens.

        Raises:
            ValueError: there are fewer.
        """
        if not 0 <= count <= len(self.ids):
            raise ValueError(f"cannot go back {count} of {len(self.ids)} tokens")
        del self.ids[len(self.ids) - count :]

    def pin(self, seconds: float) -> int:
        """Keep what is computed of it for so long, say while a tool runs, and say how many tokens that is.

        Other requests still get the room if there is no other.
        """
        return self._engine.lease(self.ids, seconds)

    def generate(
        self,
        sampling: Sampling,
        *,
        grammar: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Generator[Piece | Completion, None, None]:
        """Answer, as `Engine.generate` does; the answer's tokens join the session with its completion."""
        for event in self._engine.generate(self.ids, sampling, grammar=grammar, cancelled=cancelled):
            if isinstance(event, Completion):
                self.ids += event.token_ids
            yield event
