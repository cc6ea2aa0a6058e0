"""How the next token is chosen from logits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

# How many of the likeliest tokens top-p looks at first; almost always the nucleus is among them.
_FIRST_LOOK = 256
MOST_PENALTY = 1e9
"""Of a token that was written: more can leave float32, and decides no more than this does."""


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """How likely the model found a token before sampling's rules.

    Attributes:
        token: its id.
        logprob: the natural logarithm of its probability; NaN where a grammar left no choice, and the model
            was not asked.
        top: the likeliest tokens with theirs, best first.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn and when it ends.

    The order is fixed: biases and penalties, temperature, top-k, top-p among what top-k left, min-p.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token always.
        top_k: keep the k likeliest tokens; None keeps all.
        top_p: keep the fewest likeliest tokens whose probabilities reach this; 1 keeps all, and 0 is the
            likeliest token always.
        min_p: keep tokens at least this share as likely as the likeliest; 0 keeps all (Nguyen et al. 2024).
        repetition_penalty: the logit of a token of the prompt or answer is divided by it where positive, else
            multiplied; 1 does nothing (CTRL, Keskar et al. 2019).
        presence_penalty: subtracted from the logit of a token of the answer (OpenAI's API).
        frequency_penalty: the same for each time that it stands there.
        logit_bias: added to the logits of tokens, by id.
        logprobs: how many of the likeliest tokens are told with their log-probabilities beside each that is
            chosen, as the model has them before all of the above; None tells none.
        seed: of the random numbers; None draws another answer each time.
        max_tokens: the most tokens made; None goes on to the end of the context.
        stop: texts that end the answer; they are not part of it.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict[int, float])
    logprobs: int | None = None
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
        if not 0 <= self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; 0 to 1 works")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p is {self.min_p}; 0 to 1 works")
        if not (math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0):
            raise ValueError(f"repetition_penalty is {self.repetition_penalty}; a positive number works")
        for name, value in (("presence", self.presence_penalty), ("frequency", self.frequency_penalty)):
            if not abs(value) <= MOST_PENALTY:
                raise ValueError(
                    f"{name}_penalty is {value}; a number from -{MOST_PENALTY:g} to {MOST_PENALTY:g} works"
                )
        if not all(token >= 0 and not math.isnan(bias) for token, bias in self.logit_bias.items()):
            raise ValueError(f"logit_bias is {dict(self.logit_bias)}; numbers by ids from 0 on work")
        if self.logprobs is not None and self.logprobs < 0:
            raise ValueError(f"logprobs is {self.logprobs}; 0 or more works, None tells none")
        if self.seed is not None and not 0 <= self.seed < 1 << 63:
            raise ValueError(f"seed is {self.seed}; 0 to 2**63 - 1 works, None draws afresh")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; 1 or more works, None is no limit")
        if not all(self.stop):
            raise ValueError("stop has an empty text, which would end every answer at once; longer ones work")

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken always, the first of equal ones."""
        return self.temperature == 0 or self.top_p == 0

    @property
    def is_plain(self) -> bool:
        """Whether logits are taken as the model gives them: no bias and no penalty."""
        penalties = (self.repetition_penalty, self.presence_penalty, self.frequency_penalty)
        return not self.logit_bias and penalties == (1.0, 0.0, 0.0)

    def generator(self) -> torch.Generator:
        """A source of random numbers for one answer."""
        generator = torch.Generator()
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        return generator


def adjusted(logits: Tensor, sampling: Sampling, prompt: Sequence[int], answer: Sequence[int]) -> Tensor:
    """The logits with biases and penalties; the same tensor where there are none.

    Args:
        logits: float32 [vocabulary].
        sampling: the rules.
        prompt: the ids that the answer follows.
        answer: the ids made so far.

    Raises:
        ValueError: a bias for an id that the vocabulary does not have.
    """
    if sampling.is_plain:
        return logits
    logits = logits.clone()
    if sampling.repetition_penalty != 1:
        seen = torch.tensor(sorted({*prompt, *answer}), dtype=torch.long)
        seen = seen[seen < len(logits)]
        there = logits[seen]
        penalty = sampling.repetition_penalty
        logits[seen] = torch.where(there > 0, there / penalty, there * penalty)
    counts = torch.bincount(torch.tensor(answer, dtype=torch.long), minlength=len(logits))[: len(logits)]
    logits -= sampling.frequency_penalty * counts + sampling.presence_penalty * (counts > 0)
    for token, bias in sampling.logit_bias.items():
        if token >= len(logits):
            raise ValueError(f"logit_bias names the token {token}; ids end at {len(logits) - 1}")
        logits[token] += bias
    return logits


def likeliest(logits: Tensor, token: int, count: int) -> TokenLogprobs:
    """A token's log-probability, and the `count` likeliest with theirs."""
    logprobs = logits.log_softmax(0)
    best = logprobs.topk(min(count, len(logprobs)))
    top = tuple((int(one), float(logprobs[one])) for one in best.indices)
    return TokenLogprobs(token, float(logprobs[token]), top)


def choose(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """The next token.

    Args:
        logits: float32 [vocabulary]; -inf for tokens that are not allowed.
        sampling: the rules; seed, max_tokens and stop play no part here.
        generator: advanced by each draw; untouched where the likeliest is taken always.
    """
    if sampling.is_greedy:
        return largest(logits)
    # Shifted first, so that a tiny temperature cannot overflow to infinity.
    scaled = (logits - logits.max()) / sampling.temperature
    probabilities, ids = _nucleus_of(scaled, sampling)
    if sampling.min_p > 0:
        # The likeliest has 0 here, and keeps it, whatever top-k and top-p left out.
        probabilities = probabilities.masked_fill(scaled[ids] < math.log(sampling.min_p), 0)
    return int(ids[torch.multinomial(probabilities, 1, generator=generator)])


def largest(logits: Tensor) -> int:
    """Where the largest number of a vector on the CPU stands, the first of equal ones.

    By one thread, and twenty times as fast as torch does it: that wakes its threads for so few numbers, and
    beside a compiler waits for one that lost its core.
    """
    return int(logits.numpy().argmax())


def only(logits: Tensor, allowed: Tensor) -> Tensor:
    """The logits, with -inf for every token that is not allowed; by one thread, like `largest`.

    Args:
        logits: float32 [vocabulary], on the CPU.
        allowed: bool [vocabulary].
    """
    return torch.as_tensor(np.where(allowed.numpy(), logits.numpy(), np.float32(-math.inf)))


def _nucleus_of(scaled: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """What top-k and top-p leave: probabilities and ids."""
    if sampling.top_k is not None and sampling.top_k < scaled.numel():
        ids = _likeliest(scaled, sampling.top_k)
        probabilities, places = nucleus(scaled[ids].softmax(0), sampling.top_p)
        return probabilities, ids[places]
    return nucleus(scaled.softmax(0), sampling.top_p)


def _likeliest(scaled: Tensor, count: int) -> Tensor:
    """So many of the likeliest tokens, in any order; many are not sorted for it."""
    if count <= _FIRST_LOOK:
        return scaled.topk(count).indices
    least = scaled.kthvalue(scaled.numel() - count + 1).values
    above, last = (scaled > least).nonzero().flatten(), (scaled == least).nonzero().flatten()
    return torch.cat((above, last[: count - len(above)]))


def nucleus(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The fewest likeliest tokens whose probabilities reach `top_p`; nothing sorts the vocabulary for it.

    Args:
        probabilities: float32 [vocabulary].
        top_p: more than 0; 1 keeps all.

    Returns:
        Their probabilities and ids, in any order.
    """
    if top_p >= 1:
        return probabilities, torch.arange(len(probabilities))
    kept, ids = probabilities.topk(min(_FIRST_LOOK, probabilities.numel()))
    size = _reaching(kept, top_p)
    if size < len(kept) or len(kept) == len(probabilities):
        return kept[:size], ids[:size]
    return _wide_nucleus(probabilities, top_p)


def _reaching(descending: Tensor, top_p: float) -> int:
    """How many of the probabilities reach `top_p`; at least one, all if they do not reach it."""
    # Those whose sum is below top_p, and the one that reaches it.
    below = int((descending.cumsum(0) < top_p).sum())
    return min(below + 1, descending.numel())


def _wide_nucleus(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The same where many tokens hold it: the least likely of them is found by two digits of its bits.

    Numbers that are not negative are in the order of their bits. So what the tokens with each upper half of
    bits hold together says which upper half the least likely one has, and then which lower half.
    """
    bits = probabilities.view(torch.int32)
    exact = probabilities.double()
    upper, above = _digit(bits >> 16, exact, top_p)
    there = bits >> 16 == upper
    lower, between = _digit(bits[there] & 0xFFFF, exact[there], top_p - above)
    least = upper << 16 | lower
    last = (bits == least).nonzero().flatten()
    missing = (top_p - above - between) / float(probabilities[last[0]])
    ids = torch.cat(((bits > least).nonzero().flatten(), last[: max(math.ceil(missing), 1)]))
    return probabilities[ids], ids


def _digit(digits: Tensor, shares: Tensor, wanted: float) -> tuple[int, float]:
    """The largest digit that, with those above it, holds what is wanted; and what those above it hold."""
    held = torch.bincount(digits, weights=shares)
    sums = held.flip(0).cumsum(0)
    place = int((sums < wanted).sum())
    if place == len(sums):  # a sum that rounding left below 1: everything is wanted
        place = int((sums < sums[-1]).sum())
    digit = len(held) - 1 - place
    return digit, float(sums[place] - held[digit])
