"""No wrong answer and no lost page, however many ask and leave."""

import sys

import pytest

from agentkit_local_models.serving.served import Limits

from .battery import battery
from .running import Running, eventually, fresh, spoken


@pytest.mark.parametrize(
    ("clients", "seconds", "kinds"),
    [
        (24, 2, 6),
        pytest.param(200, 300, 60, marks=[pytest.mark.serving, pytest.mark.timeout(1500)]),
    ],
)
async def test_every_answer_is_right_and_every_page_comes_back(tiny, clients, seconds, kinds) -> None:
    # so small a cache that requests are pushed out and begin again
    engine = fresh(tiny, cache_tokens=tiny.context)
    # clients and server share one interpreter: where the machine is busy, it is the clients that are late
    limits = Limits(answers=64, head_seconds=seconds + 60, body_seconds=seconds + 60)
    with (
        Running(spoken(fresh(tiny))) as alone,
        Running(spoken(engine), limits=limits) as running,
    ):
        found = await battery(running, alone, clients=clients, seconds=seconds, kinds=kinds)
        eventually(lambda: running.served.gate.inside == 0)
        left = engine.occupancy()
        failed = {at: count for at, count in running.served.tally.requests.items() if at[1] == "failed"}
    # shown with -s: what a long run came to
    sys.stdout.write(f"{dict(found.outcomes)}, {dict(running.served.tally.requests)}, {left}\n")
    assert found.wrong == []
    assert failed == {}
    assert found.outcomes["answered"] > clients / 2
    assert found.outcomes["left"] > 0
    assert (left.running, left.waiting, left.pages_running) == (0, 0, 0)
    with engine._loop.alone() as scheduler:
        scheduler.tree.clear()
    assert (
        engine.occupancy().pages_free
        == left.pages_free + left.pages_kept
        == engine._loop._scheduler._pool.most
    )
