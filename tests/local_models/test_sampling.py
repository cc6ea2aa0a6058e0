import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agentkit_local_models.sampling import Sampling, choose

LOGITS = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=60, unique=True).map(torch.tensor)
TEMPERATURES = st.floats(0.05, 5)


def draws(logits: torch.Tensor, sampling: Sampling, count: int = 40) -> list[int]:
    generator = sampling.generator()
    return [choose(logits, sampling, generator) for _ in range(count)]


def nucleus(logits: torch.Tensor, top_p: float) -> set[int]:
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


@given(LOGITS, TEMPERATURES, st.integers(1, 70))
def test_top_k_draws_among_the_k_likeliest(logits: torch.Tensor, temperature: float, k: int) -> None:
    allowed = set(logits.argsort(descending=True)[:k].tolist())
    assert set(draws(logits, Sampling(temperature=temperature, top_k=k, seed=1))) <= allowed


@given(LOGITS, TEMPERATURES, st.floats(0.01, 0.99))
def test_top_p_draws_in_the_nucleus(logits: torch.Tensor, temperature: float, top_p: float) -> None:
    found = draws(logits, Sampling(temperature=temperature, top_p=top_p, seed=1))
    assert set(found) <= nucleus(logits / temperature, top_p + 1e-4)


@given(LOGITS, TEMPERATURES, st.integers(1, 70), st.floats(0.01, 0.99))
def test_top_p_counts_among_what_top_k_left(
    logits: torch.Tensor, temperature: float, k: int, top_p: float
) -> None:
    kept = logits.argsort(descending=True)[:k]
    allowed = {int(kept[place]) for place in nucleus(logits[kept] / temperature, top_p + 1e-4)}
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


@pytest.mark.parametrize("rules", [{}, {"top_k": 4}, {"top_p": 0.999}])
def test_draws_follow_the_probabilities(rules: dict[str, float]) -> None:
    logits = torch.tensor([0.4, 0.1, 0.2, 0.3]).log()
    found = torch.tensor(draws(logits, Sampling(temperature=1, seed=5, **rules), 20_000))
    shares = torch.bincount(found) / len(found)
    torch.testing.assert_close(shares, logits.exp(), atol=0.015, rtol=0)


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
        ("top_p", 0),
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
