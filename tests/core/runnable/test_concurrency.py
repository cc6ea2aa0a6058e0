"""Many at once: in order, bounded, and nothing goes on after the call."""

import asyncio
import gc
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from agentkit.core.errors import UsageError
from agentkit.core.runnable import Lambda, Parallel, Runnable, Transform

from .steps import upper


class Broken(Exception):
    pass


class Waiting:
    """A step that waits for ever on odd numbers, fails on 0, and knows who waits."""

    def __init__(self) -> None:
        self.inside = 0
        self.begun = asyncio.Event()

    async def __call__(self, number: int) -> int:
        if number == 0:
            await self.begun.wait()
            raise Broken
        self.inside += 1
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.inside -= 1
        return number


def others() -> set["asyncio.Task[object]"]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # pyright: ignore[reportReturnType]


@settings(deadline=None)
@drawn(st.lists(st.integers()), st.none() | st.integers(1, 4))
def test_a_batch_keeps_the_order_and_its_bound(numbers: list[int], most: int | None) -> None:
    inside: list[int] = [0]
    seen: list[int] = [0]

    async def step(number: int) -> int:
        inside[0] += 1
        seen.append(inside[0])
        for _ in range(number % 3):  # some overtake others
            await asyncio.sleep(0)
        inside[0] -= 1
        return -number

    assert Lambda(step).batch(numbers, max_concurrency=most) == [-number for number in numbers]
    assert max(seen) <= (most or len(numbers))
    assert Lambda(step).map(max_concurrency=most).invoke(numbers) == [-number for number in numbers]


def test_a_bound_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="max_concurrency = 0 cannot be"):
        upper.batch(["a"], max_concurrency=0)


def every_way(step: Runnable[int, int]) -> Iterable[Runnable[Iterable[int], object]]:
    async def batched(numbers: Iterable[int]) -> object:
        return await step.abatch(numbers)

    async def branches(numbers: Iterable[int]) -> object:
        return await Parallel({str(n): lambda _, n=n: step.ainvoke(n) for n in numbers}).ainvoke(0)

    async def streams(numbers: Iterable[int]) -> object:
        parallel = Parallel({str(n): lambda _, n=n: step.ainvoke(n) for n in numbers})
        async with aclosing(parallel.astream(0)) as pieces:
            return [piece async for piece in pieces]

    yield from (Lambda(batched), Lambda(branches), Lambda(streams))


@pytest.mark.parametrize("way", [0, 1, 2])
async def test_the_first_error_cancels_the_others(way: int) -> None:
    waiting = Waiting()
    with pytest.raises(Broken):
        await list(every_way(Lambda(waiting)))[way].ainvoke([1, 0, 3])
    assert waiting.inside == 0
    assert others() == set()


@pytest.mark.parametrize("way", [0, 1, 2])
async def test_cancelling_leaves_no_task_alive(way: int) -> None:
    waiting = Waiting()
    task = asyncio.create_task(list(every_way(Lambda(waiting)))[way].ainvoke([1, 3]))
    await waiting.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiting.inside == 0
    assert others() == set()


def test_errors_can_stand_where_the_answers_would() -> None:
    def tenth(number: int) -> float:
        return 10 / number

    first, fault, last = Lambda(tenth).batch([1, 0, 5], return_exceptions=True)
    assert (first, last) == (10, 2)
    assert isinstance(fault, ZeroDivisionError)


async def test_a_stream_that_is_left_early_closes_every_step() -> None:
    closed: list[str] = []

    async def endless(text: str) -> AsyncIterator[str]:
        try:
            while True:
                yield text
        finally:
            closed.append(text)

    chain = Lambda(endless) | upper | {"a": upper, "b": upper}
    async with aclosing(chain.astream("x")) as pieces:
        async for _ in pieces:
            break
    assert closed == ["x"]
    assert others() == set()


async def test_the_synchronous_way_works_inside_a_running_loop() -> None:
    assert (upper | len).invoke("abc") == 3
    assert list(upper.stream("abc")) == ["ABC"]


def test_a_step_that_would_wait_for_itself_is_told_what_to_do() -> None:
    with pytest.raises(UsageError, match="awaits ainvoke"):
        Lambda(lambda text: upper.invoke(str(text))).invoke("a")


def test_a_step_may_wait_for_another_in_a_thread() -> None:
    async def aside(text: str) -> str:
        return await asyncio.to_thread(upper.invoke, text)

    assert Lambda(aside).invoke("a") == "A"


def test_a_synchronous_stream_that_is_left_early_is_closed() -> None:
    closed = threading.Event()

    async def endless(text: str) -> AsyncIterator[str]:
        try:
            while True:
                yield text
        finally:
            closed.set()

    for _ in Lambda(endless).stream("x"):
        break
    gc.collect()
    assert closed.is_set()


def test_an_error_in_a_stream_comes_after_its_pieces() -> None:
    async def breaks(text: str) -> AsyncIterator[str]:
        yield text
        raise Broken

    stream = Lambda(breaks).stream("x")
    assert next(stream) == "x"
    with pytest.raises(Broken):
        next(stream)


async def test_a_map_passes_an_answer_on_before_the_last_is_made() -> None:
    last = asyncio.Event()

    async def step(number: int) -> int:
        if number == 3:
            await last.wait()
        return -number

    async with aclosing(Lambda(step).map().astream([1, 2, 3])) as pieces:
        assert await anext(pieces) == [-1]
        last.set()
        assert [piece async for piece in pieces] == [[-2], [-3]]
    assert [piece async for piece in Lambda(step).map().astream([])] == [[]]


async def test_a_map_begins_an_item_while_the_list_is_still_being_made() -> None:
    answered = asyncio.Event()

    async def listing(_: str) -> AsyncIterator[list[int]]:
        yield [1]
        await answered.wait()
        yield [2, 3]

    async def step(number: int) -> int:
        answered.set()
        return -number

    chain = Lambda(listing) | Lambda(step).map()
    async with asyncio.timeout(5), aclosing(chain.astream("")) as pieces:
        assert [piece async for piece in pieces] == [[-1], [-2], [-3]]


async def test_a_list_that_breaks_off_ends_what_a_map_has_begun() -> None:
    waiting = Waiting()

    async def listing(_: str) -> AsyncIterator[list[int]]:
        yield [1, 3]
        await waiting.begun.wait()
        raise Broken

    with pytest.raises(Broken):
        async with aclosing((Lambda(listing) | Lambda(waiting).map()).astream("")) as pieces:
            await anext(pieces)
    assert waiting.inside == 0
    assert others() == set()


async def test_a_map_that_is_left_closes_the_step_that_makes_its_list() -> None:
    closed: list[str] = []

    async def listing(_: str) -> AsyncIterator[list[int]]:
        try:
            yield [1]
            await asyncio.Event().wait()
        finally:
            closed.append("listing")

    async with aclosing((Lambda(listing) | Lambda(str).map()).astream("")) as pieces:
        assert await anext(pieces) == ["1"]
    assert closed == ["listing"]
    assert others() == set()


async def test_an_error_in_a_map_does_not_wait_for_its_turn() -> None:
    waiting = Waiting()
    with pytest.raises(Broken):
        async with aclosing(Lambda(waiting).map().astream([1, 0, 3])) as pieces:
            await anext(pieces)
    assert waiting.inside == 0
    assert others() == set()


async def test_of_a_value_that_broke_off_no_branch_takes_the_beginning_for_the_whole() -> None:
    taken: list[str] = []

    async def breaks(text: str) -> AsyncIterator[str]:
        yield text
        raise Broken

    branches = {name: Lambda(lambda text: taken.append(str(text))) for name in "ab"}
    with pytest.raises(Broken):
        [piece async for piece in (Lambda(breaks) | {"loud": upper, **branches}).astream("half")]
    assert taken == []
    assert others() == set()


async def test_a_branch_that_gives_up_in_the_midst_leaves_no_other_with_half() -> None:
    taken: list[str] = []

    async def slowly(text: str) -> AsyncIterator[str]:
        yield text
        await asyncio.Event().wait()

    async def impatient(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        try:
            async with asyncio.timeout(0):
                yield "".join([piece async for piece in pieces])
        except TimeoutError:
            yield "given up"

    both = {"a": Transform(impatient), "b": Lambda(lambda text: taken.append(str(text)))}
    with pytest.raises(UsageError, match="a branch was cancelled while it waited"):
        [piece async for piece in (Lambda(slowly) | both).astream("half")]
    assert taken == []
