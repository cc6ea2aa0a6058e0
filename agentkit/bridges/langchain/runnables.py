"""Steps, both ways; what streams on one side streams on the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, TypeVar, cast

from langchain_core.runnables import Runnable as Theirs
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.utils import Input, Output

from agentkit.core.runnable import Runnable
from agentkit.core.runnable.facade import iterated
from agentkit.core.runnable.pieces import Pieces

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")

_END: Any = object()


def runnable_from_langchain(
    runnable: Theirs[In, Out], config: RunnableConfig | None = None
) -> Runnable[In, Out]:
    """One of LangChain's runnables as a step of ours.

    Args:
        runnable: Theirs.
        config: Given to every call of it, as callbacks and tags.
    """
    return LangChainStep(runnable, config)


def runnable_to_langchain(runnable: Runnable[Input, Output]) -> Theirs[Input, Output]:
    """A step of ours, a chain among them, as one of LangChain's runnables."""
    return AgentkitStep(runnable)


class LangChainStep(Runnable[In, Out]):
    """What `runnable_from_langchain` makes."""

    def __init__(self, runnable: Theirs[In, Out], config: RunnableConfig | None = None) -> None:
        self.runnable = runnable
        self.config = config

    async def ainvoke(self, value: In) -> Out:
        """Its answer."""
        return await self.runnable.ainvoke(value, self.config)

    async def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """The pieces of its answer."""
        stream = self.runnable.atransform(pieces, self.config)
        async with aclosing(cast("Pieces[Out]", stream)) as made:
            async for piece in made:
                yield piece


class AgentkitStep(Theirs[Input, Output]):
    """What `runnable_to_langchain` makes."""

    def __init__(self, runnable: Runnable[Input, Output]) -> None:
        self.runnable = runnable
        self.name = type(runnable).__name__

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:  # noqa: A002
        """Its answer."""
        return self._call_with_config(self.runnable.invoke, input, config, **kwargs)

    async def ainvoke(
        self,
        input: Input,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Output:
        """Its answer."""
        return await self._acall_with_config(self.runnable.ainvoke, input, config, **kwargs)

    def transform(
        self,
        input: Iterator[Input],  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Output]:
        """The pieces of its answer, as the pieces of the value come."""

        def pieces(given: Iterator[Input]) -> Iterator[Output]:
            return iterated(lambda: self.runnable.transform(_read_elsewhere(given)))

        yield from self._transform_stream_with_config(input, pieces, config, **kwargs)

    async def atransform(
        self,
        input: AsyncIterator[Input],  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Output]:
        """The pieces of its answer, as the pieces of the value come."""
        stream = self._atransform_stream_with_config(input, self.runnable.transform, config, **kwargs)
        async with aclosing(cast("Pieces[Output]", stream)) as made:
            async for piece in made:
                yield piece

    def stream(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Output]:  # noqa: A002
        """The pieces of its answer."""
        return self.transform(iter([input]), config, **kwargs)

    async def astream(
        self,
        input: Input,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Output]:
        """The pieces of its answer."""

        async def given() -> AsyncIterator[Input]:
            yield input

        async with aclosing(cast("Pieces[Output]", self.atransform(given(), config, **kwargs))) as made:
            async for piece in made:
                yield piece


async def _read_elsewhere(given: Iterator[T]) -> Pieces[T]:
    """The pieces, each waited for in a thread: what makes them may wait for the loop that this runs on."""
    while (piece := await asyncio.to_thread(next, given, _END)) is not _END:
        yield piece
