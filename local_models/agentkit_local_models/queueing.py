"""Requests that wait and run, and the pages they share: whose tokens are next, and who gives way.

A step has a budget of tokens. Requests that write take theirs first, a few tokens each, and prompts get the
rest, so that a long prompt does not hold up who writes. When pages run out, the last in rank gives its own
up: what it computed stays in the prefix tree as long as there is room, so that going on is mostly a matter
of finding it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Final

from agentkit_local_models.arch import Arch
from agentkit_local_models.occupancy import Occupancy
from agentkit_local_models.pages import PagedCache, PagePool, PoolFull
from agentkit_local_models.radix import PrefixTree
from agentkit_local_models.request import Request
from agentkit_local_models.variants import Variant

# Tokens of a step: enough to keep the processor busy, few enough to cancel within seconds.
BUDGET: Final = 512
# Requests computed at once.
MOST_RUNNING: Final = 16
# A request with no more pending tokens than this writes; with more it is at its prompt.
_WRITES: Final = 16
# Who computes how many tokens in a step; 0 for who gave its pages up for it.
_Plan = dict[Request, int]


class Queue:
    """Requests in the order of their rank; one thread at a time may call it, but for `add`.

    Attributes:
        tree: what was computed before.
        guests: how many others hold pages of the pool for a while; nobody fails for want of these.
    """

    def __init__(
        self,
        arch: Arch,
        pool: PagePool,
        *,
        budget: int = BUDGET,
        most_running: int = MOST_RUNNING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nobody waits.

        Args:
            arch: of the model that computes.
            pool: for keys and values; holds the longest sequence there is at least.
            budget: tokens of a step.
            most_running: requests that have pages at once.
            clock: seconds, for deadlines and leases.
        """
        if budget < 1 or most_running < 1:
            raise ValueError(f"budget is {budget} and most_running {most_running}; 1 or more works")
        self.tree = PrefixTree(pool, clock)
        self.guests = 0
        self._arch = arch
        self._pool = pool
        self._budget = budget
        self._most_running = most_running
        self._clock = clock
        # Where every token of a prompt sees all of it, it is computed at once, and no other's is of use.
        self._whole_prompts = arch.prefix is not None
        self._new: deque[Request] = deque()
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self._arrivals = count()

    def add(self, request: Request) -> None:
        """Compute a request from the next step on; any thread may call this."""
        self._new.append(request)

    def retire(self) -> None:
        """End what was cancelled or is late, and give its pages back."""
        while self._new:
            request = self._new.popleft()
            request.arrived = next(self._arrivals)
            self._waiting.append(request)
        now = self._clock()
        for request in [*self._running, *self._waiting]:
            if request.cancelled or request.deadline <= now:
                request.events += request.work.end("cancelled" if request.cancelled else "deadline")
                self._leave(request)

    @property
    def occupancy(self) -> Occupancy:
        """Who is computed, and who holds the pages."""
        kept, free = len(self.tree), self._pool.available
        waiting = len(self._waiting) + len(self._new)
        return Occupancy(len(self._running), waiting, self._pool.most - free - kept, kept, free)

    def begin(self, variant: Variant, tokens: Sequence[int], longest: int = 0) -> PagedCache:
        """A sequence with what is known of its tokens, but for the last: the next is chosen by its logits.

        Args:
            variant: that it is computed with.
            tokens: of the sequence.
            longest: how long it becomes where it cannot be begun anew for that.
        """
        context = self._arch.context
        if self._whole_prompts:
            return PagedCache(self._pool, context, variant)
        stage = self._pool.stage_of(max(len(tokens), longest))
        cache = self.tree.take(space_of(variant, stage), tokens[:-1], context)
        cache.variant, cache.stage = variant, stage
        return cache

    def lease(self, variant: Variant, tokens: Sequence[int], seconds: float) -> int:
        """Keep a sequence for a time if there is other room, and say how many of its tokens are there."""
        return self.tree.lease(space_of(variant, self._pool.stage_of(len(tokens))), tokens, seconds)

    def forget(self, variant: Variant) -> None:
        """Forget what was computed with an adapter."""
        for stage in range(len(self._pool.stages)):
            self.tree.forget(space_of(variant, stage))

    def room(self, pages: int) -> None:
        """See to it that so many pages are free.

        Raises:
            PoolFull: they are held by what is not the scheduler's.
        """
        while self._pool.available < pages:
            if self.tree.evict(pages - self._pool.available):
                continue
            if not self._running:
                raise PoolFull(f"{pages} pages are needed; {self._pool.available} can be had")
            self._preempt(max(self._running, key=lambda request: request.rank), {})

    def _plan(self) -> list[tuple[Request, int]]:
        """Who computes how many tokens; their pages are reserved."""
        plan: _Plan = {}
        budget = self._budget
        for request in list(self._running):
            if self._pool.stage_of(len(request.work.known)) > cache_of(request).stage:
                self._preempt(request, {})  # its keys are rotated for shorter sequences: it begins anew
        everyone = [*self._running, *self._waiting]
        for request in sorted(everyone, key=lambda request: (request.pending > _WRITES, request.rank)):
            if budget <= 0:
                break
            if request in plan or (request.cache is None and not self._admit(request, plan)):
                continue
            number = request.pending if self._whole_prompts else min(request.pending, budget)
            if self._reserve(request, number, plan):
                plan[request] = number
                budget -= number
        self._try_guesses(plan)
        return [(request, number) for request, number in plan.items() if number]

    def _try_guesses(self, plan: _Plan) -> None:
        """Let who writes try guesses too, where a pass stays small and no page is taken from anybody."""
        room = min(_WRITES, self._budget) - sum(plan.values())
        for request, number in plan.items():
            cache = request.cache
            if cache is None or number != request.pending or not request.work.rows:
                continue
            rotated = self._pool.stages[cache.stage] - cache.length - number
            count = min(room, len(request.work.guesses), rotated)
            length = cache.length + number + count
            if count > 0 and cache.needed(length) <= self._pool.available:
                cache.reserve(length)
                plan[request] = number + count
                room -= count

    def _admit(self, request: Request, plan: _Plan) -> bool:
        """Let a request in with what is known of its tokens, if there is a place for it."""
        if len(self._running) >= self._most_running:
            last = max(self._running, key=lambda other: other.rank)
            if last.priority >= request.priority:
                return False
            self._preempt(last, plan)
        request.cache = self.begin(request.variant, request.work.known)
        if request.reused is None:
            request.reused = min(request.cache.length, request.work.prompt_tokens)
        self._waiting.remove(request)
        self._running.append(request)
        return True

    def _reserve(self, request: Request, number: int, plan: _Plan) -> bool:
        """Pages for the next tokens, taken from the tree or from those behind in rank.

        False: the request gave its own up instead, or ended with an error.
        """
        cache = cache_of(request)
        length = cache.length + number
        while (missing := cache.needed(length) - self._pool.available) > 0:
            if self.tree.evict(missing):
                continue
            last = max(self._running, key=lambda other: other.rank)
            if last is request and len(self._running) == 1 and not self.guests:
                self._fail(
                    request,
                    PoolFull(
                        f"{length} tokens need {cache.needed(length)} pages more; "
                        f"the cache has {self._pool.most}, and {self._pool.available} are free"
                    ),
                )
                return False
            self._preempt(last, plan)
            if last is request:
                return False
        cache.reserve(length)
        return True

    def _preempt(self, request: Request, plan: _Plan) -> None:
        """Take a request's pages; it waits for another step, and begins with what the tree still has."""
        plan[request] = 0
        self._drop(request)
        self._running.remove(request)
        self._waiting.append(request)

    def _drop(self, request: Request) -> None:
        """Give what was computed to the tree."""
        if request.cache is not None:
            if not self._whole_prompts:
                known = request.work.known[: request.cache.length]
                space = space_of(request.variant, request.cache.stage)
                self.tree.insert(space, known, request.cache.pages)
            request.cache.release()
            request.cache = None

    def _fail(self, request: Request, error: Exception) -> None:
        request.error = error
        self._leave(request)

    def _leave(self, request: Request) -> None:
        self._drop(request)
        for queue in (self._running, self._waiting):
            if request in queue:
                queue.remove(request)
        request.done = True


def space_of(variant: Variant, stage: int) -> str:
    """What keys and values are kept apart by: what they are computed with, and what they are rotated for."""
    return f"{variant.space}@{stage}" if stage else variant.space  # a variant's own ends in #NUMBER


def cache_of(request: Request) -> PagedCache:
    """The pages of a request that was let in."""
    assert request.cache is not None  # whoever is in a plan was let in
    return request.cache
