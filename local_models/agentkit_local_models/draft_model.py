"""Guesses of a small model, which a large one checks (speculative decoding, Leviathan et al. 2023).

What the small model finds likeliest is guessed: a token without a doubt of its own, which the large model
keeps with the probability that it gives it. So an answer is drawn from what the large model expects, and with
one seed it is the same token for token.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.drafts import ROW_COST, Width
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.loading import load_model
from agentkit_local_models.pages import PAGE, PagedCache, PagePool
from agentkit_local_models.placing import pool_of
from agentkit_local_models.radix import PrefixTree, common_length
from agentkit_local_models.sampling import largest
from agentkit_local_models.sizes import parameters

# Tokens of a prompt that the small model computes at once.
_CHUNK: Final = 512


class Guesses(Protocol):
    """A model as it is asked for guesses."""

    @property
    def arch(self) -> Arch:
        """What it computes."""
        ...

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """See `Model.logits`."""
        ...


class DraftModel:
    """A small model, and what it computed last, for the guesses of all sequences; threads may share it.

    Attributes:
        tried: how many of its tokens were checked.
        accepted: how many of them were right.
    """

    def __init__(self, model: Guesses, pool: PagePool, *, vocabulary_size: int, cost: float) -> None:
        """Nothing is computed yet.

        Args:
            model: what guesses.
            pool: for its keys and values.
            vocabulary_size: the first tokens, which the large model has too.
            cost: of a token of this model, as a share of one of the large model.
        """
        self.tried = 0
        self.accepted = 0
        self._model = model
        self._pool = pool
        self._tree = PrefixTree(pool)
        self._vocabulary_size = vocabulary_size
        self._cost = cost
        self._lock = threading.Lock()
        self._left: deque[PagedCache] = deque()  # of sequences that are over, until somebody has the lock

    def drafter(self) -> ModelDrafter:
        """What guesses how one sequence goes on."""
        return ModelDrafter(self, Width(ROW_COST + self._cost))

    def guess(self, tokens: Sequence[int], most: int, right: int, held: list[PagedCache]) -> list[int]:
        """What this model finds likeliest after the tokens: up to `most`, none where there is no room.

        Args:
            tokens: of the sequence.
            most: 0 or more.
            right: how many of them are those that the cache is of.
            held: the sequence's cache, once it has one; then of all tokens and guesses but the last.
        """
        most = min(most, self._model.arch.context - len(tokens))
        if most < 1:
            return []
        with self._lock:
            while self._left:
                self._left.popleft().release()
            stage = self._pool.stage_of(len(tokens) + most)
            if held and stage > held[0].stage:
                held.pop().release()  # its keys are rotated for shorter sequences
            if begins := not held:
                held.append(self._tree.take(str(stage), tokens[:-1], self._model.arch.context))
                held[0].stage = stage
            else:
                held[0].truncate(min(held[0].length, right, len(tokens) - 1))
            if not self._has_room(held[0], len(tokens) + most):
                held.pop().release()
                return []
            guesses = self._likeliest(tokens, most, held[0])
            if begins:  # another that begins the same need not be computed; begun pages stay its own
                whole = len(tokens) // PAGE * PAGE
                self._tree.insert(str(stage), tokens[:whole], held[0].pages)
            return guesses

    def told(self, tried: int, accepted: int) -> None:
        """How many of its tokens were checked, and how many were right."""
        with self._lock:
            self.tried += tried
            self.accepted += accepted

    def leave(self, held: Iterable[PagedCache]) -> None:
        """A sequence is over; the garbage collector may call this at any time."""
        self._left.extend(held)

    def _has_room(self, cache: PagedCache, length: int) -> bool:
        while (missing := cache.needed(length) - self._pool.available) > 0:
            if not self._tree.evict(missing):
                return False
        return True

    def _likeliest(self, tokens: Sequence[int], most: int, cache: PagedCache) -> list[int]:
        while len(tokens) - cache.length > _CHUNK:
            self._model.logits(tokens[cache.length :][:_CHUNK], cache)
        guesses: list[int] = []
        coming = tokens[cache.length :]
        while True:
            logits: Tensor = self._model.logits(coming, cache)[: self._vocabulary_size]
            guesses.append(largest(logits))
            if len(guesses) == most:
                return guesses
            coming = guesses[-1:]


class ModelDrafter:
    """Guesses at one sequence by a `DraftModel`; see `drafts.Drafter`."""

    def __init__(self, shared: DraftModel, width: Width) -> None:
        """Begin an empty sequence.

        Args:
            shared: what guesses.
            width: how many guesses are worth it.
        """
        self._shared = shared
        self._width = width
        self._tokens: list[int] = []
        self._end = 0  # how many tokens there were when it guessed last
        self._guesses: list[int] = []
        self._held: list[PagedCache] = []
        weakref.finalize(self, shared.leave, self._held)

    def extend(self, tokens: Sequence[int]) -> None:
        """The sequence goes on with these."""
        self._tokens += tokens

    def propose(self, most: int) -> list[int]:
        """What the small model goes on with."""
        right = self._end + common_length(self._guesses, self._tokens[self._end :])
        found = self._shared.guess(self._tokens, self._width.of(most), right, self._held)
        if found:
            self._end, self._guesses = len(self._tokens), found
        return found

    def told(self, proposed: int, accepted: int) -> None:
        """Guess wider or narrower from now on."""
        self._width.told(proposed, accepted)
        self._shared.told(proposed, accepted)


def load_draft(
    path: Path, large: Checkpoint, dtype: torch.dtype, *, native: bool, threads: int | None
) -> DraftModel:
    """The model at `path`, to guess for another.

    Args:
        path: of a GGUF file or a hub folder.
        large: the other's checkpoint.
        dtype: to compute in.
        native: whether small steps may be the native step's.
        threads: of that; None is as many as torch has.

    Raises:
        CheckpointError: it cannot be read, or its tokens are not the other's.
        UnsupportedCheckpoint: it is of a kind that is not built, or sees a prompt both ways.
    """
    with Checkpoint.open(path) as small:
        if small.config.prefix is not None:
            raise UnsupportedCheckpoint(f"{path} sees a prompt both ways, so it cannot guess token by token")
        if not small.tokenizer.spells_as(large.tokenizer):
            raise CheckpointError(f"{path} has other tokens than the model that it is to guess for")
        device = torch.device("cpu")
        model = load_model(small, None, dtype, None, native=native, threads=threads, device=device).model
    return DraftModel(
        model,
        pool_of(model, None),
        vocabulary_size=min(small.tokenizer.vocabulary_size, large.tokenizer.vocabulary_size),
        cost=parameters(small.config) / parameters(large.config),
    )
