"""Steps are joined with `|`; whole or in pieces, the answer is the same."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from operator import itemgetter
from typing import Any, cast

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from agentkit.core.errors import UsageError
from agentkit.core.runnable import Lambda, Parallel, Passthrough, Runnable, Whole
from agentkit.core.runnable.facade import waited
from agentkit.core.runnable.pieces import gathered, joined

from .steps import given, letters, upper


def plus_one(number: int) -> int:
    return number + 1


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


def words(text: str) -> Iterator[str]:
    yield from text.partition(" ")


async def backwards(text: str) -> AsyncIterator[str]:
    for letter in reversed(text):
        yield letter


@pytest.mark.parametrize(
    ("function", "value", "answer", "pieces"),
    [
        (plus_one, 1, 2, [2]),
        (doubled, 2, 4, [4]),
        (words, "a b", "a b", ["a", " ", "b"]),
        (backwards, "abc", "cba", ["c", "b", "a"]),
        (itemgetter("k"), {"k": 1}, 1, [1]),
    ],
)
def test_any_kind_of_function_is_a_step(function: Any, value: Any, answer: Any, pieces: list[Any]) -> None:
    step = Lambda(function)
    assert step.invoke(value) == answer
    assert list(step.stream(value)) == pieces


def test_a_function_or_a_mapping_becomes_a_step_on_either_side() -> None:
    assert (Lambda(plus_one) | doubled | str).invoke(1) == "4"
    assert (plus_one | Lambda(doubled)).invoke(1) == 4
    assert ({"a": plus_one, "b": Passthrough()} | Lambda(lambda found: found)).invoke(1) == {"a": 2, "b": 1}
    assert (Lambda(plus_one) | {"a": doubled, "b": str}).invoke(1) == {"a": 4, "b": "2"}


def test_pipe_is_the_bar_by_name() -> None:
    chain = Lambda(str.split).pipe(lambda words: words[0]).pipe({"first": str.upper, "long": len})
    assert chain.invoke("ab cde") == {"first": "AB", "long": 2}
    assert list(letters.pipe(upper).stream("ab")) == ["", "A", "B"]


def test_what_is_no_step_is_refused_and_shown() -> None:
    with pytest.raises(UsageError, match=r"a step is a runnable, a function.*found 3"):
        Lambda(plus_one) | 3  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    with pytest.raises(UsageError, match="at least one"):
        Parallel({})


def test_pieces_pass_through_a_chain_before_the_first_step_has_ended() -> None:
    said: list[str] = []

    async def slowly(text: str) -> AsyncIterator[str]:
        for letter in text:
            said.append(letter)
            yield letter

    stream = (Lambda(slowly) | Passthrough() | upper).stream("ab")
    assert next(stream) == "A"
    assert said == ["a"]
    assert list(stream) == ["B"]


def test_branches_stream_side_by_side() -> None:
    pieces = list((Lambda(words) | {"loud": upper, "whole": len}).stream("a b"))
    assert len(pieces) == 4
    assert joined(pieces) == {"loud": "A B", "whole": 3}


@settings(deadline=None)
@drawn(st.lists(st.text()).filter(bool))
def test_any_chunking_gives_the_same_answer(pieces: list[str]) -> None:
    chain: Runnable[str, dict[str, Any]] = Passthrough[str]() | {
        "letters": letters | upper,
        "length": len,
        "again": upper.with_retry() | Passthrough(),
        "else": letters.with_fallbacks(upper),
    }

    async def streamed() -> Any:
        return await gathered(chain.transform(given(*pieces)))

    assert asyncio.run(streamed()) == asyncio.run(chain.ainvoke("".join(pieces)))


LISTED = st.one_of(
    st.lists(st.text()),
    st.lists(st.lists(st.integers())),
    st.lists(st.lists(st.integers()).map(tuple)),
    st.lists(st.dictionaries(st.sampled_from("abc"), st.text())),
)


@settings(deadline=None)
@drawn(LISTED.filter(bool), st.integers(1, 3))
def test_a_map_is_the_same_for_every_chunking_of_its_list(pieces: list[Any], most: int) -> None:
    repeat = Lambda(repr).map(max_concurrency=most)

    async def streamed() -> Any:
        return await gathered(repeat.transform(given(*pieces)))

    assert asyncio.run(streamed()) == asyncio.run(repeat.ainvoke(joined(pieces)))


def test_pieces_of_several_kinds_are_no_list_for_a_map() -> None:
    def mixed(_: str) -> Iterator[Any]:
        yield from (["a"], "b")

    with pytest.raises(UsageError, match="2 pieces of list, str"):
        list((Lambda(mixed) | Lambda(str).map()).stream(""))


def test_pieces_that_are_no_whole_are_refused() -> None:
    def numbers(_: str) -> Iterator[int]:
        yield from (1, 2)

    def nothing(_: str) -> Iterator[int]:
        yield from ()

    with pytest.raises(UsageError, match="2 pieces of int, int"):
        Lambda(numbers).invoke("")
    with pytest.raises(UsageError, match="yielded nothing"):
        Lambda(nothing).invoke("")
    with pytest.raises(UsageError, match="under b yielded nothing"):
        list(Parallel({"a": len, "b": nothing}).stream(""))


def test_bound_arguments_reach_the_function() -> None:
    def power(number: int, exponent: int) -> int:
        return number**exponent

    bound: Runnable[int, int] = Lambda[int, int](power).bind(exponent=3)  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert bound.invoke(2) == 8
    with pytest.raises(UsageError, match="Passthrough has nothing to bind to stop"):
        Passthrough().bind(stop="x")


def test_a_step_sees_the_context_of_who_called() -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")
    step = Lambda(lambda _: who.get())
    who.set("me")
    both = Parallel({"a": step, "b": step})
    assert step.invoke(0) == "me"
    assert both.invoke(0) == {"a": "me", "b": "me"}
    assert step.batch([0, 0]) == ["me", "me"]
    assert joined(list(both.stream(0))) == {"a": "me", "b": "me"}


def test_a_step_of_ones_own_is_one_method() -> None:
    class Length(Whole[str, int]):
        async def ainvoke(self, value: str) -> int:
            return len(value)

    assert list((upper | Length()).stream("abc")) == [3]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("joined_to", [False, True])
def test_a_step_that_is_not_asynchronous_is_refused_by_name(joined_to: bool) -> None:
    class Sized(Whole[str, int]):
        def ainvoke(self, value: str) -> Any:
            return len(value)

    one = Lambda(str) | Sized() if joined_to else Sized()
    tried = one.with_retry()
    runs = (
        lambda: one.invoke("abc"),
        lambda: one.batch(["abc"]),
        lambda: list(one.stream("abc")),
        lambda: tried.invoke("abc"),
    )
    for run in runs:
        with pytest.raises(TypeError, match=r"Sized\.ainvoke gave int.*`async def ainvoke`"):
            run()


def test_work_that_cannot_begin_does_not_keep_its_caller_waiting() -> None:
    def refuses() -> Any:
        raise LookupError("not here")

    with pytest.raises(LookupError, match="not here"):
        waited(refuses)
    with pytest.raises(TypeError):
        waited(lambda: cast("Any", "no coroutine"))
