"""Beam search beside all answers there are."""

import itertools
from collections.abc import Iterator

import pytest
import torch

from agentkit_local_models.beam import Beam, BeamSearch
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagedCache, PagePool

from .oracle import random_weights
from .tiny import tiny_arch

ARCH = tiny_arch(context=64, vocabulary_size=6)
MODEL = Model(ARCH, random_weights(ARCH, seed=4).items(), torch.float64)
PROMPT = [0, 3, 1, 4, 2] * 4
STOPS = {5}


def search(width: int, most: int, penalty: float = 1.0, pool: PagePool | None = None) -> list[Beam]:
    pool = pool or PagePool(ARCH, torch.float64, 200)
    found = BeamSearch(
        MODEL, PROMPT, PagedCache(pool, ARCH.context), width=width, most=most, stop_ids=STOPS,
        vocabulary_size=6, length_penalty=penalty,
    )  # fmt: skip
    while not found.done:
        assert found.pages_needed <= pool.available
        found.step()
    best = found.best()
    found.release()
    assert pool.available == pool.most
    return best


def logprob_of(answer: tuple[int, ...]) -> float:
    cache = MODEL.new_cache()
    rows = MODEL.logits([*PROMPT, *answer], cache, every=True).double().log_softmax(-1)
    return sum(float(rows[len(PROMPT) - 1 + place, token]) for place, token in enumerate(answer))


def every_answer(most: int) -> Iterator[Beam]:
    for length in range(most + 1):
        for ids in itertools.product(range(5), repeat=length):
            if length < most:
                yield Beam(ids, logprob_of((*ids, 5)), stopped=True)
            else:
                yield Beam(ids, logprob_of(ids), stopped=False)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
def test_beams_that_hold_everything_find_the_best_there_is(penalty: float) -> None:
    expected = sorted(every_answer(3), key=lambda beam: -beam.score(penalty))
    found = search(width=125, most=3, penalty=penalty)
    assert [beam.ids for beam in found[:9]] == [beam.ids for beam in expected[:9]]
    for one, other in zip(found[:9], expected[:9], strict=True):
        assert one.stopped == other.stopped
        assert one.logprob == pytest.approx(other.logprob, abs=1e-6)


def test_one_beam_goes_the_greedy_way() -> None:
    (found,) = search(width=1, most=6, penalty=0.0)
    tokens, cache = list(PROMPT), MODEL.new_cache()
    greedy: list[int] = []
    while len(greedy) < 6:
        greedy.append(int(MODEL.logits(tokens, cache)[:5].argmax()))
        tokens = greedy[-1:]
    assert found.ids == tuple(greedy[: len(found.ids)])


def test_more_beams_find_nothing_less_likely() -> None:
    scores = [search(width, most=8)[0].score(1.0) for width in (1, 4, 32)]
    assert scores == sorted(scores)


def test_beams_share_the_pages_of_their_prompt() -> None:
    # one whole page of the prompt; each beam's own, and the one it is copied from on the way
    pool = PagePool(ARCH, torch.float64, 1 + 2 * 4 + 1)
    assert len(search(width=4, most=8, pool=pool)) == 4
