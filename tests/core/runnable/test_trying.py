"""What fails is tried again, or done otherwise, until something was given on."""

import random
from collections.abc import AsyncIterator

import pytest

from agentkit.core.errors import BadRequest, ProviderDown, RateLimited, UsageError
from agentkit.core.runnable import Lambda, Runnable
from agentkit.core.runnable.pieces import joined

from .steps import given, upper


class Flaky:
    """Fails with each of `faults` before it works, after yielding `before` of its text."""

    def __init__(self, *faults: Exception, before: int = 0) -> None:
        self.faults = list(faults)
        self.before = before
        self.calls = 0

    async def __call__(self, text: str) -> AsyncIterator[str]:
        self.calls += 1
        for place, letter in enumerate(text):
            if self.faults and place == self.before:
                raise self.faults.pop(0)
            yield letter


class Sleep:
    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def test_a_fault_that_can_pass_is_tried_again_ever_later() -> None:
    sleep = Sleep()
    flaky = Flaky(*[ProviderDown("down")] * 3)
    step = Lambda(flaky).with_retry(5, first_wait=2, longest_wait=5, sleep=sleep, rng=random.Random(1))
    assert step.invoke("abc") == "abc"
    assert flaky.calls == 4
    assert [low <= wait <= 2 * low for low, wait in zip((1, 2, 2.5), sleep.waits, strict=True)] == [True] * 3


def test_the_last_error_is_raised_and_names_the_others() -> None:
    step = Lambda(Flaky(ProviderDown("one"), ProviderDown("two"))).with_retry(2, sleep=Sleep())
    with pytest.raises(ProviderDown, match="two") as caught:
        step.invoke("abc")
    assert caught.value.__notes__ == ["before: ProviderDown: one"]


@pytest.mark.parametrize("fault", [ValueError("ours"), BadRequest("no")])
def test_a_fault_that_would_come_again_is_not_retried(fault: Exception) -> None:
    flaky = Flaky(fault)
    with pytest.raises(type(fault)):
        Lambda(flaky).with_retry(sleep=Sleep()).invoke("abc")
    assert flaky.calls == 1


def test_which_exceptions_are_retried_can_be_said() -> None:
    step = Lambda(Flaky(ValueError("odd"))).with_retry(on=(ValueError,), sleep=Sleep())
    assert step.invoke("abc") == "abc"


def test_a_server_that_says_when_is_believed_unless_it_is_too_long() -> None:
    limited = RateLimited("wait")
    limited.retry_after = 7.0
    sleep = Sleep()
    assert Lambda(Flaky(limited)).with_retry(sleep=sleep).invoke("a") == "a"
    assert sleep.waits == [7.0]
    with pytest.raises(RateLimited):
        Lambda(Flaky(limited)).with_retry(sleep=sleep, longest_wait=5).invoke("a")


def both(flaky: Flaky) -> list[Runnable[str, str]]:
    return [Lambda(flaky).with_retry(sleep=Sleep()), Lambda(flaky).with_fallbacks(upper)]


@pytest.mark.parametrize("way", [0, 1])
def test_a_stream_is_not_begun_anew_once_a_piece_was_given_on(way: int) -> None:
    flaky = Flaky(ProviderDown("down"), before=1)
    stream = both(flaky)[way].stream("abc")
    assert next(stream) == "a"
    with pytest.raises(ProviderDown):
        next(stream)
    assert flaky.calls == 1


@pytest.mark.parametrize(("way", "answer"), [(0, "abc"), (1, "ABC")])
def test_a_whole_answer_is_begun_anew_whenever_it_breaks_off(way: int, answer: str) -> None:
    assert both(Flaky(ProviderDown("down"), before=1))[way].invoke("abc") == answer


@pytest.mark.parametrize(("way", "answer"), [(0, "abc"), (1, "ABC")])
def test_a_stream_that_broke_before_its_first_piece_is_begun_anew(way: int, answer: str) -> None:
    assert joined(list(both(Flaky(ProviderDown("down")))[way].stream("abc"))) == answer


@pytest.mark.parametrize("way", [0, 1])
async def test_a_fault_of_the_step_before_is_not_ours_to_mend(way: int) -> None:
    flaky = Flaky()

    async def breaks() -> AsyncIterator[str]:
        yield "a"
        raise ProviderDown("before us")

    with pytest.raises(ProviderDown, match="before us"):
        [piece async for piece in both(flaky)[way].transform(breaks())]
    assert flaky.calls == 0


async def test_the_input_is_given_again_in_its_pieces() -> None:
    step = Lambda(Flaky(ProviderDown("down"))).with_retry(sleep=Sleep())
    assert [piece async for piece in step.transform(given("ab", "c"))] == ["a", "b", "c"]


def test_a_fallback_stands_in_only_for_what_it_was_given_for() -> None:
    assert Lambda(Flaky(ValueError("x"))).with_fallbacks(upper, on=(ValueError,)).invoke("a") == "A"
    with pytest.raises(ValueError, match="x"):
        Lambda(Flaky(ValueError("x"))).with_fallbacks(upper).invoke("a")


def test_no_attempts_are_refused() -> None:
    with pytest.raises(UsageError, match="attempts = 0"):
        upper.with_retry(0)
