"""Tokens drawn on the device: greedy ones are the same as `sampling`'s, others have the same distribution."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit_local_models.draws import Draw
from agentkit_local_models.gpu.draw import draw
from agentkit_local_models.sampling import Sampling, choose

pytestmark = [pytest.mark.triton, pytest.mark.timeout(1800)]


def drawn(logits: torch.Tensor, draws: list[Draw], vocabulary: int | None = None) -> list[int]:
    tokens = torch.full((len(draws) + 1,), -7)
    draw(logits, draws, vocabulary or logits.shape[1], tokens)
    assert tokens[-1] == -7
    return tokens[:-1].tolist()


def words(*allowed: int, vocabulary: int) -> torch.Tensor:
    bits = [
        sum(1 << (one % 32) for one in allowed if one // 32 == word) for word in range(-(-vocabulary // 32))
    ]
    return torch.tensor([bit - (1 << 32) if bit >= 1 << 31 else bit for bit in bits], dtype=torch.int32)


def test_greedy_tokens_are_those_of_sampling_and_padding_is_never_chosen() -> None:
    logits = torch.randn(5, 1_100, generator=torch.Generator().manual_seed(1))
    logits[:, 1_050:] = 99
    logits[3, 700] = logits[3, 20] = 50  # the first of equals
    expected = [choose(row[:1_050], Sampling(), torch.Generator()) for row in logits]
    for greedy in (Sampling(), Sampling(temperature=1.5, top_p=0)):
        assert drawn(logits, [Draw(greedy, 0, 0)] * 5, 1_050) == expected
    assert expected[3] == 20


def test_a_mask_leaves_only_what_is_allowed_and_each_row_has_its_own() -> None:
    logits = torch.randn(3, 70, generator=torch.Generator().manual_seed(2))
    draws = [
        Draw(Sampling(), 0, 0, words(31, 69, vocabulary=70)),
        Draw(Sampling(), 0, 0),
        Draw(Sampling(temperature=2.0), 5, 1, words(3, vocabulary=70)),
    ]
    found = drawn(logits, draws)
    assert found == [31 if logits[0, 31] > logits[0, 69] else 69, int(logits[1].argmax()), 3]


def philox(seed: int, number: int, tokens: int) -> np.ndarray:
    """The first words of Philox 4x32-10 (Salmon et al. 2011) of the counters (token, number, 0, 0)."""
    words = [np.arange(tokens, dtype=np.uint64), np.full(tokens, number, np.uint64)] + [
        np.zeros(tokens, np.uint64)
    ] * 2
    keys, low = [seed & 0xFFFFFFFF, seed >> 32], np.uint64(0xFFFFFFFF)
    for _ in range(10):
        first, second = words[0] * np.uint64(0xD2511F53), words[2] * np.uint64(0xCD9E8D57)
        high = np.uint64(32)
        words = [
            (second >> high) ^ words[1] ^ np.uint64(keys[0]), second & low,
            (first >> high) ^ words[3] ^ np.uint64(keys[1]), first & low,
        ]  # fmt: skip
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return words[0].astype(np.uint32)


def by_noise(row: torch.Tensor, sampling: Sampling, seed: int, number: int) -> int:
    """The draw in plain steps: what `sampling` leaves, and the Gumbel noise of each token."""
    word = philox(seed, number, len(row)).view(np.int32).astype(np.int64)
    uniform = np.where(word < 0, -word - 1, word) / 2.0**31 + 2.3e-10
    noise = torch.from_numpy(-np.log(-np.log1p(-uniform)))
    kept, ids = nucleus(row, sampling)
    return int(ids[(kept.double().log() + noise[ids]).argmax()])


def nucleus(row: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities that top-k, top-p and min-p leave, and their tokens."""
    order = row.argsort(descending=True)[: sampling.top_k]
    shares = (row[order].double() / sampling.temperature).softmax(0)
    before = shares.cumsum(0) - shares
    kept = (before < sampling.top_p) & (shares >= sampling.min_p * shares[0])
    return shares[kept] / shares[kept].sum(), order[kept]


RULES = [
    Sampling(temperature=1.0),
    Sampling(temperature=0.7, top_k=4),
    Sampling(temperature=1.3, top_p=0.6),
    Sampling(temperature=1.0, top_k=6, top_p=0.7),
    Sampling(temperature=1.0, min_p=0.3),
    Sampling(temperature=0.5, top_k=9, top_p=0.95, min_p=0.05),
]


def test_draws_are_what_sampling_leaves_with_the_noise_of_their_seed_and_number() -> None:
    row = torch.randn(40, generator=torch.Generator().manual_seed(3)) * 1.5
    draws = [Draw(rule, 11 + (place << 33), 7 * place) for place, rule in enumerate(RULES * 3)]
    expected = [by_noise(row, one.sampling, one.seed, one.number) for one in draws]
    assert drawn(row.expand(len(draws), 40).contiguous(), draws) == expected
    assert len(set(expected)) > 5


@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
def test_noise_gives_tokens_as_often_as_sampling_gives_them(rule: Sampling) -> None:
    """Pearson's chi-square; seeds are fixed, so this passes always or never."""
    row = torch.randn(8, generator=torch.Generator().manual_seed(5)) * 1.5
    many = 2_000
    found = torch.tensor([by_noise(row, rule, 11, number) for number in range(many)]).bincount(minlength=8)
    generator = torch.Generator().manual_seed(4)
    wanted = torch.tensor([choose(row, rule, generator) for _ in range(many)]).bincount(minlength=8)
    assert ((found == 0) == (wanted == 0)).all()
    there = wanted > 0
    square = ((found - wanted)[there] ** 2 / (found + wanted)[there]).sum()
    degrees = int(there.sum()) - 1
    assert square < degrees + 4 * math.sqrt(2 * degrees) + 4


@settings(max_examples=5, deadline=None)
@given(
    st.integers(1, 60), st.integers(0, 1_000), st.floats(0.05, 1.0), st.floats(0.1, 3.0), st.integers(1, 200)
)
def test_what_is_drawn_is_among_what_top_k_and_top_p_leave(
    top_k: int, seed: int, top_p: float, temperature: float, size: int
) -> None:
    row = torch.randn(size, generator=torch.Generator().manual_seed(seed)) * 3
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    kept = set(nucleus(row, dataclasses.replace(sampling, top_p=min(1, top_p + 1e-6)))[1].tolist())
    found = drawn(row.expand(2, size).contiguous(), [Draw(sampling, seed, n) for n in range(2)])
    assert set(found) <= kept


def test_a_draw_depends_on_its_seed_and_number_and_on_nothing_beside_it() -> None:
    row = torch.zeros(1, 100)
    draws = [Draw(Sampling(temperature=1.0), seed, number) for seed in (3, 1 << 40) for number in (0, 1)]
    together = drawn(row.expand(4, 100).contiguous(), draws)
    assert together == [drawn(row, [one])[0] for one in draws]
    assert len(set(together)) == 4


def test_broken_logits_and_a_mask_of_nothing_give_no_token() -> None:
    logits = torch.zeros(4, 40)
    logits[0, 5] = math.nan
    logits[1, 5] = math.inf
    draws = [Draw(Sampling(temperature=one), 0, 0) for one in (0.0, 1.0, 1.0)]
    nothing = Draw(Sampling(), 0, 0, words(vocabulary=40))
    assert drawn(logits, [draws[0], draws[1], nothing, draws[2]])[:3] == [-1, -1, -1]
