"""One model of a server, asked from several event loops: plain code, a notebook's loop, and new ones."""

import asyncio
import gc

import pytest

from agentkit import as_runnable
from agentkit.core.runnable.facade import waited
from agentkit.models.openai_api import OpenAIModel
from agentkit.models.per_loop import PerLoop
from agentkit.models.retries import Retries


@pytest.fixture
def model(serve):
    return OpenAIModel(
        "test", api_key=None, base_url=serve({"text": "ok", "times": -1}).url, retries=Retries(attempts=1)
    )


def test_two_loops_may_ask_at_once(model):
    ask = as_runnable(model)

    async def both():
        beside = asyncio.create_task(asyncio.to_thread(ask.batch, ["?"] * 4))
        try:
            return await ask.abatch(["?"] * 4), await beside
        finally:
            await model.aclose()

    assert asyncio.run(both()) == (["ok"] * 4, ["ok"] * 4)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ended_with_connections_open_is_in_nobodys_way(model):
    ask = as_runnable(model)
    assert [asyncio.run(ask.ainvoke("?")) for _ in range(3)] == ["ok"] * 3
    assert ask.invoke("?") == "ok"
    complaints = []

    async def last():
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        await ask.ainvoke("?")
        gc.collect()
        await asyncio.sleep(0)
        await model.aclose()

    asyncio.run(last())
    assert complaints == []


class Held:
    """Something that is open until it is closed, in the loop that opened it."""

    def __init__(self):
        self.opened_in, self.closed_in = None, None

    async def close(self):
        self.closed_in = asyncio.get_running_loop()


def per_loop():
    made = []

    def make():
        made.append(Held())
        return made[-1]

    return PerLoop(make, Held.close), made


async def here(held):
    one = await held.here()
    one.opened_in = asyncio.get_running_loop()
    return one


async def test_each_is_closed_where_it_was_opened():
    held, made = per_loop()
    mine = await here(held)
    theirs = await asyncio.to_thread(waited, lambda: here(held))
    assert mine is await held.here()
    assert mine is not theirs
    await held.close()
    assert [one.closed_in for one in made] == [one.opened_in for one in (mine, theirs)]
    assert await held.here() not in (mine, theirs)


async def test_one_that_nobody_asked_for_is_closed_too():
    held, (only,) = per_loop()
    await held.close()
    assert only.closed_in is asyncio.get_running_loop()


async def test_a_loop_that_stands_still_is_not_waited_for_long():
    """It waits for who closes, as a notebook does in `invoke`, and closes its own when it goes on."""
    held, made = per_loop()
    await here(held)
    waited(held.close)
    assert made[0].closed_in is None
    await asyncio.sleep(0.01)
    assert made[0].closed_in is asyncio.get_running_loop()
