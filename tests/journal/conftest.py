import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentkit.core.events import PromptUsed, RunStarted
from agentkit.core.messages import SystemMessage
from agentkit.core.usage import Limits

STARTED = RunStarted(
    goal="tidy the notes",
    model="scripted:one",
    workspace="/notes",
    approve="auto",
    limits=Limits(steps=9),
    prompt=PromptUsed("agent/system", "1", "abc"),
    opening=(SystemMessage("be useful"),),
)


class Child:
    """A process that works on a run and does as it is told, line by line."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("child.py")), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def rest(self) -> str:
        out, _ = self.process.communicate(timeout=60)
        return out


@pytest.fixture
def started() -> RunStarted:
    return STARTED


@pytest.fixture
def spawn() -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def start(*arguments: object) -> Child:
        children.append(Child(*arguments))
        return children[-1]

    yield start
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
        child.process.wait()
        for pipe in (child.process.stdin, child.process.stdout):
            if pipe is not None:
                pipe.close()
