"""Beam search: the likeliest answer among those that a few are kept of at each token.

Each beam is a sequence of pages; where two beams go on from the same one, they share all its pages but
the last. No random number is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from torch import Tensor

from agentkit_local_models.pages import PagedCache
from agentkit_local_models.scheduler import Runs


@dataclass(frozen=True, slots=True)
class Beam:
    """An answer.

    Attributes:
        ids: its tokens, without the stop token that ended it.
        logprob: the natural logarithm of its probability, that of the stop token included.
        stopped: whether a stop token ended it.
    """

    ids: tuple[int, ...]
    logprob: float
    stopped: bool

    def score(self, length_penalty: float) -> float:
        """What beams are ordered by: `logprob / tokens ** length_penalty` (Wu et al. 2016, simplified)."""
        return self.logprob / max(1, len(self.ids) + self.stopped) ** length_penalty


class BeamSearch:
    """The beams of one prompt, a token longer with each step.

    Attributes:
        done: no step can find a better answer, or `most` tokens are made.
    """

    def __init__(
        self,
        model: Runs,
        prompt: Sequence[int],
        cache: PagedCache,
        *,
        width: int,
        most: int,
        stop_ids: Collection[int],
        vocabulary_size: int,
        length_penalty: float,
    ) -> None:
        """Nothing is computed yet.

        Args:
            model: what computes.
            prompt: token ids, one token or more.
            cache: of the first tokens of the prompt, all but the last at most; the search's own from now on.
            width: how many beams are kept.
            most: tokens of an answer, stop token included.
            stop_ids: tokens that end one.
            vocabulary_size: ids from here on are rows of padding.
            length_penalty: 0 prefers short answers, 1 is the mean log-probability of a token.
        """
        self._model = model
        self._width = width
        self._most = most
        self._stop_ids = stop_ids
        self._vocabulary_size = vocabulary_size
        self._penalty = length_penalty
        self._open: list[tuple[Beam, PagedCache, Sequence[int]]] = [
            (Beam((), 0.0, stopped=False), cache, prompt[cache.length :])
        ]
        self._ended: list[Beam] = []
        self._made = 0

    @property
    def done(self) -> bool:
        """No step can find a better answer, or `most` tokens are made."""
        if not self._open or self._made == self._most:
            return True
        if len(self._ended) < self._width:
            return False
        # a log-probability only falls: no beam can come to more than it has now, at the greatest length
        best = max(beam.logprob for beam, _, _ in self._open) / self._most**self._penalty
        return best <= min(beam.score(self._penalty) for beam in self._ended)

    @property
    def pages_needed(self) -> int:
        """How many pages the next step takes at most."""
        return sum(cache.needed(cache.length + len(tokens)) for _, cache, tokens in self._open)

    def step(self) -> None:
        """Every beam a token longer; the best of all continuations are kept.

        Raises:
            PoolFull: the pages do not suffice.
        """
        hidden = self._model.hidden([(tokens, cache) for _, cache, tokens in self._open])
        ends: list[int] = []
        for _, _, tokens in self._open:
            ends.append(len(tokens) - 1 + (ends[-1] + 1 if ends else 0))
        logprobs = self._model.logits_of(hidden[ends])[:, : self._vocabulary_size].double().log_softmax(-1)
        self._made += 1
        before, self._open = self._open, []
        for row, token, logprob in self._likeliest(logprobs, [beam.logprob for beam, _, _ in before]):
            beam, cache, _ = before[row]
            if token in self._stop_ids:
                self._ended.append(Beam(beam.ids, logprob, stopped=True))
            elif len(self._open) < self._width:
                self._open.append((Beam((*beam.ids, token), logprob, stopped=False), cache.fork(), [token]))
        self._ended = sorted(self._ended, key=lambda beam: -beam.score(self._penalty))[: self._width]
        for _, cache, _ in before:
            cache.release()

    def best(self) -> list[Beam]:
        """The best answers so far, ended or not, best first: at most `width`."""
        beams = [*self._ended, *(beam for beam, _, _ in self._open)]
        return sorted(beams, key=lambda beam: -beam.score(self._penalty))[: self._width]

    def release(self) -> None:
        """Give all pages back."""
        for _, cache, _ in self._open:
            cache.release()
        self._open = []

    def _likeliest(self, logprobs: Tensor, before: Sequence[float]) -> list[tuple[int, int, float]]:
        """Continuations of all beams, best first: beam, token, log-probability.

        Of each beam so many that it alone could fill all beams, if its best are to stop.
        """
        count = min(self._width + len(self._stop_ids), logprobs.shape[1])
        values, tokens = logprobs.topk(count, dim=-1)
        found = [
            (row, int(token), start + float(value))
            for row, start in enumerate(before)
            for token, value in zip(tokens[row], values[row], strict=True)
        ]
        return sorted(found, key=lambda one: -one[2])
