"""What lives as long as a run and not only as long as a call."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol, TypeVar


class Resident(Protocol):
    """Something that a tool holds open between its calls."""

    async def aclose(self) -> None:
        """End it; on return nothing of it is left."""
        ...


R = TypeVar("R", bound=Resident)


class Residents:
    """The things that tools of one run hold open, by name; whoever owns the run closes them.

    They die with the process. What has to outlive it is in the record of the run.
    """

    def __init__(self, above: "Residents | None" = None) -> None:
        """Nothing is open yet.

        Args:
            above: Those of the run that this one works for; they outlive it.
        """
        self._open: dict[str, Resident] = {}
        self._above = above
        self._sharing = Lock()

    def get(self, name: str, make: Callable[[], R]) -> R:
        """What is held open as `name`, made if it is not there."""
        if name not in self._open:
            self._open[name] = make()
        return self._open[name]  # type: ignore[return-value]

    def shared(self, name: str, make: Callable[[], R]) -> R:
        """What the run holds open as `name` for itself and all agents that work for it; for any thread."""
        if self._above is not None:
            return self._above.shared(name, make)
        with self._sharing:
            return self.get(name, make)

    async def drop(self, name: str) -> None:
        """End what is held open as `name`, if anything is."""
        if name in self._open:
            await self._open.pop(name).aclose()

    async def aclose(self) -> None:
        """End everything, the latest first."""
        for name in reversed(list(self._open)):
            await self.drop(name)
