"""Engines that are shared: who asks for a model that is loaded gets it, with an adapter beside it or not."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.precision import CacheForm, WeightPrecision


@dataclass(frozen=True, slots=True)
class Asked:
    """What a checkpoint is loaded with, as `Engine.load` takes it.

    Attributes:
        precision: of the weights.
        device: that computes.
        compiled: by torch.
        cache: what keys and values are kept as.
        draft: the small model that guesses, if any.
        threads: of the computation, for the whole process; None is torch's choice.
    """

    precision: WeightPrecision = "auto"
    device: str = "cpu"
    compiled: bool = False
    cache: CacheForm = "float"
    draft: Path | None = None
    threads: int | None = None


_Key = tuple[str, int, Asked, int]


class Engines:
    """The engines of a process, each for as long as somebody holds it; threads may share it."""

    def __init__(self, load: Callable[[Path, Asked], Engine] | None = None) -> None:
        """None is loaded yet.

        Args:
            load: how a checkpoint is loaded; None is `Engine.load`.
        """
        self._load = load or _load
        self._engines: weakref.WeakValueDictionary[_Key, Engine] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def get(
        self,
        path: Path,
        *,
        precision: WeightPrecision = "auto",
        device: str = "cpu",
        compiled: bool = False,
        cache: CacheForm = "float",
        draft: Path | None = None,
        threads: int | None = None,
        adapter: Path | None = None,
    ) -> Engine:
        """The engine of a checkpoint, loaded where nobody has it.

        Models of one checkpoint with different adapters share its weights, its pages and its steps. A
        file that has changed since is loaded anew.

        Args:
            path: of the checkpoint.
            precision: of the weights.
            device: that computes, as `Engine.load` takes it.
            compiled: by torch, as `Engine.load` takes it.
            cache: what keys and values are kept as.
            draft: the small model that guesses, if any.
            threads: of the computation, as `Engine.load` takes it.
            adapter: as `Engine.load_adapter` takes it; stays loaded as long as the engine.

        Raises:
            CheckpointError: as `Engine.load` and `Engine.load_adapter`.
            LocalModelError: as `Engine.load`: the device is not there.
            ValueError: as `Engine.load`.
        """
        drafting = None if draft is None else draft.resolve()
        asked = Asked(precision, device, compiled, cache, drafting, threads)
        changed = 0 if draft is None else _changed(draft)
        key = (str(path.resolve()), _changed(path), asked, changed)
        with self._lock:  # who asks for the same meanwhile waits
            engine = self._engines.get(key)
            if engine is None:
                engine = self._load(path, asked)
                self._engines[key] = engine
            if adapter is None:
                return engine
            name = f"{adapter.resolve()}@{_changed(adapter)}"
            if name not in engine.adapters:
                engine.load_adapter(name, adapter)
            return engine.using(name)


def _load(path: Path, asked: Asked) -> Engine:
    return Engine.load(
        path,
        precision=asked.precision,
        device=asked.device,
        compiled=asked.compiled,
        cache=asked.cache,
        draft=asked.draft,
        threads=asked.threads,
    )


def _changed(path: Path) -> int:
    """When what lies there was changed last, in nanoseconds.

    Raises:
        CheckpointError: nothing lies there.
    """
    try:
        files = [path, *path.iterdir()] if path.is_dir() else [path]
        return max(file.stat().st_mtime_ns for file in files)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error


ENGINES = Engines()
"""Those of this process."""
