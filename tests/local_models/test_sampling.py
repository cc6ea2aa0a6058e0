import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import RepetitionPenaltyLogitsProcessor

from agentkit_local_models.sampling import Sampling, adjusted, choose, likeliest, nucleus

# of two that are all but equal the probabilities are the same, and either may be left out
LOGITS = st.lists(
    st.floats(-20, 20, width=32), min_size=1, max_size=60, unique_by=lambda logit: round(logit, 3)
).map(torch.tensor)
TEMPERATURES = st.floats(0.05, 5)


def draws(logits: torch.Tensor, sampling: Sampling, count: int = 40) -> list[int]:
    generator = sampling.generator()
    return [choose(logits, sampling, generator) for _ in range(count)]


def defined(logits: torch.Tensor, top_p: float) -> set[int]:
    """The fewest likeliest tokens that reach top_p, by the definition."""
    probabilities = logits.double().softmax(0)
    kept: set[int] = set()
    total = 0.0
    for token in probabilities.argsort(descending=True).tolist():
        kept.add(token)
        total += float(probabilities[token])
        if total >= top_p - 1e-6:
            break
    return kept


@given(LOGITS)
def test_temperature_zero_takes_the_likeliest(logits: torch.Tensor) -> None:
    assert draws(logits, Sampling(top_p=0.5, top_k=3), 2) == [int(logits.argmax())] * 2


@given(LOGITS, TEMPERATURES)
def test_top_p_zero_takes_the_likeliest_and_the_first_of_equal_ones(
    logits: torch.Tensor, temperature: float
) -> None:
    twice = torch.cat((logits, logits))
    assert draws(twice, Sampling(temperature=temperature, top_p=0), 2) == [int(logits.argmax())] * 2


@given(LOGITS, TEMPERATURES, st.integers(1, 70))
def test_top_k_draws_among_the_k_likeliest(logits: torch.Tensor, temperature: float, k: int) -> None:
    allowed = set(logits.argsort(descending=True)[:k].tolist())
    assert set(draws(logits, Sampling(temperature=temperature, top_k=k, seed=1))) <= allowed


@given(LOGITS, TEMPERATURES, st.floats(0.01, 0.99))
def test_top_p_draws_in_the_nucleus(logits: torch.Tensor, temperature: float, top_p: float) -> None:
    found = draws(logits, Sampling(temperature=temperature, top_p=top_p, seed=1))
    assert set(found) <= defined(logits / temperature, top_p + 1e-4)


@given(LOGITS, TEMPERATURES, st.integers(1, 70), st.floats(0.01, 0.99))
def test_top_p_counts_among_what_top_k_left(
    logits: torch.Tensor, temperature: float, k: int, top_p: float
) -> None:
    kept = logits.argsort(descending=True)[:k]
    allowed = {int(kept[place]) for place in defined(logits[kept] / temperature, top_p + 1e-4)}
    assert set(draws(logits, Sampling(temperature=temperature, top_k=k, top_p=top_p, seed=1))) <= allowed


def test_top_p_sees_the_probabilities_after_temperature_and_top_k() -> None:
    # Of 4 : 3 : 3, the first two are 0.7; of the two that top-k leaves, the first alone is 4 / 7.
    logits = torch.tensor([4.0, 3.0, 2.999]).log()
    assert set(draws(logits, Sampling(temperature=1, top_k=2, top_p=0.5, seed=0), 200)) == {0}
    assert set(draws(logits, Sampling(temperature=1, top_p=0.5, seed=0), 200)) == {0, 1}
    # Cold enough, the first is more than half of all three.
    assert set(draws(logits, Sampling(temperature=0.2, top_p=0.5, seed=0), 200)) == {0}


def test_the_nucleus_is_found_where_it_is_wide() -> None:
    logits = torch.zeros(5_000)
    logits[:4_000] = 5
    found = draws(logits, Sampling(temperature=1, top_p=0.9, seed=0), 500)
    assert max(found) < 4_000
    assert len(set(found)) > 300


@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0, 3.0])
@pytest.mark.parametrize("top_p", [0.3, 0.9, 0.999])
def test_a_wide_nucleus_has_the_likeliest_tokens_and_none_too_many(spread: float, top_p: float) -> None:
    logits = spread * torch.randn(3_000, generator=torch.Generator().manual_seed(1))
    probabilities = logits.softmax(0)
    kept, ids = nucleus(probabilities, top_p)
    assert len(set(ids.tolist())) == len(ids)
    assert kept.tolist() == probabilities[ids].tolist()
    descending = probabilities.double().sort(descending=True).values
    below = int((descending.cumsum(0) < top_p).sum())
    assert abs(len(ids) - (below + 1)) <= 1  # a rounding of the sum
    assert sorted(kept.tolist(), reverse=True) == descending[: len(ids)].float().tolist()


class Sorted(TorchDispatchMode):
    """Sees how many numbers are put in order at most."""

    most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in (torch.ops.aten.sort, torch.ops.aten.argsort, torch.ops.aten.msort):
            self.most = max(self.most, args[0].numel())
        if func.overloadpacket is torch.ops.aten.topk:
            self.most = max(self.most, args[1])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("spread", [0.0, 0.1, 10.0])
@pytest.mark.parametrize(
    "rules",
    [
        {"top_p": 0.95},
        {"top_k": 20_000},
        {"top_k": 50, "top_p": 0.9},
        {"top_k": 5_000},
        {"top_k": 19_999, "top_p": 0.9},
        {"min_p": 0.1},
        {},
    ],
    ids=str,
)
def test_the_vocabulary_is_never_sorted(spread: float, rules: dict[str, Any]) -> None:
    logits = spread * torch.randn(20_000, generator=torch.Generator().manual_seed(1))
    sampling = Sampling(temperature=1, seed=0, **rules)
    with Sorted() as seen:
        choose(logits, sampling, sampling.generator())
    assert seen.most <= 256


@pytest.mark.parametrize(
    ("rules", "weights"),
    [
        ({}, [4, 1, 2, 3]),
        ({"top_k": 3}, [4, 0, 2, 3]),
        ({"top_p": 0.65}, [4, 0, 0, 3]),
        ({"temperature": 0.5}, [16, 1, 4, 9]),
        # of 16 : 9 : 4 the first two are less than nine tenths, of 4 : 3 : 2 only all three reach it
        ({"temperature": 0.5, "top_k": 3, "top_p": 0.85}, [16, 0, 0, 9]),
        ({"temperature": 2.0, "top_k": 2}, [2, 0, 0, 3**0.5]),
    ],
    ids=str,
)
def test_draws_follow_the_probabilities(rules: dict[str, float], weights: list[float]) -> None:
    logits = torch.tensor([0.4, 0.1, 0.2, 0.3]).log()
    found = torch.tensor(draws(logits, Sampling(**{"temperature": 1, "seed": 5, **rules}), 20_000))
    shares = torch.bincount(found, minlength=4) / len(found)
    torch.testing.assert_close(shares, torch.tensor(weights) / sum(weights), atol=0.015, rtol=0)


@pytest.mark.parametrize("top_k", [300, 1_999])
def test_many_of_the_likeliest_are_as_many_and_as_likely(top_k: int) -> None:
    logits = torch.arange(2_000.0).remainder(500).log()  # each number four times, and four that cannot be
    found = torch.tensor(draws(logits, Sampling(temperature=1, top_k=top_k, seed=5), 20_000))
    kept = logits.topk(top_k).values
    assert logits[found].min() >= kept.min()
    assert len(found.unique()) <= top_k
    mean = float((kept.exp() * kept.softmax(0)).sum())
    assert abs(float(logits[found].exp().mean()) / mean - 1) < 0.01


@given(LOGITS, st.integers(0, 2**63 - 1))
def test_the_same_seed_draws_the_same(logits: torch.Tensor, seed: int) -> None:
    sampling = Sampling(temperature=1, top_p=0.9, seed=seed)
    assert draws(logits, sampling) == draws(logits, sampling)


def test_no_seed_draws_another_answer_each_time() -> None:
    sampling = Sampling(temperature=1)
    assert draws(torch.zeros(100), sampling) != draws(torch.zeros(100), sampling)


@given(LOGITS, st.integers(0, 59), st.sampled_from([{}, {"top_k": 5}, {"top_p": 0.9}]))
def test_forbidden_tokens_are_never_drawn(logits: torch.Tensor, place: int, rules: dict[str, float]) -> None:
    allowed = place % len(logits)
    masked = torch.full_like(logits, -torch.inf)
    masked[allowed] = logits[allowed]
    assert set(draws(masked, Sampling(temperature=2, seed=1, **rules), 10)) == {allowed}


def test_a_tiny_temperature_is_greedy_and_finite() -> None:
    assert set(draws(torch.tensor([30.0, -30.0, 29.0]), Sampling(temperature=1e-30, seed=0))) == {0}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_k", 0),
        ("top_p", -0.1),
        ("top_p", 1.5),
        ("top_p", float("nan")),
        ("seed", -1),
        ("seed", 2**63),
        ("max_tokens", 0),
        ("stop", ("a", "")),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field.removeprefix("max_")):
        Sampling(**{field: value})


@given(LOGITS, TEMPERATURES, st.floats(0.001, 1))
def test_min_p_draws_among_those_likely_enough_beside_the_likeliest(
    logits: torch.Tensor, temperature: float, min_p: float
) -> None:
    shares = ((logits - logits.max()) / temperature).double().exp()
    allowed = set((shares >= min_p * (1 - 1e-5)).nonzero().flatten().tolist())
    for rules in ({}, {"top_k": 5}, {"top_p": 0.9}):
        found = draws(logits, Sampling(temperature=temperature, min_p=min_p, seed=1, **rules))
        assert set(found) <= allowed


def test_min_p_leaves_the_shares_of_what_it_keeps() -> None:
    logits = torch.tensor([0.5, 0.25, 0.2, 0.05]).log()
    found = torch.tensor(draws(logits, Sampling(temperature=1, min_p=0.3, seed=5), 20_000))
    shares = torch.bincount(found, minlength=4) / len(found)
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.25, 0.2, 0.0]) / 0.95, atol=0.015, rtol=0)


IDS = st.lists(st.integers(0, 11), max_size=8)
TWELVE = st.lists(st.floats(-20, 20, width=32), min_size=12, max_size=12).map(torch.tensor)


@given(TWELVE, IDS, IDS, st.floats(0.2, 4))
def test_the_repetition_penalty_is_that_of_transformers(
    logits: torch.Tensor, prompt: list[int], answer: list[int], penalty: float
) -> None:
    theirs = RepetitionPenaltyLogitsProcessor(penalty)
    ids = torch.tensor([[*prompt, *answer]], dtype=torch.long)
    expected = theirs(ids, logits.unsqueeze(0).clone())[0] if ids.numel() else logits
    found = adjusted(logits, Sampling(repetition_penalty=penalty), prompt, answer)
    torch.testing.assert_close(found, expected)


@given(TWELVE, IDS, IDS)
def test_presence_and_frequency_count_the_answer_only(
    logits: torch.Tensor, prompt: list[int], answer: list[int]
) -> None:
    rules = Sampling(presence_penalty=0.5, frequency_penalty=0.25)
    found = adjusted(logits, rules, prompt, answer)
    for token in range(12):
        count = answer.count(token)
        expected = float(logits[token]) - 0.25 * count - (0.5 if count else 0)
        assert float(found[token]) == pytest.approx(expected, abs=1e-5)


def test_a_bias_makes_a_token_certain_or_impossible() -> None:
    logits = torch.zeros(4)
    certain = Sampling(temperature=1, logit_bias={2: 100.0}, seed=0)
    assert set(draws(adjusted(logits, certain, [], []), certain)) == {2}
    never = Sampling(temperature=1, logit_bias={2: -math.inf}, seed=0)
    assert 2 not in draws(adjusted(logits, never, [], []), never, 200)
    with pytest.raises(ValueError, match="names the token 9; ids end at 3"):
        adjusted(logits, Sampling(logit_bias={9: 1.0}), [], [])


def test_without_a_bias_or_penalty_logits_are_not_copied() -> None:
    logits = torch.zeros(4)
    assert adjusted(logits, Sampling(temperature=1, top_k=2), [1], [2]) is logits


@given(LOGITS, st.integers(0, 70))
def test_the_likeliest_are_told_with_their_log_probabilities(logits: torch.Tensor, count: int) -> None:
    exact = logits.double().log_softmax(0)
    told = likeliest(logits, 0, count)
    assert told.logprob == pytest.approx(float(exact[0]), abs=1e-4)
    assert len({token for token, _ in told.top}) == min(count, len(logits))
    assert [logprob for _, logprob in told.top] == pytest.approx(
        exact.sort(descending=True).values[:count].tolist(), abs=1e-4
    )
    for token, logprob in told.top:
        assert logprob == pytest.approx(float(exact[token]), abs=1e-4)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"min_p": 1.5}, "min_p is 1.5"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is 0.0"),
        ({"presence_penalty": math.inf}, "presence_penalty is inf"),
        ({"frequency_penalty": math.nan}, "frequency_penalty is nan"),
        ({"logit_bias": {-1: 1.0}}, "logit_bias is"),
        ({"logprobs": -1}, "logprobs is -1"),
    ],
)
def test_values_out_of_range_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**rules)
