"""Keys and values in pages of 16 tokens, which sequences share until one of them writes.

Paged attention (Kwon et al. 2023): a sequence is a list of pages, so it grows without being moved, and
a fork of it is another list of the same pages. Each page counts who holds it; one that two hold is
copied before either writes to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import torch

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import LocalModelError, PromptTooLong
from agentkit_local_models.precision import CacheForm
from agentkit_local_models.prompt import Prompt
from agentkit_local_models.variants import BASE, Variant

# Tokens of a page.
PAGE: Final = 16
# The pages a pool begins with; it doubles when they are all held, up to its most.
_FIRST_PAGES: Final = 32


class PoolFull(LocalModelError):
    """Every page of a pool is held."""


def pages_for(tokens: int) -> int:
    """How many pages hold so many tokens."""
    return -(-tokens // PAGE)


def token_bytes(arch: Arch, number: int, form: CacheForm = "float") -> int:
    """The bytes of one token's keys and values in all layers.

    Args:
        arch: of the model.
        number: bytes of a number that is computed with.
        form: that they are kept in; of 8 bits each head has a scale of two bytes.
    """
    head = arch.head_width * number if form == "float" else arch.head_width + 2
    return 2 * arch.layers * arch.kv_heads * head


class PagePool:
    """The pages of a model's sequences; one thread at a time may use it.

    Attributes:
        most: how many pages there can be.
        layers: for each layer one tensor [pages, 2 K, 16, D], the heads of keys before those of values, so a
            page of a layer lies in one piece. Replaced by larger ones when the pool grows.
        form: what is kept in them; with "int8" they hold codes.
        scales: for each layer float16 [pages, 2 K, 16], what the codes of each key and value are multiplied
            by; empty where they are floats.
        fixed: whether it has all its pages from the beginning, and they are never moved.
        on_copy: told of every page that is copied, and of the copy.
        stages: up to which lengths sequences are rotated by which frequencies; see `Arch.stages`.
        copied: how many pages were copied because a sequence wrote to one that another held too.
    """

    def __init__(
        self,
        arch: Arch,
        dtype: torch.dtype,
        pages: int,
        *,
        device: torch.device | str = "cpu",
        fixed: bool = False,
        form: CacheForm = "float",
    ) -> None:
        """An empty pool; memory is taken as pages are.

        Args:
            arch: the sizes of heads and the number of layers.
            dtype: of keys and values.
            pages: the most there can be.
            device: where they are.
            fixed: whether they are never moved, for all memory is taken now; what was captured to be replayed
                on a GPU knows them by their addresses.
            form: what keys and values are kept as.
        """
        if pages < 1:
            raise ValueError(f"a pool of {pages} pages holds nothing; 1 or more works")
        self.most = pages
        self.fixed = fixed
        self.copied = 0
        self.stages = arch.stages
        shape = (0, 2 * arch.kv_heads, PAGE, arch.head_width)
        self.form: CacheForm = form
        kept = dtype if form == "float" else torch.int8
        self.layers = [torch.empty(shape, dtype=kept, device=device) for _ in range(arch.layers)]
        scaled = range(0 if form == "float" else arch.layers)
        self.scales = [torch.empty(shape[:-1], dtype=torch.float16, device=device) for _ in scaled]
        self.on_copy: Callable[[int, int], None] | None = None
        self._holders: list[int] = []  # of each page that exists
        self._free: list[int] = []  # exist, and nobody holds them; the last is taken first
        if fixed:
            self._grow(pages)

    def stage_of(self, length: int) -> int:
        """The stage of a sequence that has so many tokens."""
        return bisect_left(self.stages, length)

    @property
    def nbytes(self) -> int:
        """Bytes of all pages that exist."""
        return sum(tensor.nbytes for tensor in (*self.layers, *self.scales))

    @property
    def available(self) -> int:
        """How many pages can still be taken."""
        return self.most - len(self._holders) + len(self._free)

    def holders(self, page: int) -> int:
        """How many hold a page."""
        return self._holders[page]

    def take(self, count: int) -> list[int]:
        """Pages that nobody held, held once now.

        Raises:
            PoolFull: fewer are available; none is taken then.
        """
        if count > self.available:
            raise PoolFull(
                f"{count} pages of {PAGE} tokens are needed; {self.available} of {self.most} are free"
            )
        if count > len(self._free):
            self._grow(len(self._holders) + count - len(self._free))
        taken = [self._free.pop() for _ in range(count)]
        for page in taken:
            self._holders[page] = 1
        return taken

    def hold(self, pages: Iterable[int]) -> None:
        """Hold pages once more."""
        for page in pages:
            self._holders[page] += 1

    def release(self, pages: Iterable[int]) -> None:
        """Hold pages once less; who held them last sets them free."""
        for page in pages:
            self._holders[page] -= 1
            if not self._holders[page]:
                self._free.append(page)

    @torch.inference_mode()
    def copy(self, page: int) -> int:
        """A page of one's own with the same keys and values.

        Raises:
            PoolFull: no page is available.
        """
        (own,) = self.take(1)
        for tensor in (*self.layers, *self.scales):
            tensor[own] = tensor[page]
        self.copied += 1
        if self.on_copy is not None:
            self.on_copy(page, own)
        return own

    @torch.inference_mode()
    def mirror(self, pages: int, copies: Iterable[tuple[int, int]]) -> None:
        """Have so many pages, and copy as another pool did whose pages have the same numbers."""
        self.most = max(self.most, pages)
        if pages > len(self._holders):
            self._grow(pages)
        for page, own in copies:
            for tensor in (*self.layers, *self.scales):
                tensor[own] = tensor[page]

    @torch.inference_mode()
    def _grow(self, least: int) -> None:
        """Make it twice as large, or `least` pages if that is more."""
        there = len(self._holders)
        pages = min(max(least, 2 * there, _FIRST_PAGES), self.most)
        for tensors in (self.layers, self.scales):
            for place, old in enumerate(tensors):
                new = old.new_empty(pages, *old.shape[1:])
                new[:there] = old
                tensors[place] = new
        # in descending order: a sequence that grows alone gets neighbours, which are read in one piece
        self._free[:0] = range(pages - 1, there - 1, -1)
        self._holders += [0] * (pages - there)


class PagedCache:
    """The pages of one sequence.

    Attributes:
        pool: where its pages are.
        pages: their numbers, in the order of the tokens.
        length: how many tokens have keys and values.
        prompt: of a prefix language model, once it was computed.
        variant: what its keys and values are computed with.
        stage: which frequencies its keys are rotated by; that of an empty one is raised when it grows.
    """

    def __init__(self, pool: PagePool, context: int, variant: Variant = BASE) -> None:
        """An empty sequence of at most `context` tokens."""
        self.pool = pool
        self.pages: list[int] = []
        self.length = 0
        self.prompt: Prompt | None = None
        self.context = context
        self.variant = variant
        self.stage = 0

    @classmethod
    def of(cls, pool: PagePool, context: int, pages: Sequence[int], length: int) -> PagedCache:
        """A sequence whose first `length` tokens are in pages that it now holds too."""
        cache = cls(pool, context)
        pool.hold(pages)
        cache.pages, cache.length = list(pages), length
        return cache

    def needed(self, length: int) -> int:
        """How many pages `reserve(length)` takes from the pool."""
        return max(0, pages_for(length) - len(self.pages)) + self._must_copy(length)

    def reserve(self, length: int) -> None:
        """Make room for `length` tokens in all, in pages that may be written to.

        Raises:
            PromptTooLong: the context holds fewer, or the frequencies that its keys are rotated by; nothing
                has changed then.
            PoolFull: the pool has too few pages; nothing has changed then.
        """
        if length > self.context:
            raise PromptTooLong(f"{length} tokens; the model's context holds {self.context}")
        stage = max(self.stage, self.pool.stage_of(length))
        if self.length and stage > self.stage:
            raise PromptTooLong(
                f"{length} tokens; the {self.length} before were rotated for {self.pool.stages[self.stage]}, "
                "and more are computed anew from the first"
            )
        if self.needed(length) > self.pool.available:
            self.pool.take(self.needed(length))  # says what is missing
        if self._must_copy(length):
            shared = self.pages[self.length // PAGE]
            self.pages[self.length // PAGE] = self.pool.copy(shared)
            self.pool.release([shared])
        self.pages += self.pool.take(max(0, pages_for(length) - len(self.pages)))
        self.stage = stage

    def truncate(self, length: int) -> None:
        """Forget all tokens but the first `length`."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot keep {length} tokens of {self.length}")
        self.length = length
        kept = pages_for(length)
        self.pool.release(self.pages[kept:])
        del self.pages[kept:]

    def fork(self) -> PagedCache:
        """Another sequence of the same tokens; no page is copied until one of the two writes."""
        other = PagedCache.of(self.pool, self.context, self.pages[: pages_for(self.length)], self.length)
        other.prompt = self.prompt
        other.variant = self.variant
        other.stage = self.stage
        return other

    def release(self) -> None:
        """Forget all tokens."""
        self.truncate(0)
        self.prompt = None
        self.stage = 0

    def _must_copy(self, length: int) -> bool:
        """Whether the page that the next token goes to is begun, and another holds it too."""
        place = self.length // PAGE
        return length > self.length and place < len(self.pages) and self.pool.holders(self.pages[place]) > 1
