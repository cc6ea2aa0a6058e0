"""Several answers to one question, and the one that most of them agree on."""

import re
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import aclosing
from functools import partial
from typing import Generic, TypedDict, TypeVar, cast

from agentkit.chains.course import Course, Run
from agentkit.core.errors import UnreadableAnswer, UsageError
from agentkit.core.runnable import Runnable
from agentkit.core.runnable.pieces import Pieces, each
from agentkit.core.runnable.together import in_turn

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Voted(TypedDict, Generic[Out]):
    """The answers as they came, the one that most agree on, and how many do.

    Streamed, a piece has one of the answers, and the last piece the outcome.
    """

    samples: list[Out]
    answer: Out
    votes: int


def self_consistency(
    chain: Callable[[int], Runnable[In, Out]],
    samples: int = 5,
    *,
    same: Callable[[Out], Hashable] | None = None,
    max_concurrency: int | None = None,
) -> "SelfConsistency[In, Out]":
    """A chain asked several times, and the answer that most of its answers agree on; the first of equals.

    It ends, and cancels what still runs, once no other answer can win. An answer that cannot be read has
    no vote.

    Args:
        chain: Makes the chain of one sample from its number, which serves as its seed:
            `lambda seed: prompt | as_runnable(model, temperature=0.8, seed=seed) | parser`.
        samples: How many answers are asked for at most.
        same: What two answers that agree have in common. By itself texts agree that differ only in case,
            white space and a full stop, and other values when they are written alike.
        max_concurrency: Samples that are asked at once; all when there is none.

    Raises:
        UsageError: `samples` is less than one.
    """
    if samples < 1:
        raise UsageError(f"samples = {samples} cannot be; it must be 1 or more")
    return SelfConsistency([chain(number) for number in range(samples)], same or _sense, max_concurrency)


class SelfConsistency(Course[In, Voted[Out]]):
    """What `self_consistency` makes."""

    def __init__(
        self, chains: list[Runnable[In, Out]], same: Callable[[Out], Hashable], max_concurrency: int | None
    ) -> None:
        self.chains = chains
        self.same = same
        self.max_concurrency = max_concurrency

    async def course(self, value: In, run: Run) -> Pieces[Voted[Out]]:  # noqa: ARG002 - a vote is of whole answers
        """The answers in the order of their numbers, then the outcome.

        Raises:
            UnreadableAnswer: none of the answers could be read; the last fault.
        """
        votes: Counter[Hashable] = Counter()
        first: dict[Hashable, Out] = {}
        fault: UnreadableAnswer | None = None
        runs = [partial(_readable, one, value) for one in self.chains]
        async with aclosing(in_turn(each(runs), self.max_concurrency)) as answers:
            left = len(self.chains)
            async for answer in answers:
                left -= 1
                if isinstance(answer, UnreadableAnswer):
                    fault = answer
                else:
                    votes[self.same(answer)] += 1
                    first.setdefault(self.same(answer), answer)
                    yield cast("Voted[Out]", {"samples": [answer]})
                if _is_decided(votes, left):
                    break
        if not votes:
            assert fault
            raise fault
        sense, most = votes.most_common(1)[0]
        yield cast("Voted[Out]", {"answer": first[sense], "votes": most})


async def _readable(one: Runnable[In, Out], value: In) -> Out | UnreadableAnswer:
    try:
        return await one.ainvoke(value)
    except UnreadableAnswer as error:
        return error


def _is_decided(votes: Counter[Hashable], left: int) -> bool:
    """Whether no answer can come to more votes than the first has now, nor to as many."""
    ranked = [count for _, count in votes.most_common(2)] + [0, 0]
    return ranked[0] > ranked[1] + left


def _sense(value: object) -> Hashable:
    if isinstance(value, str):
        return re.sub(r"\s+", " ", value).strip().rstrip(".。").casefold()
    return repr(value)
