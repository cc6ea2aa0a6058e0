"""Schedules at random: every request gets what it would get alone."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from agentkit_local_models.answer import Finish, Piece
from agentkit_local_models.arch import PrefixLM
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.invariant import OneByOne
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagePool, PoolFull
from agentkit_local_models.request import Prefill, Request
from agentkit_local_models.scheduler import Runs, Scheduler

from .oracle import random_weights
from .tiny import tiny_arch

ARCH = tiny_arch(context=96)
EXACT = Model(ARCH, random_weights(ARCH).items(), torch.float64)
ROUNDED = Model(ARCH, random_weights(ARCH).items(), torch.float64, cache="int8")
SINGLE = Model(ARCH, random_weights(ARCH).items(), torch.float32)


@dataclass(eq=False)
class Drawn:
    """So many tokens drawn from the model's distribution, and the logits they were drawn from."""

    known: list[int]
    most: int
    seed: int
    rows: int = 1
    guesses: Sequence[int] = ()
    coming: Sequence[int] = ()
    dice: random.Random | None = None
    tried: int = 0
    right: int = 0
    finish: Finish | None = None
    logits: list[Tensor] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prompt_tokens = len(self.known)
        self._generator = torch.Generator().manual_seed(self.seed)

    @property
    def answer(self) -> list[int]:
        return self.known[self.prompt_tokens :]

    def take(self, logits: Tensor) -> list[Piece]:
        tried = self.guesses[: len(logits) - 1]
        assert logits.shape == (1 + len(tried), ARCH.vocabulary_size)
        right, made = 0, []
        while True:
            self.logits.append(logits[right])
            token = int(torch.multinomial(logits[right].softmax(0), 1, generator=self._generator))
            self.known.append(token)
            made.append(Piece("", (token,)))
            if len(self.answer) == self.most:
                self.tried += len(tried)
                self.right += right
                return self.end("length")
            if right == len(tried) or token != tried[right]:
                break
            right += 1
        self.tried += len(tried)
        self.right += right
        self.guesses = self._guess()
        return made

    def _guess(self) -> list[int]:
        """What comes next, as somebody knows it who is wrong now and then."""
        if self.dice is None:
            return []
        coming = self.coming[len(self.answer) :][: self.dice.randint(0, 6)]
        return [token if self.dice.random() < 0.8 else self.dice.randrange(97) for token in coming]

    def end(self, finish: Finish) -> list[Piece]:
        self.finish = finish
        return []


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def scheduler_of(model: Runs, pages: int = 100, **more) -> tuple[Scheduler, PagePool]:
    dtype, form = (model.dtype, model.cache) if isinstance(model, Model) else (torch.float32, "float")
    pool = PagePool(model.arch, dtype, pages, form=form)
    return Scheduler(model, pool, **more), pool


def run(scheduler: Scheduler, *requests: Request) -> None:
    for request in requests:
        scheduler.add(request)
    for _ in range(1_000):
        if all(request.done for request in requests):
            return
        scheduler.step()
    pytest.fail("a request is never done")


def alone(model: Runs, work: Drawn) -> Drawn:
    """The same work in a scheduler of its own."""
    again = Drawn(work.known[: work.prompt_tokens], work.most, work.seed)
    run(scheduler_of(model)[0], Request(again))
    return again


def schedule(model: Runs, seed: int, *, guesses: bool = False) -> list[Request]:
    """Requests that come, fork, are cancelled and pushed out of a small cache, computed to the end."""
    numbers = random.Random(seed)
    clock = Clock()
    scheduler, pool = scheduler_of(
        model, pages=numbers.choice([7, 9, 14, 40]), budget=numbers.choice([3, 16, 40, 200]),
        most_running=numbers.choice([1, 3, 16]), clock=clock,
    )  # fmt: skip
    stem = [numbers.randrange(97) for _ in range(50)]
    requests: list[Request] = []

    def new(prompt: Sequence[int]) -> None:
        work = Drawn(list(prompt), numbers.randint(1, 12), numbers.randrange(1_000))
        if guesses:
            work.coming, work.dice = alone(model, work).answer, random.Random(numbers.random())
        late = clock.now + numbers.randint(2, 12) if numbers.random() < 0.15 else float("inf")
        requests.append(Request(work, priority=numbers.choice([0, 0, 1]), deadline=late))
        scheduler.add(requests[-1])

    for _ in range(numbers.randint(2, 9)):
        match numbers.randrange(4):
            case 0 if requests:  # a fork of what another has so far
                known = list(numbers.choice(requests).work.known)
                new([*known[: numbers.randint(1, len(known))], numbers.randrange(97)][:80])
            case 1 if requests:
                numbers.choice(requests).cancelled = True
            case 2:
                scheduler.tree.evict(numbers.randint(1, 5))
            case _:
                new([*stem[: numbers.randint(1, 50)], *(numbers.randrange(97) for _ in range(20))])
        for _ in range(numbers.randint(0, 4)):
            clock.now += 1
            scheduler.step()
    for _ in range(2_000):
        if all(request.done for request in requests):
            break
        scheduler.step()
    assert all(request.done and request.cache is None for request in requests)
    scheduler.tree.clear()
    assert pool.available == pool.most
    return requests


def check(model: Runs, seed: int, *, bits: bool, guesses: bool = False) -> int:
    """Compare each request with itself alone; how many came to their end."""
    whole = 0
    for request in schedule(model, seed, guesses=guesses):
        work = request.work
        assert isinstance(work, Drawn)
        assert request.error is None
        expected = alone(model, work)
        made = len(work.answer)
        assert work.answer == expected.answer[:made]
        assert work.finish in ("length", "cancelled", "deadline")
        if work.finish == "length":
            assert made == work.most
            whole += 1
        if bits:
            assert all(torch.equal(one, two) for one, two in zip(work.logits, expected.logits, strict=False))
    return whole


@pytest.mark.parametrize("block", range(10))
def test_every_schedule_gives_each_request_the_tokens_it_gets_alone(block: int) -> None:
    assert sum(check(EXACT, seed, bits=False) for seed in range(10 * block, 10 * block + 10)) > 10


def test_keys_and_values_of_eight_bits_change_no_token_of_a_schedule() -> None:
    assert sum(check(ROUNDED, seed, bits=False, guesses=seed % 2 == 1) for seed in range(10)) > 10


@pytest.mark.parametrize("block", range(5))
def test_guesses_right_and_wrong_change_no_token(block: int) -> None:
    assert (
        sum(check(EXACT, seed, bits=False, guesses=True) for seed in range(10 * block, 10 * block + 10)) > 10
    )


def test_right_guesses_spare_passes_and_wrong_ones_leave_nothing() -> None:
    work = Drawn([1, 2, 3], 40, 5)
    knows = Drawn([1, 2, 3], 40, 5, coming=alone(EXACT, work).answer, dice=random.Random(1))
    model = Recorded()
    scheduler = Scheduler(model, PagePool(ARCH, torch.float64, 100))
    run(scheduler, Request(knows))
    assert 0 < knows.right < knows.tried
    assert len(model.passes) == 40 - knows.right
    assert sum(count for one in model.passes for count in one) == 3 + 39 + knows.tried - knows.right
    after = Drawn([*knows.known], 1, 0)
    again = Request(after)
    run(scheduler, again)
    assert again.reused == len(knows.known) - 1
    assert torch.allclose(after.logits[0], alone(EXACT, after).logits[0], rtol=0, atol=1e-9)


def test_guesses_take_no_page_from_anybody_and_no_place_in_a_full_pass() -> None:
    model = Recorded()
    scheduler = Scheduler(model, PagePool(ARCH, torch.float64, 100))
    works = [Drawn([one], 30, one, coming=[5] * 30, dice=random.Random(one)) for one in range(12)]
    run(scheduler, *map(Request, works))
    assert max(sum(one) for one in model.passes) <= 16
    assert max(max(one) for one in model.passes) > 1


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_a_thousand_schedules_give_each_request_the_tokens_it_gets_alone() -> None:
    assert sum(check(EXACT, seed, bits=False, guesses=seed % 2 == 1) for seed in range(1_000)) > 1_000


@pytest.mark.parametrize("block", range(4))
def test_one_by_one_gives_each_request_the_logits_it_gets_alone_to_the_bit(block: int) -> None:
    model = OneByOne(SINGLE)
    assert sum(check(model, seed, bits=True) for seed in range(5 * block, 5 * block + 5)) > 5


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_a_thousand_schedules_one_by_one_give_the_logits_of_each_alone_to_the_bit() -> None:
    assert sum(check(OneByOne(SINGLE), seed, bits=True) for seed in range(1_000)) > 1_000


class Recorded:
    """A model that tells how many tokens of which sequence each pass had."""

    def __init__(self, model: Model = EXACT) -> None:
        self.arch = model.arch
        self.passes: list[list[int]] = []
        self._model = model

    def hidden(self, steps) -> Tensor:
        self.passes.append([len(tokens) for tokens, _ in steps])
        return self._model.hidden(steps)

    def logits_of(self, hidden: Tensor) -> Tensor:
        return self._model.logits_of(hidden)


def test_who_writes_goes_first_and_prompts_share_the_rest_of_the_budget() -> None:
    model = Recorded()
    pool = PagePool(ARCH, torch.float64, 100)
    scheduler = Scheduler(model, pool, budget=20)
    scheduler.add(Request(Drawn([1, 2, 3], 6, 0)))
    scheduler.step()
    scheduler.add(Request(Drawn(list(range(50)), 2, 0)))
    for _ in range(4):
        scheduler.step()
    assert model.passes == [[3], [1, 19], [1, 19], [1, 12], [1, 1]]


class Watched(Drawn):
    """Looks, when it is finished and its last piece is not handed over, whether its request is done."""

    request: Request

    def take(self, logits: Tensor) -> list[Piece]:
        made = super().take(logits)
        self.early = self.request.done
        return made


def test_a_request_is_not_done_before_its_last_piece_is_handed_over() -> None:
    work = Watched([1, 2, 3], 2, 0)
    work.request = Request(work)
    run(scheduler_of(EXACT)[0], work.request)
    assert work.finish == "length"
    assert not work.early


def test_a_prompt_that_begins_like_one_under_way_is_computed_once() -> None:
    scheduler, _ = scheduler_of(EXACT)
    prompt = list(range(40))
    first, second = Request(Drawn(prompt, 30, 0)), Request(Drawn([*prompt, 5, 6], 3, 1))
    scheduler.add(first)
    scheduler.step()
    scheduler.step()
    run(scheduler, second)
    assert not first.done
    assert second.reused == 32  # its whole pages; the begun one is still written to


def test_who_has_priority_takes_the_pages_and_the_place_of_who_has_not() -> None:
    scheduler, _ = scheduler_of(EXACT, pages=6, most_running=2)
    patient, hasty = Request(Drawn(list(range(60)), 20, 0)), Request(Drawn([7] * 60, 20, 1), priority=1)
    scheduler.add(patient)
    scheduler.step()
    run(scheduler, hasty)
    assert not patient.done
    run(scheduler, patient)
    assert isinstance(patient.work, Drawn)
    assert patient.work.answer == alone(EXACT, patient.work).answer


def test_the_earliest_deadline_goes_first_and_a_late_request_ends_as_far_as_it_is() -> None:
    clock = Clock()
    scheduler, _ = scheduler_of(EXACT, most_running=1, clock=clock)
    late, soon = Request(Drawn([1], 9, 0), deadline=50), Request(Drawn([2], 9, 0), deadline=3)
    scheduler.add(late)
    scheduler.add(soon)
    for _ in range(5):
        scheduler.step()
        clock.now += 1
    assert isinstance(soon.work, Drawn)
    assert (soon.work.finish, len(soon.work.answer)) == ("deadline", 3)
    run(scheduler, late)
    assert late.work.finish == "length"


def test_what_is_cancelled_gives_its_pages_back_at_once() -> None:
    scheduler, pool = scheduler_of(EXACT)
    request = Request(Drawn(list(range(50)), 20, 0))
    scheduler.add(request)
    scheduler.step()
    request.cancelled = True
    scheduler.retire()
    assert (request.work.finish, request.cache) == ("cancelled", None)
    scheduler.tree.clear()
    assert pool.available == pool.most


def test_a_request_longer_than_the_whole_cache_ends_with_an_error_that_says_so() -> None:
    scheduler, pool = scheduler_of(EXACT, pages=3)
    request = Request(Drawn(list(range(60)), 2, 0))
    run(scheduler, request)
    assert isinstance(request.error, PoolFull)
    assert "the cache has 3" in str(request.error)
    assert pool.available == 3


class Breaks(Drawn):
    def take(self, logits: Tensor) -> list[Piece]:
        raise LocalModelError("its grammar broke")


def test_an_error_of_one_request_is_its_own() -> None:
    scheduler, _ = scheduler_of(EXACT)
    good, bad = Request(Drawn([1, 2], 4, 0)), Request(Breaks([1, 3], 4, 0))
    run(scheduler, good, bad)
    assert str(bad.error) == "its grammar broke"
    assert (good.error, good.work.finish) == (None, "length")


class Fails(Recorded):
    def hidden(self, steps) -> Tensor:
        raise MemoryError("no more")


def test_an_error_of_the_model_ends_all_who_were_in_the_step() -> None:
    pool = PagePool(ARCH, torch.float64, 100)
    scheduler = Scheduler(Fails(), pool)
    requests = [Request(Drawn([number], 4, 0)) for number in range(3)]
    for request in requests:
        scheduler.add(request)
    with pytest.raises(MemoryError):
        scheduler.step()
    assert all("no more" in str(request.error) for request in requests)
    assert pool.available == pool.most


def test_tokens_computed_for_later_are_not_computed_again() -> None:
    scheduler, _ = scheduler_of(EXACT)
    tokens = list(range(45))
    ahead, request = Request(Prefill(tokens)), Request(Drawn([*tokens, 9], 3, 0))
    run(scheduler, ahead)
    run(scheduler, request)
    assert request.reused == 45


def test_prompts_that_see_themselves_wholly_are_computed_whole_and_taken_from_no_other() -> None:
    arch = tiny_arch(context=96, position="rope-2d", prefix=PrefixLM(start=90, masks=(91,)))
    model = Model(arch, random_weights(arch).items(), torch.float64)
    prompt = [*range(20), 91, 90]
    requests = [Request(Drawn(list(prompt), 5, seed)) for seed in range(3)]
    scheduler = Scheduler(model, PagePool(arch, torch.float64, 5), budget=4)
    run(scheduler, *requests)
    for request in requests:
        assert request.reused == 0
        assert isinstance(request.work, Drawn)
        assert request.work.answer == alone_of(model, request.work).answer


def alone_of(model: Model, work: Drawn) -> Drawn:
    """The same work in one sequence, token after token."""
    again = Drawn(work.known[: work.prompt_tokens], work.most, work.seed)
    cache = model.new_cache()
    tokens = again.known[:]
    while again.finish is None:
        again.take(model.logits(tokens, cache).unsqueeze(0))
        tokens = again.known[-1:]
    return again
