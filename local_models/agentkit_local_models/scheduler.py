"""What is computed next: one pass of the model over the next tokens of many requests.

Continuous batching (Orca, Yu et al. 2022) with chunked prefill (Sarathi, Agrawal et al. 2023). Whose tokens
these are is decided in `queueing.py`; here they are computed, and each request goes on with what came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Protocol

from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.pages import PAGE, PagedCache, PagePool
from agentkit_local_models.piece import Piece
from agentkit_local_models.queueing import BUDGET, MOST_RUNNING, Queue, cache_of, space_of
from agentkit_local_models.radix import common_length
from agentkit_local_models.request import Progress, Request


class Runs(Protocol):
    """A model as the scheduler needs it."""

    @property
    def arch(self) -> Arch:
        """What it computes."""
        ...

    def hidden(self, steps: Sequence[tuple[Sequence[int], PagedCache]]) -> Tensor:
        """The last hidden states of the sequences' next tokens, which join their caches: [T, width]."""
        ...

    def logits_of(self, hidden: Tensor) -> Tensor:
        """Of hidden states [T, width], float32 [T, vocabulary_size]."""
        ...


class Scheduler(Queue):
    """Steps of a model over the requests of a queue; one thread at a time may call it, but for `add`."""

    def __init__(
        self,
        model: Runs,
        pool: PagePool,
        *,
        budget: int = BUDGET,
        most_running: int = MOST_RUNNING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing to do yet.

        Args:
            model: what computes.
            pool: for keys and values; holds the longest sequence there is at least.
            budget: tokens of a step.
            most_running: requests that have pages at once.
            clock: seconds, for deadlines and leases.
        """
        super().__init__(model.arch, pool, budget=budget, most_running=most_running, clock=clock)
        self._model = model

    def step(self) -> None:
        """Compute the next tokens of those whose turn it is.

        An error of one request ends that request. One of the model ends all that were computed by it.
        """
        self.retire()
        plan = self._plan()
        if not plan:
            return
        try:
            steps = [(next_tokens(request, number), cache_of(request)) for request, number in plan]
            wanted: list[list[int]] = []  # of each request, after which tokens of the step it asks for logits
            end = 0
            for request, number in plan:
                end += number
                wanted.append(list(range(end - logits_wanted(request, number), end)))
            hidden = self._model.hidden(steps)
            logits = self._logits(hidden, wanted)
            for (request, _), rows in zip(plan, logits, strict=True):
                self._computed(request, rows)
        except BaseException as error:
            self._break([request for request, _ in plan], error)
            raise

    def _logits(self, hidden: Tensor, wanted: Sequence[list[int]]) -> Sequence[Tensor]:
        """For each list of rows their logits, computed together: [rows, vocabulary_size]."""
        rows = [row for one in wanted for row in one]
        logits = self._model.logits_of(hidden[rows]) if rows else hidden[:0]
        ends = list(accumulate(len(one) for one in wanted))
        return [logits[end - len(one) : end] for one, end in zip(wanted, ends, strict=True)]

    def _computed(self, request: Request, logits: Tensor) -> None:
        """The step is over for one request."""
        if self._reached(request):
            self._take(request, logits)

    def _reached(self, request: Request) -> bool:
        """Tell how far a request is, and share what can be; whether all its tokens are computed."""
        work = request.work
        if request.tells_progress:
            computed = min(request.computed, work.prompt_tokens)
            request.events.append(Progress(computed, work.prompt_tokens))
            request.tells_progress = computed < work.prompt_tokens
        if request.pending > 0:
            return False
        if not request.shared and not self._whole_prompts:
            # others that begin the same need not wait for the end of this one; begun pages stay its own
            request.shared = True
            whole = len(work.known) // PAGE * PAGE
            cache = cache_of(request)
            space = space_of(request.variant, cache.stage)
            self.tree.insert(space, work.known[:whole], cache.pages)
        return True

    def _take(self, request: Request, logits: Tensor) -> None:
        """All that is known of a request is computed: let it choose what comes next."""
        tried = request.work.guesses[: request.computed - len(request.work.known)]
        self._go_on(request, tried, lambda: request.work.take(logits))

    def _go_on(self, request: Request, tried: Sequence[int], take: Callable[[], list[Piece]]) -> None:
        """Let a request's work become longer.

        Args:
            request: not done; it may have lost its pages.
            tried: the tokens after the known ones that are computed already, should they come.
            take: makes it longer.
        """
        work, cache, end = request.work, request.cache, len(request.work.known)
        tried = list(tried)
        try:
            request.events += take()
        except Exception as error:  # noqa: BLE001 - whatever it is, it goes to who asked
            if cache is not None:
                cache.truncate(min(cache.length, end))
            self._fail(request, error)
            return
        if cache is not None:
            right = common_length(tried, work.known[end:])
            cache.truncate(min(cache.length, end + right))
        if work.finish is not None:
            self._leave(request)

    def _break(self, requests: Sequence[Request], error: BaseException) -> None:
        """End those that a step has failed for."""
        for request in requests:
            if not request.done:
                self._fail(request, LocalModelError(f"the step that computed it failed: {error!r}"))


def next_tokens(request: Request, number: int) -> Sequence[int]:
    """The request's next tokens that are known or guessed, no more than `number`."""
    known = request.work.known[request.computed : request.computed + number]
    return [*known, *request.work.guesses[: number - len(known)]]


def logits_wanted(request: Request, number: int) -> int:
    """After how many of its next `number` tokens, the last ones, a request wants logits."""
    tried = number - request.pending
    return request.work.rows + tried if tried >= 0 else 0
