"""A hub folder's `config.json`, whose values are checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.json_file import read_object


@dataclass(frozen=True, slots=True)
class Settings:
    """A `config.json` whose values are checked as they are read."""

    path: Path
    values: Mapping[str, object]

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Of a `config.json`.

        Raises:
            CheckpointError: the file is missing or no JSON object.
        """
        return cls(path, read_object(path))

    def architectures(self) -> list[str]:
        """The classes that its makers computed it with."""
        names = self.values.get("architectures")
        found = cast("list[object]", names) if isinstance(names, list) else []
        return [name for name in found if isinstance(name, str)]

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def refuse(self, **harmless: tuple[object, ...]) -> None:
        """Refuse a setting that is there with another value than the harmless ones."""
        for key, values in harmless.items():
            value = self.values.get(key)
            if value is not None and value not in values:
                raise UnsupportedCheckpoint(f"{self.path}: {key} = {value!r:.80} is not built")

    def inside(self, key: str) -> Settings:
        """The object under a key; empty where there is none.

        Raises:
            CheckpointError: something else is there.
        """
        value = self.values.get(key)
        if value is None:
            return Settings(self.path, {})
        if not isinstance(value, dict):
            raise CheckpointError(f"{self.path}: {key} should be an object, found {value!r:.80}")
        return Settings(self.path, cast("dict[str, object]", value))

    def integer(self, key: str, default: int | None = None) -> int:
        """The whole number under a key, or the default where there is none.

        Raises:
            CheckpointError: something else is there.
        """
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            raise CheckpointError(f"{self.path}: {key} should be a whole number, found {value!r:.80}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """The number under a key, or the default where there is none.

        Raises:
            CheckpointError: something else is there.
        """
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CheckpointError(f"{self.path}: {key} should be a number, found {value!r:.80}")
        try:
            return float(value)
        except OverflowError as error:
            raise CheckpointError(f"{self.path}: {key} is too large") from error

    def boolean(self, key: str, *, default: bool) -> bool:
        """Whether a key is true.

        Raises:
            CheckpointError: something else is there.
        """
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise CheckpointError(f"{self.path}: {key} should be true or false, found {value!r:.80}")
        return value

    def text(self, key: str, default: str) -> str:
        """The text under a key.

        Raises:
            CheckpointError: something else is there.
        """
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise CheckpointError(f"{self.path}: {key} should be a text, found {value!r:.80}")
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        """The numbers under a key.

        Raises:
            CheckpointError: something else is there.
        """
        value = self.values.get(key)
        items = cast("list[object]", value) if isinstance(value, list) else []
        found = [
            float(item) for item in items if isinstance(item, int | float) and not isinstance(item, bool)
        ]
        if not found or len(found) != len(items):
            raise CheckpointError(f"{self.path}: {key} should be a list of numbers, found {value!r:.80}")
        return tuple(found)
