"""How the kinds of steps run, written for anything that has the two ways to be run.

What is joined to what is in `runnable.py`; here nobody knows of `|`.
"""

from abc import ABC, abstractmethod
from collections import abc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import partial
from inspect import isawaitable
from typing import Any, Generic, TypeVar, cast

from agentkit.core.errors import UsageError
from agentkit.core.runnable.pieces import Pieces, Replay, Shared, gathered, items
from agentkit.core.runnable.together import in_turn, merged
from agentkit.core.runnable.trying import tried

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
Given = TypeVar("Given")
Made = TypeVar("Made")

Worth = Callable[[Exception], bool]
Between = Callable[[int, Exception], Awaitable[object]]


class Step(ABC, Generic[In, Out]):
    """From a whole value to a whole value, and from the pieces of one to the pieces of the other."""

    @abstractmethod
    async def ainvoke(self, value: In) -> Out:
        """The answer to one value."""

    @abstractmethod
    def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """The pieces of the answer, as the pieces of the value come."""


async def awaited(one: Step[Given, Made], value: Given) -> Made:
    """What a step answers; one whose `ainvoke` cannot be awaited is refused by name."""
    coming: Any = one.ainvoke(value)
    if not isawaitable(coming):
        raise TypeError(
            f"{type(one).__name__}.ainvoke gave {type(coming).__name__}, which cannot be awaited; "
            "write it as `async def ainvoke`"
        )
    return await coming


async def closing(one: Step[Given, Made], given: Pieces[Given]) -> Pieces[Made]:
    """The step's pieces; what it read from is closed with it, though it may not have read to the end."""
    async with aclosing(given), aclosing(one.transform(given)) as pieces:
        async for piece in pieces:
            yield piece


async def sequence(steps: Sequence[Step[Any, Any]], pieces: AsyncIterator[Any]) -> Pieces[Any]:
    """The last step's pieces; every step has begun before the one before it has ended."""
    passed: AsyncIterator[Any] = pieces
    async with AsyncExitStack() as open_steps:
        for one in steps:
            passed = await open_steps.enter_async_context(aclosing(one.transform(passed)))
        async for piece in passed:
            yield piece


async def branches(
    steps: Mapping[str, Step[Given, Made]], pieces: AsyncIterator[Given]
) -> Pieces[dict[str, Made]]:
    """Pieces of the steps as they come, each under its step's name.

    Raises:
        UsageError: one yields nothing.
    """
    shared = Shared(pieces, len(steps))
    streams = {name: closing(one, shared.reader(place)) for place, (name, one) in enumerate(steps.items())}
    silent = set(steps)
    async with aclosing(merged(streams)) as pairs:
        async for name, piece in pairs:
            silent.discard(name)
            yield {name: piece}
    if silent:
        raise UsageError(f"the step under {', '.join(sorted(silent))} yielded nothing")


async def returned(made: Any) -> Pieces[Any]:
    """What a function yields, or what it returns or awaits in one piece."""
    if isinstance(made, abc.AsyncIterator):
        async with AsyncExitStack() as opened:
            if isinstance(made, abc.AsyncGenerator):
                await opened.enter_async_context(aclosing(cast("Pieces[Any]", made)))
            async for piece in cast("AsyncIterator[Any]", made):
                yield piece
    elif isinstance(made, abc.Iterator):
        for piece in cast("Iterator[Any]", made):
            yield piece
    elif isinstance(made, abc.Awaitable):
        yield await cast("Awaitable[Any]", made)
    else:
        yield made


async def mapped(
    one: Step[Given, Made], pieces: AsyncIterator[Iterable[Given]], max_concurrency: int | None
) -> Pieces[list[Made]]:
    """A list of one answer after the other, each as soon as it and those before it are there.

    An item is begun when it comes, though those after it are still being made.
    """

    async def begun() -> Pieces[Callable[[], Awaitable[Made]]]:
        async with aclosing(items(pieces)) as values:
            async for value in values:
                yield partial(awaited, one, value)

    empty = True
    async with aclosing(begun()) as runs, aclosing(in_turn(runs, max_concurrency)) as answers:
        async for answer in answers:
            empty = False
            yield [answer]
    if empty:
        yield []


async def first_whole(
    steps: Sequence[Step[Given, Made]], value: Given, worth: Worth, between: Between
) -> Made:
    """The answer of the first step that has one."""
    runs = [partial(_answered, one, value) for one in steps]
    return await gathered(tried(runs, worth, between))


async def first_streamed(
    steps: Sequence[Step[Given, Made]], pieces: AsyncIterator[Given], worth: Worth, between: Between
) -> Pieces[Made]:
    """The pieces of the first step that has one; what fails after that is raised, and what its input does."""
    replay = Replay(pieces)

    def ours(error: Exception) -> bool:
        return error is not replay.fault and worth(error)

    runs = [partial(_replayed, one, replay) for one in steps]
    async with aclosing(tried(runs, ours, between)) as given:
        async for piece in given:
            yield piece


async def _answered(one: Step[Given, Made], value: Given) -> Pieces[Made]:
    yield await awaited(one, value)


def _replayed(one: Step[Given, Made], replay: Replay[Given]) -> Pieces[Made]:
    return closing(one, replay.again())
