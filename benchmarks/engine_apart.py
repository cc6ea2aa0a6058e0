"""A side in a process of its own, whose threads wait for each other as its makers have them wait.

The engine has OpenMP's threads sleep while they wait, which OpenMP reads once a process. Whoever computes
with these threads is slower with it: llama.cpp has a third of its speed left, where a model is small.
"""

import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

POLICY = "OMP_WAIT_POLICY"
PARTING = 60.0
"""Seconds that a process has for its end."""


class Apart:
    """A side there: what it gives is measured there too."""

    def __init__(self, side: Callable[..., Any], *given: Any) -> None:
        """Make the side, which the process is told with everything that it needs."""
        environ = {name: value for name, value in os.environ.items() if name != POLICY}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
        )
        self.name: str = self._asked(side, given)

    def measured(self, measure: Callable[..., float], *given: Any) -> float:
        """What `measure(side, *given)` gives."""
        return self._asked(measure, given)

    def close(self) -> None:
        """End the process."""
        try:
            self._process.communicate(timeout=PARTING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _asked(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        pipe, answers = self._process.stdin, self._process.stdout
        assert pipe is not None
        assert answers is not None
        pickle.dump((function, given), pipe)
        pipe.flush()
        try:
            return pickle.load(answers)
        except EOFError as error:
            raise RuntimeError(f"{function.__name__} ended with {self._process.wait()}") from error


def has_llama_cpp() -> bool:
    """Whether llama-cpp-python is installed."""
    return importlib.util.find_spec("llama_cpp") is not None


def main() -> None:
    """Make a side of the first thing that is asked, and measure it by the others."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    sys.path.insert(0, str(Path(__file__).parent))
    importlib.import_module("engine_sides")  # and with it torch, which reads the policy
    os.environ.pop(POLICY, None)  # which the engine has set by then, and llama.cpp has yet to read
    side: Any = None
    while True:
        try:
            function, given = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        if side is None:
            side = function(*given)
            found = side.name
        else:
            found = function(side, *given)
        pickle.dump(found, answers)
        answers.flush()


if __name__ == "__main__":
    main()
