"""Work that is begun at once, so that a clock is set only for what turns out to wait.

A limit in time cannot stop what never waits, and most of a run's own steps do not.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Begun(Generic[_T]):
    """A coroutine that has run as far as it does without waiting; `await` it for the rest.

    To be made in the task that awaits it. What the work raises on its way is raised here.
    """

    def __init__(self, work: Coroutine[Any, Any, _T]) -> None:
        self._rest = work.__await__()
        self.results: tuple[_T, ...] = ()
        """Its result, once it is over."""
        try:
            self._waits_for = next(self._rest)
        except StopIteration as end:
            self.results = (end.value,)

    async def cancel(self) -> None:
        """Break the work off where it waits, and wait until it has cleaned up."""
        with suppress(StopIteration, asyncio.CancelledError):
            self._waits_for = self._rest.throw(asyncio.CancelledError())
            await self

    def __await__(self) -> Generator[Any, Any, _T]:
        if self.results:
            return self.results[0]
        while True:
            try:
                yield self._waits_for
            except BaseException as error:  # noqa: BLE001 - a cancellation and the like are the work's to meet
                try:
                    self._waits_for = self._rest.throw(error)
                except StopIteration as end:
                    return end.value
            else:
                return (yield from self._rest)
