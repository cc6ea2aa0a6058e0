"""A memory file with a clock that the test sets."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agentkit.memory.scope import Scope
from agentkit.memory.store import Memory


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(tmp_path: Path, clock: Clock) -> Iterator[Memory]:
    with Memory.open(tmp_path / "memory.db", clock=clock) as opened:
        yield opened


@pytest.fixture
def ann(memory: Memory) -> Scope:
    return memory.of("ann")
