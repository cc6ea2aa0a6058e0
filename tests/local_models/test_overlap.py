"""Steps that overlap: every request gets the tokens that it gets alone, one step at a time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from agentkit_local_models.answer import Finish, Piece
from agentkit_local_models.draws import Draw
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.model import Model
from agentkit_local_models.overlap import Overlapped, Row
from agentkit_local_models.pages import PagePool
from agentkit_local_models.request import Prefill, Request
from agentkit_local_models.sampling import Sampling, choose

from .oracle import random_weights
from .test_scheduler import run
from .tiny import tiny_arch

ARCH = tiny_arch(context=96)
EXACT = Model(ARCH, random_weights(ARCH).items(), torch.float64)


def drawn(logits: Tensor, draw: Draw) -> int:
    """The token of a draw, from its seed and number alone."""
    generator = torch.Generator().manual_seed(draw.seed * 1_000 + draw.number)
    return choose(logits.float(), draw.sampling, generator)


@dataclass
class Reading:
    """Tokens that say in which order they were read."""

    tokens: list[int]
    log: list[str]

    def read(self) -> list[int]:
        self.log.append("read")
        return self.tokens


@dataclass
class Slow:
    """A device that keeps what it drew to itself, as one does that was not waited for."""

    last: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    arch = ARCH

    def hidden(self, steps) -> Tensor:
        return EXACT.hidden(steps)

    def logits_of(self, hidden: Tensor) -> Tensor:
        return EXACT.logits_of(hidden)

    def launch(self, rows: Sequence[Row]) -> Tensor:
        self.log.append("launch")
        self.sizes.append(sum(row.count for row in rows))
        steps = [
            ([*row.tokens, *([] if row.source is None else [self.last[row.source]])], row.cache)
            for row in rows
        ]
        hidden = self.hidden(steps)
        wanted, end = [], 0
        for row in rows:
            end += row.count
            wanted += range(end - row.wanted, end)
        return EXACT.head(hidden[wanted])  # in float64, so that no two sums differ

    def draw(self, logits: Tensor, places: Sequence[int], draws: Sequence[Draw]) -> Reading:
        self.log.append("draw")
        self.last = [drawn(logits[place], draw) for place, draw in zip(places, draws, strict=True)]
        return Reading(self.last, self.log)


@dataclass(eq=False)
class Text:
    """So many tokens, or fewer where one of them ends it; now and then one must follow another."""

    known: list[int]
    most: int
    seed: int
    stops: frozenset[int] = frozenset()
    forced: dict[int, list[int]] = field(default_factory=dict)
    here: bool = False
    rows: int = 1
    guesses: Sequence[int] = ()
    finish: Finish | None = None

    def __post_init__(self) -> None:
        self.prompt_tokens = len(self.known)

    @property
    def answer(self) -> list[int]:
        return self.known[self.prompt_tokens :]

    @property
    def left(self) -> int:
        return self.most - len(self.answer)

    @property
    def draw(self) -> Draw | None:
        return None if self.here else self._draw

    @property
    def _draw(self) -> Draw:
        return Draw(Sampling(temperature=1.0), self.seed, len(self.answer))

    def take(self, logits: Tensor) -> list[Piece]:
        return self.took(drawn(logits[0], self._draw))

    def took(self, token: int) -> list[Piece]:
        if token in self.stops:
            return self.end("stop")
        new = [token, *self.forced.get(token, [])][: self.left]
        self.known += new
        return [Piece("", tuple(new)), *(self.end("length") if not self.left else [])]

    def end(self, finish: Finish) -> list[Piece]:
        self.finish = finish
        return []


def again(work: Text) -> Text:
    return Text(work.known[: work.prompt_tokens], work.most, work.seed, work.stops, work.forced)


def alone(work: Text) -> Text:
    """The same, with the whole sequence computed anew for every token."""
    work = again(work)
    while work.finish is None:
        logits = EXACT.head(EXACT.hidden([(work.known, EXACT.new_cache())])[-1:])
        work.take(logits)
    return work


def scheduler_of(device: Slow, pages: int = 100, **more) -> tuple[Overlapped, PagePool]:
    pool = PagePool(ARCH, torch.float64, pages)
    return Overlapped(device, pool, **more), pool


def test_the_next_step_is_launched_before_the_last_ones_tokens_are_read() -> None:
    device = Slow()
    scheduler, _ = scheduler_of(device)
    request = Request(Text([1, 2, 3], 3, 0))
    run(scheduler, request)
    # the third token is the last, so nothing is launched on top of it
    assert device.log == ["launch", "draw", "launch", "read", "draw", "launch", "read", "draw", "read"]
    assert request.work.known == alone(Text([1, 2, 3], 3, 0)).known


def test_what_was_computed_after_an_end_is_dropped_with_its_pages() -> None:
    device = Slow()
    scheduler, pool = scheduler_of(device)
    free = alone(Text([5] * 15, 20, 3))
    work = Text([5] * 15, 20, 3, stops=frozenset(free.answer[2:3]))
    run(scheduler, Request(work))
    ends = free.answer.index(free.answer[2])
    assert (work.finish, work.answer) == ("stop", free.answer[:ends])
    assert device.sizes == [15, *[1] * (ends + 1)]  # the last of which was for nothing
    follower = Text([*work.known, 9], 4, 1)
    run(scheduler, request := Request(follower))
    assert request.reused == len(work.known)
    assert follower.answer == alone(follower).answer
    scheduler.step()
    scheduler.tree.clear()
    assert pool.available == pool.most


@pytest.mark.parametrize("block", range(3))
def test_every_schedule_gives_each_request_the_tokens_it_gets_alone(block: int) -> None:
    assert sum(schedule(seed) for seed in range(8 * block, 8 * block + 8)) > 8


def schedule(seed: int) -> int:
    """Requests that come, end, are cancelled and pushed out of a small cache; how many came to their end."""
    numbers = random.Random(seed)
    scheduler, pool = scheduler_of(
        Slow(), pages=numbers.choice([7, 9, 14, 40]), budget=numbers.choice([3, 16, 40]),
        most_running=numbers.choice([1, 3, 16]),
    )  # fmt: skip
    stem = [numbers.randrange(97) for _ in range(40)]
    requests: list[Request] = []
    for _ in range(numbers.randint(2, 8)):
        if requests and numbers.random() < 0.2:
            numbers.choice(requests).cancelled = True
        else:
            prompt = [*stem[: numbers.randint(1, 40)], *(numbers.randrange(97) for _ in range(9))]
            work = Text(
                prompt, numbers.randint(1, 14), numbers.randrange(1_000),
                frozenset(numbers.sample(range(97), 6)),
                {one: [numbers.randrange(97)] * 3 for one in numbers.sample(range(97), 20)},
                here=numbers.random() < 0.3,
            )  # fmt: skip
            requests.append(Request(work, priority=numbers.choice([0, 0, 1])))
            scheduler.add(requests[-1])
        for _ in range(numbers.randint(0, 4)):
            scheduler.step()
    whole = 0
    for _ in range(2_000):
        if all(request.done for request in requests):
            break
        scheduler.step()
    scheduler.step()  # what is still under way for nobody
    for request in requests:
        work = request.work
        assert isinstance(work, Text)
        assert (request.error, request.cache) == (None, None)
        expected = alone(work)
        assert work.answer == expected.answer[: len(work.answer)]
        if work.finish != "cancelled":
            assert (work.finish, work.answer) == (expected.finish, expected.answer)
            whole += 1
    scheduler.tree.clear()
    assert pool.available == pool.most
    return whole


def test_tokens_are_computed_for_later_without_one_that_is_drawn() -> None:
    device = Slow()
    scheduler, _ = scheduler_of(device)
    run(scheduler, Request(Prefill(list(range(40)))))
    assert device.log == ["launch"]


class Stuck(Text):
    @property
    def draw(self) -> Draw:
        raise LocalModelError("its grammar broke")

    def took(self, token: int) -> list[Piece]:
        raise AssertionError(token)


class Chokes(Text):
    def took(self, token: int) -> list[Piece]:
        raise LocalModelError("the model's logits are broken")


def test_an_error_of_one_request_is_its_own() -> None:
    scheduler, _ = scheduler_of(Slow())
    good = Request(Text([1, 2], 4, 0))
    bad = [Request(Stuck([1, 3], 4, 0)), Request(Chokes([1, 4], 4, 0))]
    run(scheduler, good, *bad)
    assert [str(one.error) for one in bad] == ["its grammar broke", "the model's logits are broken"]
    assert (good.error, good.work.finish) == (None, "length")


@dataclass
class Fails(Slow):
    fails: str = ""

    def launch(self, rows: Sequence[Row]) -> Tensor:
        if self.fails == "launch" and len(self.log) > 3:
            raise MemoryError("no more")
        return super().launch(rows)


def test_an_error_of_the_device_ends_all_who_were_under_way_and_no_other() -> None:
    device = Fails(fails="launch")
    scheduler, pool = scheduler_of(device)
    request = Request(Text([1, 2], 9, 0))
    with pytest.raises(MemoryError):
        run(scheduler, request)
    assert "no more" in str(request.error)
    device.fails = ""
    other = Request(Text([1, 2], 3, 0))
    run(scheduler, other)
    assert other.work.finish == "length"
    scheduler.tree.clear()
    assert pool.available == pool.most
