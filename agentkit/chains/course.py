"""A chain of several questions whose course is written once, for whole answers and for streamed ones."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Protocol, TypeVar

from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces, gathered

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)
Given = TypeVar("Given")
Made = TypeVar("Made")


class Run(Protocol):
    """How a step of a course is run: as one piece, or as the pieces that it makes."""

    def __call__(self, step: Runnable[Given, Made], value: Given, /) -> Pieces[Made]:
        """The step's answer to the value."""
        ...


class Course(Runnable[In, Out]):
    """A step that passes its last answer on piece by piece when it is streamed; `course` is to be written.

    A whole answer is made of whole answers, so a model that begins its answer anew does no harm there.
    """

    @abstractmethod
    def course(self, value: In, run: Run) -> Pieces[Out]:
        """The pieces of the answer; what is to be streamed is `run`, and all else awaited."""

    async def ainvoke(self, value: In) -> Out:
        """The pieces of the course, joined."""
        async with aclosing(self.course(value, whole)) as pieces:
            return await gathered(pieces)

    async def transform(self, pieces: AsyncIterator[In]) -> Pieces[Out]:
        """The pieces of the course, as they come."""
        async with aclosing(self.course(await gathered(pieces), streamed)) as made:
            async for piece in made:
                yield piece


async def whole(step: Runnable[Given, Made], value: Given, /) -> Pieces[Made]:
    """The step's answer in one piece."""
    yield await step.ainvoke(value)


def streamed(step: Runnable[Given, Made], value: Given, /) -> Pieces[Made]:
    """The step's answer in the pieces it makes."""
    return step.astream(value)
