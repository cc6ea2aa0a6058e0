"""What an engine is asked for: one answer, several to a prompt that is computed once, the likeliest ones."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Sequence

from agentkit_local_models.adapting import Adapting
from agentkit_local_models.answer import Answer, Completion, Piece
from agentkit_local_models.beam import Beam, BeamSearch
from agentkit_local_models.drafts import Drafter, FirstOf, PromptLookup
from agentkit_local_models.errors import PromptTooLong
from agentkit_local_models.request import Request
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.variants import Variant


def _never() -> bool:
    return False


class Answering(Adapting):
    """An engine's answers: those of all callers are computed together."""

    def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        grammar: str | None = None,
        cancelled: Callable[[], bool] = _never,
        on_prefill: Callable[[int, int], None] | None = None,
        priority: int = 0,
        seconds: float = math.inf,
    ) -> Generator[Piece | Completion, None, None]:
        """Answer a prompt: pieces while they are made, and at last the completion.

        Answers that are read at the same time, by this thread or others, are computed together.

        Args:
            prompt: token ids.
            sampling: how tokens are chosen and when the answer ends.
            grammar: a Lark text the answer must follow; see `grammar`.
            cancelled: asked before each token and each chunk of the prompt.
            on_prefill: told how many of the prompt's tokens are computed, of how many.
            priority: a greater one is computed first where not all can be.
            seconds: after which the answer ends, as far as it is, with `deadline`.

        Raises:
            PromptTooLong: the context has no room for the prompt and one token.
            GrammarError: the grammar is not valid, or too complex to follow.
            ValueError: an empty prompt, or ids outside the vocabulary.
            LocalModelError: the model could not go on (raised by `next`).
        """
        self._variants.find(self.adapter)  # now, and not with the first piece
        self._check_ids(prompt)
        if len(prompt) + 1 > self.context:
            raise PromptTooLong(
                f"the prompt has {len(prompt)} tokens; the model's context holds {self.context}, "
                "one of them for the answer"
            )
        matcher = None if grammar is None else self._grammars().compile(grammar)
        room = self.context - len(prompt)
        answer = Answer(
            prompt, sampling, matcher, self.tokenizer, self.checkpoint.stop_ids, room, self._drafter()
        )
        request = Request(
            answer,
            priority=priority,
            deadline=time.monotonic() + seconds,
            tells_progress=on_prefill is not None,
        )
        return self._answer(answer, request, cancelled, on_prefill)

    def answers(
        self, prompt: Sequence[int], sampling: Sampling, count: int, *, grammar: str | None = None
    ) -> list[Completion]:
        """Several answers to a prompt that is computed once, written together.

        Args:
            prompt: token ids.
            sampling: of all; the seed of each is one more than that of the answer before.
            count: how many.
            grammar: a Lark text that each must follow.

        Raises:
            ValueError: as `generate`, or a count below 1.
            PromptTooLong: as `generate`.
            GrammarError: as `generate`.
        """
        if count < 1:
            raise ValueError(f"{count} answers were asked for; 1 or more works")
        seeds = [None if sampling.seed is None else sampling.seed + place for place in range(count)]
        open_answers = [
            self.generate(prompt, dataclasses.replace(sampling, seed=seed), grammar=grammar) for seed in seeds
        ]
        self.prefill(prompt)
        found: list[Completion | None] = [None] * count
        try:
            while None in found:
                for place, one in enumerate(open_answers):
                    if found[place] is None and isinstance(event := next(one), Completion):
                        found[place] = event
        finally:
            for one in open_answers:
                one.close()
        return [one for one in found if one is not None]

    def beams(
        self,
        prompt: Sequence[int],
        *,
        width: int,
        max_tokens: int,
        length_penalty: float = 1.0,
        cancelled: Callable[[], bool] = _never,
    ) -> list[Beam]:
        """The likeliest answers that beam search finds, best first: at most `width`.

        Other callers' requests go on between its steps.

        Args:
            prompt: token ids.
            width: how many beginnings of answers are kept at each token.
            max_tokens: of an answer, its stop token included.
            length_penalty: answers are ordered by `logprob / tokens ** length_penalty`.
            cancelled: asked before each token; what was found so far is returned then.

        Raises:
            PromptTooLong: the context has no room for the prompt and so many tokens.
            PoolFull: the cache has no room for the beams.
            ValueError: an empty prompt, ids outside the vocabulary, or numbers that are too small.
        """
        self._check_ids(prompt)
        if width < 1 or max_tokens < 1 or length_penalty < 0:
            raise ValueError(
                f"width is {width}, max_tokens {max_tokens} and length_penalty {length_penalty}; "
                "1, 1 and 0 or more work"
            )
        if len(prompt) + max_tokens > self.context:
            raise PromptTooLong(
                f"the prompt has {len(prompt)} tokens and the answer up to {max_tokens}; "
                f"the model's context holds {self.context}"
            )
        self.prefill(prompt)
        with self._variants.using(self.adapter) as variant:
            return self._beams(prompt, variant, width, max_tokens, length_penalty, cancelled)

    def _beams(
        self,
        prompt: Sequence[int],
        variant: Variant,
        width: int,
        max_tokens: int,
        length_penalty: float,
        cancelled: Callable[[], bool],
    ) -> list[Beam]:
        with self._loop.alone() as scheduler:
            search = BeamSearch(
                self._runs,
                prompt,
                scheduler.begin(variant, prompt, len(prompt) + max_tokens),
                width=width,
                most=max_tokens,
                stop_ids=self.checkpoint.stop_ids,
                vocabulary_size=self.tokenizer.vocabulary_size,
                length_penalty=length_penalty,
            )
            scheduler.guests += 1
        try:
            while not search.done and not cancelled():
                with self._loop.alone() as scheduler:
                    scheduler.room(search.pages_needed)
                    search.step()
            return search.best()
        finally:
            with self._loop.alone() as scheduler:
                search.release()
                scheduler.guests -= 1

    def _answer(
        self,
        answer: Answer,
        request: Request,
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
    ) -> Generator[Piece | Completion, None, None]:
        """A request with the adapter that is asked, which stays until it is done."""
        with self._variants.using(self.adapter) as request.variant:
            yield from self._events(answer, request, cancelled, on_prefill)

    def _events(
        self,
        answer: Answer,
        request: Request,
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
    ) -> Generator[Piece | Completion, None, None]:
        """Hand out what happens to a request until it is done."""
        request.events += answer.begin()
        request.done = answer.finish is not None
        if not request.done:
            self._loop.add(request)
        try:
            while True:
                while request.events:
                    event = request.events.popleft()
                    if isinstance(event, Piece):
                        yield event
                    elif on_prefill is not None:
                        on_prefill(event.computed, event.total)
                if request.done and not request.events:
                    break
                if cancelled():
                    self._loop.cancel(request)
                else:
                    self._loop.advance(request)
        finally:
            self._loop.cancel(request)
        if request.error is not None:
            raise request.error
        yield answer.completion(request.reused or 0)

    def _drafter(self) -> Drafter | None:
        if self.draft is not None:
            return FirstOf([PromptLookup(), self.draft.drafter()])
        return PromptLookup() if self._drafts else None
