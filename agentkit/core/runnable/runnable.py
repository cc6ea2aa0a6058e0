"""Steps and what they are joined to.

A `Runnable` has two ways to be run, and every other way rests on them: `ainvoke` turns a whole value
into a whole value, `transform` turns the pieces of one into the pieces of the other as they come. The
pieces of a stream, joined, are what `ainvoke` returns. A step is written as one of

- `Whole`: it needs all of its input, and `ainvoke` is its own;
- `Streaming`: it works piece by piece, and `transform` is its own.

They stand in one file because joining is a method of what is joined; how they run is in `courses.py`.
"""

import random
from asyncio import sleep as asyncio_sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from agentkit.core.errors import UsageError
from agentkit.core.runnable.courses import (
    Step,
    awaited,
    branches,
    closing,
    first_streamed,
    first_whole,
    mapped,
    returned,
    sequence,
)
from agentkit.core.runnable.facade import iterated, waited
from agentkit.core.runnable.pieces import Pieces, gathered, listed, once
from agentkit.core.runnable.together import together
from agentkit.core.runnable.trying import PASSING, Backoff, Kinds, at_once

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
Before = TypeVar("Before")
After = TypeVar("After")

Branch: TypeAlias = (
    "Runnable[Before, After] | Callable[[Before], Awaitable[After]] | Callable[[Before], After]"
)


class Runnable(Step[In, Out]):
    """A step from an `In` to an `Out`: run as it is, or joined to others with `|`."""

    def astream(self, value: In) -> Pieces[Out]:
        """The pieces of the answer to one value, as they are made."""
        return closing(self, once(value))

    @overload
    async def abatch(
        self,
        values: Iterable[In],
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
    ) -> list[Out]: ...
    @overload
    async def abatch(
        self, values: Iterable[In], *, max_concurrency: int | None = None, return_exceptions: bool
    ) -> list[Out | Exception]: ...
    async def abatch(
        self, values: Iterable[In], *, max_concurrency: int | None = None, return_exceptions: bool = False
    ) -> list[Out] | list[Out | Exception]:
        """The answers in the order of the values, at most `max_concurrency` worked on at once.

        The first error cancels the others and is raised; with `return_exceptions` it stands in the
        place of its answer instead.
        """
        runs = [partial(awaited, self, value) for value in listed(values)]
        return await together(runs, max_concurrency, return_exceptions=return_exceptions)

    def invoke(self, value: In) -> Out:
        """`ainvoke` for code that is not asynchronous, in a notebook as well."""
        return waited(partial(awaited, self, value))

    def stream(self, value: In) -> Iterator[Out]:
        """`astream` for code that is not asynchronous."""
        return iterated(partial(self.astream, value))

    @overload
    def batch(
        self,
        values: Iterable[In],
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
    ) -> list[Out]: ...
    @overload
    def batch(
        self, values: Iterable[In], *, max_concurrency: int | None = None, return_exceptions: bool
    ) -> list[Out | Exception]: ...
    def batch(
        self, values: Iterable[In], *, max_concurrency: int | None = None, return_exceptions: bool = False
    ) -> list[Out] | list[Out | Exception]:
        """`abatch` for code that is not asynchronous."""
        return waited(
            lambda: self.abatch(values, max_concurrency=max_concurrency, return_exceptions=return_exceptions)
        )

    @overload
    def __or__(self, after: "Runnable[Out, After]") -> "Runnable[In, After]": ...
    @overload
    def __or__(self, after: "Mapping[str, Branch[Out, After]]") -> "Runnable[In, dict[str, After]]": ...
    @overload
    def __or__(self, after: Callable[[Out], AsyncIterator[After]]) -> "Runnable[In, After]": ...
    @overload
    def __or__(self, after: Callable[[Out], Awaitable[After]]) -> "Runnable[In, After]": ...
    @overload
    def __or__(self, after: Callable[[Out], Iterator[After]]) -> "Runnable[In, After]": ...
    @overload
    def __or__(self, after: Callable[[Out], After]) -> "Runnable[In, After]": ...
    def __or__(self, after: Any) -> "Runnable[In, Any]":
        """This step, then `after`: a runnable, a function, or a mapping of either."""
        return Sequence(self, step(after))

    @overload
    def pipe(self, after: "Runnable[Out, After]") -> "Runnable[In, After]": ...
    @overload
    def pipe(self, after: "Mapping[str, Branch[Out, After]]") -> "Runnable[In, dict[str, After]]": ...
    @overload
    def pipe(self, after: Callable[[Out], AsyncIterator[After]]) -> "Runnable[In, After]": ...
    @overload
    def pipe(self, after: Callable[[Out], Awaitable[After]]) -> "Runnable[In, After]": ...
    @overload
    def pipe(self, after: Callable[[Out], Iterator[After]]) -> "Runnable[In, After]": ...
    @overload
    def pipe(self, after: Callable[[Out], After]) -> "Runnable[In, After]": ...
    def pipe(self, after: Any) -> "Runnable[In, Any]":
        """`self | after`, in a form in which a type checker sees what a `lambda` is given."""
        return self | after

    @overload
    def __ror__(self, before: Mapping[str, "Runnable[Before, Any]"]) -> "Runnable[Before, Out]": ...
    @overload
    def __ror__(self, before: "Mapping[str, Branch[Before, Any]]") -> "Runnable[Before, Out]": ...
    @overload
    def __ror__(self, before: Callable[[Before], Any]) -> "Runnable[Before, Out]": ...
    def __ror__(self, before: Any) -> "Runnable[Any, Out]":
        """`before`, a function or a mapping, then this step."""
        return Sequence(step(before), self)

    def map(self, *, max_concurrency: int | None = None) -> "Mapped[In, Out]":
        """This step done to every item of a list."""
        return Mapped(self, max_concurrency)

    def bind(self, **settings: Any) -> "Runnable[In, Out]":
        """This step with some of its settings fixed.

        Raises:
            UsageError: it has none; a `Lambda` binds arguments of its function, a prompt its
                variables, a model what its requests hold.
        """
        names = ", ".join(settings)
        raise UsageError(
            f"{type(self).__name__} has nothing to bind to {names}; a function, a prompt or a model has"
        )

    def with_retry(
        self,
        attempts: int = 3,
        *,
        on: Kinds = PASSING,
        first_wait: float = 1.0,
        longest_wait: float = 60.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio_sleep,
        rng: random.Random | None = None,
    ) -> "Retry[In, Out]":
        """This step, done again when it fails with one of `on`, ever longer apart.

        A `ModelError` for which waiting does not help is not retried, nor a stream that has begun.
        """
        given = {"rng": rng} if rng else {}
        return Retry(self, Backoff(attempts, on, first_wait, longest_wait, sleep, **given))

    def with_fallbacks(self, *others: "Runnable[In, Out]", on: Kinds = PASSING) -> "Fallbacks[In, Out]":
        """This step, or the next of `others` when it fails with one of `on`, unless its stream has begun."""
        return Fallbacks((self, *others), on)


class Whole(Runnable[In, Out]):
    """A step that needs its whole input; `ainvoke` is to be written."""

    async def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """One piece, when all of the input is there."""
        yield await awaited(self, await gathered(pieces))


class Streaming(Runnable[In, Out]):
    """A step that works piece by piece; `transform` is to be written."""

    async def ainvoke(self, value: In) -> Out:
        """The pieces of the answer, joined."""
        async with aclosing(self.astream(value)) as pieces:
            return await gathered(pieces)


class Sequence(Runnable[In, Out]):
    """One step after the other."""

    def __init__(self, *steps: Runnable[Any, Any]) -> None:
        self.steps: tuple[Runnable[Any, Any], ...] = tuple(
            inner for one in steps for inner in (one.steps if isinstance(one, Sequence) else (one,))
        )

    async def ainvoke(self, value: In) -> Out:
        """What the last step makes of it."""
        passed: Any = value
        for one in self.steps:
            passed = await awaited(one, passed)
        return passed

    def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """The last step's pieces; every step has begun before the one before it has ended."""
        return sequence(self.steps, pieces)


class Parallel(Runnable[In, dict[str, After]], Generic[In, After]):
    """Every branch given the same value, all at once; the answers under the branches' names."""

    def __init__(self, branches: "Mapping[str, Branch[In, After]]") -> None:
        if not branches:
            raise UsageError("a mapping of steps is empty; it needs at least one")
        self.branches: dict[str, Runnable[In, After]] = {name: step(one) for name, one in branches.items()}

    async def ainvoke(self, value: In) -> dict[str, After]:
        """The answers, in the order of the branches."""
        runs = [partial(awaited, one, value) for one in self.branches.values()]
        return dict(zip(self.branches, await together(runs), strict=True))

    def transform(self, pieces: AsyncIterator[In]) -> Pieces[dict[str, After]]:
        """Pieces of the branches as they come, each under its branch's name."""
        return branches(self.branches, pieces)


class Lambda(Streaming[In, Out]):
    """A function as a step: what it returns, awaits, or yields piece by piece.

    It runs on the event loop: one that waits is `async`, so that others go on meanwhile.
    """

    @overload
    def __init__(self, function: Callable[[In], AsyncIterator[Out]]) -> None: ...
    @overload
    def __init__(self, function: Callable[[In], Awaitable[Out]]) -> None: ...
    @overload
    def __init__(self, function: Callable[[In], Iterator[Out]]) -> None: ...
    @overload
    def __init__(self, function: Callable[[In], Out]) -> None: ...
    def __init__(self, function: Callable[[In], Any]) -> None:
        self.function = function

    async def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """What the function yields for the whole input, or what it returns in one piece."""
        async with aclosing(returned(self.function(await gathered(pieces)))) as made:
            async for piece in made:
                yield piece

    def bind(self, **settings: Any) -> "Lambda[In, Out]":
        """The function with these arguments given."""
        return Lambda(partial(self.function, **settings))


class Mapped(Whole[Iterable[Before], list[After]], Generic[Before, After]):
    """A step done to every item, at most `max_concurrency` at once; the first error ends it."""

    def __init__(self, one: Runnable[Before, After], max_concurrency: int | None) -> None:
        self.one = one
        self.max_concurrency = max_concurrency

    async def ainvoke(self, value: Iterable[Before]) -> list[After]:
        """The answers in the order of the items."""
        return await self.one.abatch(value, max_concurrency=self.max_concurrency)

    def transform(self, pieces: AsyncIterator[Iterable[Before]]) -> Pieces[list[After]]:
        """A list of one answer after the other, each as soon as it and those before it are there."""
        return mapped(self.one, pieces, self.max_concurrency)


class Retry(Runnable[In, Out]):
    """A step that is done again while another attempt can end otherwise."""

    def __init__(self, one: Runnable[In, Out], backoff: Backoff) -> None:
        self.one = one
        self.backoff = backoff

    async def ainvoke(self, value: In) -> Out:
        """The answer of the first attempt that has one."""
        attempts = [self.one] * self.backoff.attempts
        return await first_whole(attempts, value, self.backoff.worth, self.backoff.between)

    def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """The pieces of the first attempt that has one; what fails after that is raised."""
        attempts = [self.one] * self.backoff.attempts
        return first_streamed(attempts, pieces, self.backoff.worth, self.backoff.between)


class Fallbacks(Runnable[In, Out]):
    """The first of several steps that works."""

    def __init__(self, steps: tuple[Runnable[In, Out], ...], on: Kinds) -> None:
        self.steps = steps
        self.on = on

    async def ainvoke(self, value: In) -> Out:
        """The answer of the first step that has one."""
        return await first_whole(self.steps, value, self._worth, at_once)

    def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """The pieces of the first step that has one; what fails after that is raised."""
        return first_streamed(self.steps, pieces, self._worth, at_once)

    def _worth(self, error: Exception) -> bool:
        return isinstance(error, self.on)


def step(given: Any) -> Runnable[Any, Any]:
    """What was given as a step: a runnable, a function, or a mapping of either.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(given, Runnable):
        return cast("Runnable[Any, Any]", given)
    if isinstance(given, Mapping):
        return Parallel(cast("Mapping[str, Any]", given))
    if callable(given):
        return Lambda(given)
    advice = "; as_runnable(MODEL) makes a step of a model" if hasattr(given, "stream") else ""
    raise UsageError(f"a step is a runnable, a function, or a mapping of these; found {given!r}{advice}")
