"""Work that is begun before anybody waits for it."""

import asyncio
import contextlib

import pytest

from agentkit.agents.begun import Begun


async def test_work_that_does_not_wait_is_over_at_once() -> None:
    async def work() -> str:
        return "done"

    begun = Begun(work())
    assert begun.results == ("done",)
    assert await begun == "done"


async def test_work_that_waits_goes_on_from_where_it_waits() -> None:
    seen: list[str] = []

    async def work() -> str:
        seen.append("begun")
        for word in ("once", "twice"):
            await asyncio.sleep(0)
            seen.append(word)
        return "done"

    begun = Begun(work())
    assert (begun.results, seen) == ((), ["begun"])
    assert await begun == "done"
    assert seen == ["begun", "once", "twice"]


async def test_what_the_work_raises_is_raised_before_and_after_it_waits() -> None:
    async def work(*, wait: bool) -> None:
        if wait:
            await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Begun(work(wait=False))
    begun = Begun(work(wait=True))
    with pytest.raises(ValueError, match="no"):
        await begun


async def test_a_limit_reaches_the_work_which_may_clean_up_or_end_all_the_same() -> None:
    ended: list[str] = []

    async def work(*, stubborn: bool) -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)  # cleaning up waits, too
            ended.append("cleaned up")
            if not stubborn:
                raise
        return "its own"

    begun = Begun(work(stubborn=False))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await begun
    begun = Begun(work(stubborn=True))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            assert await begun == "its own"
    assert ended == ["cleaned up"] * 2


async def test_a_result_that_is_waited_for_elsewhere_arrives() -> None:
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await answer

    begun = Begun(work())
    answer.set_result("42")
    assert await begun == "42"


async def test_work_that_is_given_up_ends() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("over")

    async def waits() -> None:
        await Begun(work())

    waiting = waits()
    waiting.send(None)
    waiting.close()
    assert ended == ["over"]


async def test_work_that_is_broken_off_cleans_up() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # cleaning up waits, too
            ended.append("cleaned up")

    await Begun(work()).cancel()
    assert ended == ["cleaned up"]
