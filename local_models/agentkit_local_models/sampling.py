"""How the next token is chosen from logits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# How many of the likeliest tokens top-p looks at first; almost always the nucleus is among them.
_FIRST_LOOK = 256


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn and when it ends.

    The order is fixed: temperature, then top-k, then top-p among what top-k left.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token always.
        top_k: keep the k likeliest tokens; None keeps all.
        top_p: keep the fewest likeliest tokens whose probabilities reach this; 1 keeps all.
        seed: of the random numbers; None draws another answer each time.
        max_tokens: the most tokens made; None goes on to the end of the context.
        stop: texts that end the answer; they are not part of it.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values out of range.

        Raises:
            ValueError: names the field, the value, and what works.
        """
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature is {self.temperature}; 0 or a positive number works")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}; 1 or more works, None keeps all tokens")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; more than 0 and at most 1 works")
        if self.seed is not None and not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed is {self.seed}; 0 to 2**63 - 1 works, None draws afresh")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; 1 or more works, None is no limit")
        if not all(self.stop):
            raise ValueError("a stop text is empty; it would end every answer at once")

    def generator(self) -> torch.Generator:
        """A source of random numbers for one answer."""
        generator = torch.Generator()
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        return generator


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """The next token.

    Args:
        logits: float32 [vocabulary]; -inf for tokens that are not allowed.
        sampling: the rules; seed, max_tokens and stop play no part here.
        generator: advanced by each draw; untouched when temperature is 0.
    """
    if sampling.temperature == 0:
        return int(logits.argmax())
    # Shifted first, so that a tiny temperature cannot overflow to infinity.
    scaled = (logits - logits.max()) / sampling.temperature
    if sampling.top_k is not None:
        kept, ids = scaled.topk(min(sampling.top_k, scaled.numel()))
        probabilities = kept.softmax(0)
        return _draw(probabilities[: _nucleus(probabilities, sampling.top_p)], ids, generator)
    probabilities = scaled.softmax(0)
    if sampling.top_p < 1:
        return _draw(*_likeliest(probabilities, sampling.top_p), generator)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def _draw(probabilities: Tensor, ids: Tensor, generator: torch.Generator) -> int:
    """One of the first ids, by unnormalised probabilities in the same order."""
    return int(ids[torch.multinomial(probabilities, 1, generator=generator)])


def _nucleus(descending: Tensor, top_p: float) -> int:
    """How many of the probabilities reach `top_p`; at least one, all if they do not reach it."""
    if top_p >= 1:
        return descending.numel()
    # Those whose sum is below top_p, and the one that reaches it.
    below = int((descending.cumsum(0) < top_p).sum())
    return min(below + 1, descending.numel())


def _likeliest(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The nucleus of all tokens, and ids, without sorting them all when a few hold it."""
    look = min(_FIRST_LOOK, probabilities.numel())
    while True:
        kept, ids = probabilities.topk(look)
        size = _nucleus(kept, top_p)
        if size < look or look == probabilities.numel():
            return kept[:size], ids
        look = min(look * 16, probabilities.numel())
