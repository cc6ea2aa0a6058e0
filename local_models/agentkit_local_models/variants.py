"""The adapters of one loaded model, by name, and who uses them."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from agentkit_local_models.deltas import Deltas
from agentkit_local_models.errors import AdapterInUse, UnknownAdapter
from agentkit_local_models.tuned_prefix import TunedPrefix


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """What a sequence is computed with beside the base.

    Attributes:
        space: that its keys and values are kept apart in; of no other variant, not even one that had the same
            name before.
        deltas: beside the weights; None for none.
        prefix: that every token sees before the first; None for none.
    """

    space: str = ""
    deltas: Deltas | None = None
    prefix: TunedPrefix | None = None


BASE = Variant()
"""The model as it was loaded."""


class Variants:
    """Adapters by name; threads may share it."""

    def __init__(self, base: Variant = BASE) -> None:
        """None but the base."""
        self.base = base
        self._named: dict[str, Variant] = {}
        self._users = {"": 0}
        self._merged = ""
        self._loaded = 0
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """In the order in which they were loaded."""
        with self._lock:
            return tuple(self._named)

    def add(self, name: str, adapter: Deltas | TunedPrefix) -> Variant:
        """Keep an adapter by a name.

        Raises:
            ValueError: the name is empty, or another adapter has it.
        """
        with self._lock:
            if not name or name in self._named:
                found = f"an adapter {name!r} is loaded already" if name else "an adapter needs a name"
                raise ValueError(f"{found}; loaded: {', '.join(self._named) or 'none'}")
            self._loaded += 1
            space = f"{name}#{self._loaded}"
            is_prefix = isinstance(adapter, TunedPrefix)
            variant = Variant(space, prefix=adapter) if is_prefix else Variant(space, adapter)
            self._named[name], self._users[name] = variant, 0
            return variant

    def find(self, name: str) -> Variant:
        """The adapter of this name; the base by an empty one.

        Raises:
            UnknownAdapter: none has it.
        """
        with self._lock:
            return self._found(name)

    def remove(self, name: str) -> Variant:
        """Forget an adapter.

        Raises:
            UnknownAdapter: none has this name.
            AdapterInUse: answers are written with it.
        """
        with self._lock:
            variant = self._found(name)
            if not name:
                raise UnknownAdapter("the base itself cannot be unloaded")
            if name == self._merged:
                raise AdapterInUse(f"the adapter {name!r} is merged into the weights; unmerge it first")
            if users := self._users[name]:
                raise AdapterInUse(
                    f"the adapter {name!r} is in use by {users} request{'s' * (users > 1)}; "
                    "it can be unloaded when they have ended or were cancelled"
                )
            del self._named[name], self._users[name]
            return variant

    @contextmanager
    def using(self, name: str) -> Generator[Variant]:
        """An adapter that cannot be unloaded meanwhile.

        Raises:
            UnknownAdapter: none has this name.
        """
        with self._lock:
            variant = self._found(name)
            self._users[name] += 1
        try:
            yield variant
        finally:
            with self._lock:
                self._users[name] -= 1

    def merge(self, name: str) -> Deltas:
        """From now on only this adapter can be asked for, and it lies in the weights.

        Raises:
            UnknownAdapter: none has this name.
            ValueError: it is no adapter that can be merged.
            AdapterInUse: answers are written, with whatever adapter.
        """
        with self._lock:
            deltas = self._found(name).deltas
            if deltas is None:
                raise ValueError(f"{name or 'the base'!r} has nothing that can be merged into weights")
            self._require_idle()
            self._merged = name
            return deltas

    def unmerge(self) -> None:
        """All can be asked for again.

        Raises:
            AdapterInUse: answers are written.
        """
        with self._lock:
            self._require_idle()
            self._merged = ""

    def _require_idle(self) -> None:
        if users := sum(self._users.values()):
            raise AdapterInUse(f"weights cannot be changed while {users} answers are written with them")

    def _found(self, name: str) -> Variant:
        if self._merged and name == self._merged:
            return replace(self._named[name], deltas=None)
        if self._merged:
            raise UnknownAdapter(
                f"the adapter {self._merged!r} is merged into the weights; until it is unmerged, "
                f"{name or 'the base'!r} cannot be asked for"
            )
        if not name:
            return self.base
        if name not in self._named:
            raise UnknownAdapter(f"no adapter {name!r} is loaded; loaded: {', '.join(self._named) or 'none'}")
        return self._named[name]
