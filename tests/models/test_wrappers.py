"""Models around a model: what they add, while it streams, and when somebody stops waiting."""

import asyncio
import gc
import random
import stat
import threading
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import Cached, Metered, RateLimited, Retries, Retrying, ScriptedModel, as_runnable
from agentkit.core.errors import (
    AuthenticationFailed,
    BadRequest,
    LimitReached,
    ProviderDown,
    StreamCut,
    UsageError,
)
from agentkit.core.errors import RateLimited as TooManyRequests
from agentkit.core.messages import AssistantMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Limits, Price, Spent, Usage

HELLO = ModelRequest((UserMessage("hello"),), max_tokens=100)


class Parts:
    """A model whose every stream is a list of pieces and faults; it says when it is closed early."""

    def __init__(self, *streams, each=0.0):
        self.streams, self.asked, self.closed, self.each = list(streams), [], 0, each
        self.name, self.profile = "parts:test", None

    def estimate(self, request):
        return 10

    async def stream(self, request):
        self.asked.append(request)
        done = False
        try:
            for part in self.streams.pop(0):
                await asyncio.sleep(self.each)
                if isinstance(part, Exception):
                    raise part
                yield part
            done = True
        finally:
            self.closed += not done

    async def aclose(self):
        self.closed += 100


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.now += seconds


def answer(text, tokens=5, made=5):
    return Answer(AssistantMessage(text), Usage(tokens, made))


async def pieces_of(model, request=HELLO):
    return [piece async for piece in model.stream(request)]


async def text_of(model, request=HELLO):
    return (await pieces_of(model, request))[-1].message.text


async def first_of(model, request=HELLO):
    """Take one piece and leave."""
    stream = model.stream(request)
    piece = await anext(stream)
    await stream.aclose()
    return piece


# all of them


ALL = {
    "cached": lambda model, folder: Cached(model, folder),
    "metered": lambda model, folder: Metered(model),
    "rate limited": lambda model, folder: RateLimited(model, requests_per_minute=1000),
    "retrying": lambda model, folder: Retrying(model),
    "all": lambda model, folder: Cached(Metered(Retrying(RateLimited(model))), folder),
}


@pytest.mark.parametrize("around", ALL.values(), ids=ALL)
async def test_a_wrapper_streams_what_the_model_streams_and_speaks_for_it(around, tmp_path):
    inner = ScriptedModel(["one two", [ToolCall("c", "look", {})]])
    model = around(inner, tmp_path)
    assert (model.name, model.profile, model.estimate(HELLO)) == (
        inner.name, inner.profile, inner.estimate(HELLO),
    )  # fmt: skip
    *deltas, first = await pieces_of(model)
    assert [delta.text for delta in deltas] == ["one", " two"]
    assert first.message.text == "one two"
    called = (await pieces_of(model, ModelRequest((UserMessage("other"),))))[-1]
    assert called.message.calls == (ToolCall("c", "look", {}),)
    await model.aclose()
    assert inner.closed


@pytest.mark.parametrize("around", ALL.values(), ids=ALL)
async def test_a_stream_that_is_left_or_cancelled_is_closed_within(around, tmp_path):
    parts = [TextDelta("a"), TextDelta("b"), answer("ab")]
    inner = Parts(parts, [TextDelta("a"), *parts])
    model = around(inner, tmp_path)
    assert await first_of(model) == TextDelta("a")
    assert inner.closed == 1
    inner.each = 30.0
    asking = asyncio.create_task(pieces_of(model))
    await asyncio.sleep(0.02)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert inner.closed == 2


# cached


async def test_the_same_request_is_answered_from_the_disk(tmp_path):
    inner = Parts([TextDelta("hi"), answer("hi")])
    assert await text_of(Cached(inner, tmp_path / "kept")) == "hi"
    # another process has the folder only
    again = await pieces_of(Cached(Parts(), tmp_path / "kept"))
    assert again == [TextDelta("hi"), Answer(AssistantMessage("hi"), Usage())]


LOOK = ToolSpec("look", "Look.", {"type": "object", "properties": {}})
OTHER = {
    "messages": ModelRequest((UserMessage("hello!"),), max_tokens=100),
    "tools": ModelRequest(HELLO.messages, (LOOK,), max_tokens=100),
    "max_tokens": ModelRequest(HELLO.messages, max_tokens=101),
    "seed": ModelRequest(HELLO.messages, max_tokens=100, seed=1),
    "stop": ModelRequest(HELLO.messages, max_tokens=100, stop=("a",)),
    "answer_schema": ModelRequest(HELLO.messages, max_tokens=100, answer_schema={"type": "object"}),
    "must_call": ModelRequest(HELLO.messages, max_tokens=100, must_call=True),
}


@pytest.mark.parametrize("request_", OTHER.values(), ids=OTHER)
async def test_a_request_that_differs_anywhere_is_another(tmp_path, request_):
    model = Cached(Parts([answer("one")], [answer("two")]), tmp_path)
    assert await text_of(model) == "one"
    assert await text_of(model, request_) == "two"


async def test_other_models_have_other_answers(tmp_path):
    first, second = Parts([answer("one")]), Parts([answer("two")], [answer("three")])
    second.name = "parts:other"
    assert await text_of(Cached(first, tmp_path)) == "one"
    assert await text_of(Cached(second, tmp_path)) == "two"
    assert await text_of(Cached(second, tmp_path, variant="the other server")) == "three"


async def test_what_is_drawn_by_chance_is_asked_every_time(tmp_path):
    warm = ModelRequest(HELLO.messages, temperature=0.7)
    model = Cached(Parts([answer("one")], [answer("two")], [answer("three")]), tmp_path)
    assert [await text_of(model, warm), await text_of(model, warm)] == ["one", "two"]
    seeded = ModelRequest(HELLO.messages, temperature=0.7, seed=3)
    assert [await text_of(model, seeded), await text_of(model, seeded)] == ["three", "three"]
    assert len(list(tmp_path.iterdir())) == 1


async def test_faults_and_broken_streams_are_not_kept(tmp_path):
    model = Cached(Parts([ProviderDown("no")], [TextDelta("a"), StreamCut("no")], [answer("hi")]), tmp_path)
    for fault in (ProviderDown, StreamCut):
        with pytest.raises(fault):
            await pieces_of(model)
    assert not list(tmp_path.iterdir())
    assert await text_of(model) == "hi"


async def test_of_an_answer_that_began_anew_the_whole_one_is_kept(tmp_path):
    broken = [TextDelta("a"), StreamRestarted("cut"), TextDelta("b"), answer("b")]
    model = Cached(Parts(broken), tmp_path)
    assert await pieces_of(model) == broken
    assert [type(piece) for piece in await pieces_of(model)] == [TextDelta, Answer]


async def test_what_cannot_be_read_as_an_answer_is_asked_again(tmp_path):
    model = Cached(Parts([answer("one")], [answer("two")]), tmp_path)
    await text_of(model)
    model.path_of(HELLO).write_text('{"message": 3')
    assert await text_of(model) == "two"
    assert await text_of(model) == "two"


async def test_kept_answers_are_their_owners_alone(tmp_path):
    model = Cached(Parts([answer("one")]), tmp_path / "kept")
    await text_of(model)
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert stat.S_IMODE(model.path_of(HELLO).stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot keep answers"):
        Cached(Parts(), tmp_path / "file")


# metered


async def test_calls_tokens_and_seconds_are_counted():
    time = Time()

    class Slow(Parts):
        async def stream(self, request):
            async for piece in super().stream(request):
                time.now += 2
                yield piece

    model = Metered(Slow([TextDelta("a"), answer("a")], [BadRequest("no")]), clock=time)
    async for _ in model.stream(HELLO):
        time.now += 50  # what is done with a piece is not the model's time
    with pytest.raises(BadRequest):
        await pieces_of(model)
    assert (model.calls, model.usage, model.seconds) == (2, Usage(5, 5), 4)
    assert model.spent.tokens == 10


async def test_the_calls_end_at_their_limit():
    inner = Parts([answer("a")], [answer("b")])
    model = Metered(inner, Limits(steps=1))
    await pieces_of(model)
    with pytest.raises(LimitReached, match="asked 1 times, and 1 are allowed"):
        await pieces_of(model)
    assert len(inner.asked) == 1


async def test_an_answer_is_cut_to_the_tokens_that_are_left_and_then_none_is_asked_for():
    inner = Parts([answer("a", 10, 70)], [answer("b", 10, 80)])
    model = Metered(inner, Limits(tokens=200))
    await pieces_of(model)
    await pieces_of(model, ModelRequest(HELLO.messages, max_tokens=1000))
    assert [request.max_tokens for request in inner.asked] == [100, 110]
    with pytest.raises(LimitReached, match="200 tokens"):
        await pieces_of(model)


async def test_the_seconds_end_a_model_that_is_silent():
    inner = Parts([TextDelta("a"), answer("a")], each=0.0)
    model = Metered(inner, Limits(seconds=0.2))
    inner.each = 30.0
    with pytest.raises(LimitReached, match=r"worked 0\.\d s, and 0\.2 are allowed"):
        await pieces_of(model)
    assert inner.closed == 1
    assert model.lost.tokens == 110
    with pytest.raises(LimitReached):
        await pieces_of(model)
    assert len(inner.asked) == 1


DEAR = Price(Decimal(1), Decimal(10))


async def test_money_is_counted_and_its_limit_cuts_the_answer_and_then_ends_it():
    inner = Parts([answer("a", 10, 30)], [answer("b", 10, 80)])
    model = Metered(inner, Limits(cost=Decimal("0.0012")), price=DEAR)
    await pieces_of(model)
    assert model.spent == Spent(1, 40, Decimal("0.00031"))
    await pieces_of(model)
    # 0.00089 are left: 10 tokens in, and 88 out
    assert [request.max_tokens for request in inner.asked] == [100, 88]
    with pytest.raises(LimitReached, match=r"\$0.0012 for parts:test .* \(\$0.00112 spent or reserved"):
        await pieces_of(model)


async def test_a_free_model_has_no_end_for_its_money():
    model = Metered(Parts([answer("a")]), Limits(cost=Decimal(0)), price=Price(Decimal(0), Decimal(0)))
    await pieces_of(model)
    assert model.spent.cost == 0


@pytest.mark.parametrize(
    ("limits", "why"),
    [(Limits(cost=Decimal(1)), "parts:test costs"), (Limits(tool_seconds=1.0), "runs no tools")],
)
def test_a_limit_that_cannot_be_kept_is_refused(limits, why):
    with pytest.raises(UsageError, match=why):
        Metered(Parts(), limits)


@pytest.mark.parametrize(
    ("fault", "lost"),
    [
        (StreamCut("cut"), 110),
        (ProviderDown("down"), 110),
        (TooManyRequests("slow"), 0),
        (AuthenticationFailed("no"), 0),
    ],
)
async def test_what_may_have_been_computed_counts_and_what_was_refused_does_not(fault, lost):
    model = Metered(Parts([fault]))
    with pytest.raises(type(fault)):
        await pieces_of(model)
    assert (model.lost.tokens, model.spent.tokens) == (lost, lost)


async def test_an_answer_nobody_waited_for_counts():
    model = Metered(Parts([TextDelta("a"), answer("a")]))
    await first_of(model)
    assert model.lost.tokens == 110


async def test_an_answer_that_began_anew_counts_twice():
    model = Metered(Parts([TextDelta("a"), StreamRestarted("cut"), TextDelta("b"), answer("b", 5, 5)]))
    await pieces_of(model)
    assert (model.lost.tokens, model.usage.total, model.spent.tokens) == (110, 10, 120)


@pytest.mark.parametrize(
    ("limits", "told"),
    [(Limits(tokens=219), "219 tokens do not allow"), (Limits(cost=DEAR.most(20, 199)), "do not allow")],
)
async def test_no_answer_begins_anew_without_room_for_it(limits, told):
    inner = Parts([TextDelta("a"), StreamRestarted("cut"), TextDelta("b"), answer("b", 5, 5)])
    model = Metered(inner, limits, price=DEAR)
    with pytest.raises(LimitReached, match=told):
        await pieces_of(model)
    assert model.spent.tokens == model.lost.tokens == 110
    assert inner.closed == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 300), st.floats(0, 1), st.booleans()), max_size=30),
    st.integers(50, 3000),
)
async def test_many_at_once_never_pass_the_limit(askings, limit):
    class Honest(Parts):
        async def stream(self, request):
            assert model.spent.tokens <= limit
            assert model.spent.cost <= money
            await asyncio.sleep(0)
            share, fails = self.streams[len(self.asked)]
            self.asked.append(request)
            if fails:
                raise StreamCut("cut")
            yield answer("a", 10, int(share * request.max_tokens))

    inner = Honest(*((share, fails) for _, share, fails in askings))
    money = DEAR.most(0, limit) / 2
    model = Metered(inner, Limits(tokens=limit, cost=money), price=DEAR)
    requests = [ModelRequest(HELLO.messages, max_tokens=most) for most, _, _ in askings]
    await asyncio.gather(*(pieces_of(model, one) for one in requests), return_exceptions=True)
    assert model.spent.tokens <= limit
    assert model.spent.cost <= money


async def test_threads_that_ask_at_once_pass_no_limit_together():
    both = threading.Barrier(2)

    class Together(Parts):
        def estimate(self, request):
            both.wait(30)
            return super().estimate(request)

    class Slow(Price, frozen=True):
        def most(self, input_tokens, output_tokens):
            time.sleep(0.05)  # the other one is let in here, if anybody can be
            return super().most(input_tokens, output_tokens)

    inner = Together([answer("a")], [answer("b")])
    model = Metered(inner, Limits(steps=1), price=Slow(Decimal(1), Decimal(1)))
    asked = [asyncio.to_thread(asyncio.run, pieces_of(model)) for _ in range(2)]
    first, second = await asyncio.gather(*asked, return_exceptions=True)
    refused, answered = (first, second) if isinstance(first, Exception) else (second, first)
    assert isinstance(refused, LimitReached)
    assert answered == [answer("a")]
    assert (len(inner.asked), model.calls) == (1, 1)


# retrying


def retrying(inner, time=None, **options):
    time = time or Time()
    options = {"retries": Retries(3, 1, 8), "rng": random.Random(7), **options}
    return Retrying(inner, options.pop("retries"), sleep=time.sleep, **options)


async def test_a_fault_that_passes_is_waited_out_longer_each_time():
    time, told = Time(), []
    inner = Parts([ProviderDown("down")], [TooManyRequests("slow")], [answer("hi")])
    assert await text_of(retrying(inner, time, on_wait=told.append)) == "hi"
    assert 0.5 <= time.slept[0] <= 1 <= time.slept[1] <= 2
    assert told[0].startswith("down; waiting")
    assert told[0].endswith("before attempt 2 of 3")


async def test_a_retried_stream_takes_back_what_it_gave():
    inner = Parts([TextDelta("a"), StreamCut("it broke")], [TextDelta("b"), answer("b")])
    assert await pieces_of(retrying(inner)) == [
        TextDelta("a"), StreamRestarted("it broke"), TextDelta("b"), answer("b"),
    ]  # fmt: skip


async def test_every_attempt_that_breaks_off_is_told():
    broken = [TextDelta("a"), StreamRestarted("inside"), StreamCut("it broke")]
    pieces = await pieces_of(retrying(Parts(broken, [answer("b")])))
    assert pieces == [TextDelta("a"), StreamRestarted("inside"), StreamRestarted("it broke"), answer("b")]


async def test_a_fault_that_stays_is_raised_at_once():
    inner = Parts([BadRequest("no")], [answer("hi")])
    with pytest.raises(BadRequest, match="no"):
        await pieces_of(retrying(inner))
    assert len(inner.asked) == 1


async def test_the_last_attempt_tells_its_fault():
    with pytest.raises(ProviderDown, match="down; given up after 3 attempts"):
        await pieces_of(retrying(Parts(*[[ProviderDown("down")]] * 3)))


async def test_a_wait_that_is_asked_for_is_kept():
    time, slow = Time(), TooManyRequests("slow")
    slow.retry_after = 5.0
    await pieces_of(retrying(Parts([slow], [answer("hi")]), time))
    assert time.slept == [5.0]


async def test_cancelled_while_it_waits_it_asks_no_more():
    inner = Parts([ProviderDown("down")], [answer("hi")])
    asking = asyncio.create_task(pieces_of(Retrying(inner, Retries(3, 60, 60))))
    await asyncio.sleep(0.02)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(inner.asked) == 1


# rate limited


def most_in_a_minute(moments):
    return max(sum(at <= other < at + 60 for other in moments) for at in moments)


class Noted(Parts):
    """Says when each request came, by the test's clock."""

    def __init__(self, time, used=10):
        super().__init__()
        self.time, self.used, self.moments = time, used, []

    async def stream(self, request):
        self.moments.append(self.time())
        self.asked.append(request)
        await asyncio.sleep(0)
        yield answer("a", self.used, 0)


async def test_no_minute_has_more_requests_than_allowed():
    time = Time()
    inner = Noted(time)
    model = RateLimited(inner, requests_per_minute=3, clock=time, sleep=time.sleep)
    for _ in range(10):
        await pieces_of(model)
        time.now += 1
    assert most_in_a_minute(inner.moments) == 3
    assert inner.moments[:4] == [0, 1, 2, 60]


async def test_tokens_count_as_reserved_and_then_as_taken():
    time = Time()
    inner = Noted(time, used=20)
    model = RateLimited(inner, tokens_per_minute=130, clock=time, sleep=time.sleep)
    await pieces_of(model)  # 110 reserved, 20 taken: the next fits at once
    await pieces_of(model)
    assert inner.moments == [0, 0]
    await pieces_of(model)  # 40 taken and 110 wanted
    assert inner.moments == [0, 0, 60]


async def test_an_answer_that_took_less_lets_the_next_go_before_its_time():
    time = Time()
    asleep = asyncio.Event()

    async def sleep(_seconds):
        asleep.set()
        await asyncio.Event().wait()  # nobody wakes it: only the answer does

    inner = Parts([TextDelta("a"), answer("a", 5, 5)], [answer("b")])
    model = RateLimited(inner, tokens_per_minute=200, clock=time, sleep=sleep)
    first = model.stream(HELLO)
    await anext(first)
    second = asyncio.create_task(pieces_of(model))
    await asyncio.wait_for(asleep.wait(), 5)
    assert len(inner.asked) == 1
    async for _ in first:
        pass
    assert (await asyncio.wait_for(second, 5))[-1].message.text == "b"


async def test_who_asks_first_is_served_first_whatever_its_size():
    time = Time()
    inner = Noted(time, used=200)
    model = RateLimited(inner, tokens_per_minute=220, clock=time, sleep=time.sleep)
    await pieces_of(model)
    sizes = [200, 1, 100, 2]
    requests = [ModelRequest(HELLO.messages, max_tokens=size) for size in sizes]
    await asyncio.gather(*(pieces_of(model, one) for one in requests))
    assert [request.max_tokens for request in inner.asked[1:]] == sizes


async def test_cancelled_in_the_queue_it_leaves_no_trace():
    time = Time()
    inner = Noted(time)
    model = RateLimited(inner, requests_per_minute=1, clock=time)
    await pieces_of(model)
    waiting = [asyncio.create_task(pieces_of(model)) for _ in range(3)]
    await asyncio.sleep(0.02)
    for task in waiting[:2]:
        task.cancel()
    await asyncio.wait(waiting[:2], timeout=5)
    time.now = 60.0
    waiting[2].cancel()
    await asyncio.wait(waiting, timeout=5)
    assert all(task.cancelled() for task in waiting)
    await asyncio.wait_for(pieces_of(model), 5)
    assert inner.moments == [0, 60]


def test_the_queue_is_one_for_every_event_loop():
    """From plain code, which has a loop of its own, and from one new loop after the other."""
    time = Time()
    inner = Noted(time)
    ask = as_runnable(RateLimited(inner, requests_per_minute=1, clock=time, sleep=time.sleep))
    ask.batch(["a", "b"])
    for _ in range(2):
        asyncio.run(ask.abatch(["c", "d"]))
    assert inner.moments == [0, 60, 120, 180, 240, 300]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_loop_that_was_left_with_requests_waiting_holds_up_nobody():
    time = Time()
    inner = Noted(time)
    model = RateLimited(inner, requests_per_minute=1, clock=time)
    left = asyncio.new_event_loop()

    def leave():
        left.run_until_complete(pieces_of(model))
        waiting = left.create_task(pieces_of(model))
        left.run_until_complete(asyncio.sleep(0.01))
        return waiting

    abandoned = await asyncio.to_thread(leave)
    left.close()
    behind = [asyncio.create_task(pieces_of(model)) for _ in range(2)]
    await asyncio.sleep(0.01)
    time.now = 60.0
    behind[1].cancel()
    await asyncio.wait_for(behind[0], 5)
    assert inner.moments == [0, 60]
    # it complains when it goes that its loop is closed, and that is to be here
    del abandoned
    gc.collect()


async def test_a_request_that_no_minute_allows_is_refused():
    model = RateLimited(Parts(), tokens_per_minute=100)
    with pytest.raises(BadRequest, match="may take 110 tokens, and parts:test may be sent 100 a minute"):
        await pieces_of(model)


@pytest.mark.parametrize("limits", [{"requests_per_minute": 0}, {"tokens_per_minute": -1}])
def test_a_limit_that_allows_nothing_is_refused(limits):
    with pytest.raises(UsageError, match="must be 1 or more"):
        RateLimited(Parts(), **limits)


async def test_every_attempt_counts_when_retries_go_around():
    time = Time()
    inner = Parts([ProviderDown("down")], [ProviderDown("down")], [answer("hi")])
    limited = RateLimited(inner, requests_per_minute=2, clock=time, sleep=time.sleep)
    assert await text_of(retrying(limited, time)) == "hi"
    assert time.now >= 60


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 90), st.floats(0, 40)), max_size=25), st.integers(1, 5))
async def test_no_minute_ever_has_more_tokens_or_requests(askings, most):
    time = Time()
    inner = Noted(time, used=7)
    model = RateLimited(inner, requests_per_minute=most, tokens_per_minute=100, clock=time, sleep=time.sleep)
    for tokens, pause in askings:
        await pieces_of(model, ModelRequest(HELLO.messages, max_tokens=tokens))
        time.now += pause
    if inner.moments:
        assert most_in_a_minute(inner.moments) <= most
        assert most_in_a_minute(inner.moments) * 7 <= 100
