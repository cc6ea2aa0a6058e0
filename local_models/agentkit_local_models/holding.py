"""What an engine holds: a model, the cache of what it computed last, and the steps that all callers share."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Protocol, Self

import torch
from torch import Tensor

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.draft_model import DraftModel
from agentkit_local_models.errors import PromptTooLong
from agentkit_local_models.grammar import GrammarCompiler
from agentkit_local_models.invariant import OneByOne
from agentkit_local_models.loop import Loop
from agentkit_local_models.merging import Merge
from agentkit_local_models.occupancy import Occupancy
from agentkit_local_models.pages import PagedCache
from agentkit_local_models.placing import pool_of, scheduler_of
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.request import Prefill, Request
from agentkit_local_models.scheduler import Runs
from agentkit_local_models.tokenizer import Tokenizer
from agentkit_local_models.variants import Variants


class Computes(Runs, Protocol):
    """A model as an engine needs it: `Model`, or what stands for one."""

    @property
    def dtype(self) -> torch.dtype:
        """Of keys and values."""
        ...

    @property
    def cache(self) -> CacheForm:
        """What these are kept as."""
        ...

    def new_cache(self) -> PagedCache:
        """An empty cache for one sequence, with a pool of its own."""
        ...

    def logits(self, tokens: Sequence[int], cache: PagedCache, *, every: bool = False) -> Tensor:
        """See `Model.logits`."""
        ...


class Holding:
    """A model in memory, with what it computed last; safe to share between threads."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: Computes,
        *,
        native: str = "",
        why_not_native: str = "",
        adapter: str = "",
        cache_tokens: int | None = None,
        batch_invariant: bool = False,
        drafts: bool | None = None,
        draft: DraftModel | None = None,
    ) -> None:
        """Prefer `Engine.load`.

        Args:
            checkpoint: for its tokenizer and stop tokens; may be closed.
            model: of the same checkpoint.
            native: which variant of the native step computes small steps; empty where torch does.
            why_not_native: why torch does.
            adapter: the name of what is joined into the weights.
            cache_tokens: as `load`.
            batch_invariant: as `load`.
            drafts: as `load`.
            draft: a small model that guesses.
        """
        self.checkpoint = checkpoint
        self.config = checkpoint.config
        self.tokenizer: Tokenizer = checkpoint.tokenizer
        self.context = model.arch.context
        self.dtype = model.dtype
        self.native = native
        self.why_not_native = why_not_native
        self._model = model
        self._drafts = (bool(native) and not batch_invariant) if drafts is None else drafts
        self.draft = draft
        self.adapter = ""
        self.whole: Self | None = None  # the one whose weights and pages this one uses
        self._joined = adapter
        self._variants = Variants()
        self._merges: list[Merge] = []  # one at most; all views of the engine have the same list
        self._pool = pool_of(model, cache_tokens)
        self._runs = OneByOne(model) if batch_invariant else model
        self._loop = Loop(scheduler_of(self._runs, self._pool))
        self._grammars = functools.cache(
            functools.partial(GrammarCompiler, self.tokenizer, checkpoint.stop_ids)
        )

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has as plain content."""
        return len(self.tokenizer.encode(text))

    def logits(self, ids: Sequence[int]) -> Tensor:
        """The logits after each of the ids, computed afresh: float32 [len(ids), vocabulary_size].

        Raises:
            PromptTooLong: more ids than the context holds.
            ValueError: no ids, or ids outside the vocabulary.
        """
        self._check_ids(ids)
        with self._variants.using(self.adapter) as variant:
            cache = self._model.new_cache()
            cache.variant = variant
            return self._model.logits(ids, cache, every=True)

    def prefill(self, ids: Sequence[int]) -> None:
        """Compute tokens now, for prompts that begin with them; of a prefix language model, nothing.

        Raises:
            PromptTooLong: more tokens than the context holds.
            ValueError: no ids, or ids outside the vocabulary.
            LocalModelError: the model could not compute them.
        """
        if self.config.prefix is not None:
            return
        self._check_ids(ids)
        if len(ids) > self.context:
            raise PromptTooLong(f"{len(ids)} tokens; the model's context holds {self.context}")
        with self._variants.using(self.adapter) as variant:
            request = Request(Prefill(ids), variant=variant)
            self._loop.add(request)
            try:
                while not request.done:
                    self._loop.advance(request)
            finally:
                self._loop.cancel(request)
        if request.error is not None:
            raise request.error

    def lease(self, ids: Sequence[int], seconds: float) -> int:
        """Keep what is computed of `ids` for so long if there is other room; how many tokens that is."""
        variant = self._variants.find(self.adapter)
        with self._loop.alone() as scheduler:
            return scheduler.lease(variant, ids, seconds)

    def occupancy(self) -> Occupancy:
        """Who is computed, and who holds the cache's pages, between two steps."""
        with self._loop.alone() as scheduler:
            return scheduler.occupancy

    def _check_ids(self, ids: Sequence[int]) -> None:
        if not ids:
            raise ValueError("a prompt needs at least one token")
        if not (min(ids) >= 0 and max(ids) < self.config.vocabulary_size):
            raise ValueError(
                f"token ids run from {min(ids)} to {max(ids)}; "
                f"the vocabulary has 0 to {self.config.vocabulary_size - 1}"
            )
        if self.config.prefix is not None:
            Prompt.of(ids, self.config.prefix)
