"""How sides are measured against each other, and the row that is left of it."""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine_apart import Apart, has_llama_cpp
from engine_sides import LlamaCpp, Side, Transformers

from agentkit_local_models.precision import DTYPES, fast_precision

PROMPT: Final = 512
FAST: Final = DTYPES[fast_precision()]
"""What this processor multiplies fastest: every side of a row computes in it that does not say bfloat16."""
Rates = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What every row is measured with.

    Attributes:
        threads: of each side. With one the clock is the process's processor time, which other load does not
            touch; with more it is the wall's.
        rounds: of which the medians are taken; every side has a turn in each.
        answer: tokens made in a turn.
        models: the real models' files.
        shapes: the names of the random ones.
        folder: for files that are made.
        quick: only the rows of real models beside transformers.
    """

    threads: int
    rounds: int
    answer: int
    models: tuple[Path, ...]
    shapes: tuple[str, ...]
    folder: Path
    quick: bool

    def clock(self) -> float:
        """Seconds since some time."""
        return time.process_time() if self.threads == 1 else time.perf_counter()


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside one of a peer's.

    Attributes:
        case: what was done, with which weights.
        unit: of both figures.
        ours: the median.
        peer: whose figure it is compared with.
        peers: the peer's median.
        ratio: the median of the rounds' own ratios, ours / the peer's.
        bar: the ratio that is aimed at, or None.
    """

    case: str
    unit: str
    ours: float
    peer: str
    peers: float
    ratio: float
    bar: float | None

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached, if there is one."""
        return None if self.bar is None else self.ratio >= self.bar


def row(case: str, unit: str, rates: Rates, peer: str, bar: float | None) -> Row:
    """The first of the sides beside one of the others."""
    ours, theirs = next(iter(rates.values())), rates[peer]
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return Row(
        case,
        unit,
        round(statistics.median(ours), 3),
        peer,
        round(statistics.median(theirs), 3),
        round(ratio, 3),
        bar,
    )


Measure = Callable[..., float]
"""Measures a side: what comes first are the side and the setting."""


def peers(setting: Setting, path: Path, sequences: int = 1) -> list[Apart]:
    """Transformers, and llama.cpp for so many sequences where it is installed and it need not be quick."""
    found = [Apart(Transformers, path, FAST, setting.threads)]
    if has_llama_cpp() and not setting.quick:
        found.append(Apart(LlamaCpp, path, setting.threads, sequences))
    return found


def measured(setting: Setting, side: Side | Apart, measure: Measure, *given: int) -> float:
    """What is measured of a side, in the process that it is in."""
    if isinstance(side, Apart):
        return side.measured(measure, setting, *given)
    return measure(side, setting, *given)


def in_turns(
    setting: Setting, sides: Sequence[Side | Apart], measure: Measure, *given: int
) -> dict[str, list[float]]:
    """What is measured of each side, in rounds; the first of them warms up and is not counted.

    Each round begins with another side, so that none always has the caches that one of the others left.
    """
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    for number in range(setting.rounds + 1):
        first = number % len(sides)
        for side in (*sides[first:], *sides[:first]):
            figure = measured(setting, side, measure, *given)
            if number:
                found[side.name].append(figure)
    return found


def prompt(vocabulary: int = 32_000, length: int = PROMPT) -> list[int]:
    """Tokens at random, always the same."""
    numbers = random.Random(0)
    return [numbers.randrange(300, vocabulary) for _ in range(length)]


def prefill(side: Side, setting: Setting) -> float:
    """Tokens of a prompt a second."""
    ids = prompt()
    began = setting.clock()
    side.start(ids)
    return len(ids) / (setting.clock() - began)


def decode(side: Side, setting: Setting, sequences: int = 1, length: int = PROMPT) -> float:
    """Tokens a second of so many sequences together, after a prompt of that length."""
    tokens = side.start(prompt(length=length), sequences)
    began = setting.clock()
    for _ in range(setting.answer):
        tokens = side.step(tokens)
    return sequences * setting.answer / (setting.clock() - began)


@contextmanager
def closing(sides: Sequence[Side | Apart]) -> Generator[None]:
    """Their memory is given back afterwards."""
    try:
        yield
    finally:
        for side in sides:
            side.close()


@contextmanager
def scratch() -> Generator[Path]:
    """A folder for large files, on the disk that `TMPDIR` names."""
    with tempfile.TemporaryDirectory(prefix="engine-") as name:
        yield Path(name)


def load() -> float:
    """How many processes want a core, in the last minute."""
    return round(os.getloadavg()[0], 2)
