"""Prefill, and decode of one and of eight sequences: in bfloat16, 8 and 4 bits, at four sizes."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch
from engine_apart import Apart
from engine_files import SHAPES, in_other_bits, random_file, streamed_bytes
from engine_measure import FAST, Row, Setting, closing, decode, in_turns, peers, prefill, row
from engine_sides import Ours, Side

SEQUENCES: Final = 8
READ_BYTES: Final = 1 << 30
# What is asked of decode beside transformers in bfloat16, and of the memory's speed.
BESIDE_TRANSFORMERS: Final = {("125M", "bf16"): 3.0, ("125M", "q8_0"): 6.0}
OF_THE_MEMORY: Final = {("1.1B", "bf16"): 0.85, ("1.1B", "q8_0"): 0.85, ("1.1B", "q4_0"): 0.70}
BESIDE_LLAMA_CPP: Final = 1.7
EIGHT_BESIDE_THE_BETTER: Final = 1.5


def rows(setting: Setting) -> Iterator[Row]:
    """Every model in every kind."""
    for path in setting.models:
        name = path.stem.partition("-")[0]
        own = path.stem.rpartition("-")[2].rpartition(".")[2].lower()
        yield from _kind(setting, name, own, path)
        if not setting.quick:
            for kind in _kinds("bf16", "q8_0"):
                made = in_other_bits(path, kind, setting.folder)
                yield from _kind(setting, name, kind, made)
                made.unlink()
    for shape in SHAPES:
        if shape.name in setting.shapes:
            for kind in _kinds("bf16", "q8_0", "q4_0"):
                made = random_file(shape, kind, setting.folder)
                yield from _kind(setting, shape.name, kind, made)
                made.unlink()


def _kinds(*kinds: str) -> Iterator[str]:
    """Without bfloat16 where it has to be converted to be multiplied: nobody would load it so there."""
    return (kind for kind in kinds if kind != "bf16" or torch.bfloat16 == FAST)


def _kind(setting: Setting, model: str, kind: str, path: Path) -> Iterator[Row]:
    """All rows of one file."""
    form = "float" if kind == "bf16" else "file"
    ours = Ours(path, FAST, form, setting.threads)
    others = peers(setting, path, SEQUENCES)
    sides = [ours, *others]
    transformers, llama = others[0], others[1] if len(others) > 1 else None
    with closing(sides):
        rates = in_turns(setting, sides, decode)
        case = f"{model} {kind} decode"
        bar = BESIDE_TRANSFORMERS.get((model, kind))
        yield row(case, "tokens/s", rates, transformers.name, bar)
        if llama is not None:
            yield row(case, "tokens/s", rates, llama.name, BESIDE_LLAMA_CPP)
        if (share := OF_THE_MEMORY.get((model, kind))) is not None:
            size = streamed_bytes(path) / 1e9
            read = [size * rate for rate in rates[ours.name]]
            yield row(
                f"{case}, weights read",
                "GB/s",
                {"ours": read, "memory": _reading(setting, len(read))},
                "memory",
                share,
            )
        yield from _prefill(setting, f"{model} {kind} prefill", sides, kind)
        if not setting.quick:
            rates = in_turns(setting, sides, decode, SEQUENCES)
            better = max((peer.name for peer in others), key=lambda name: statistics.median(rates[name]))
            case = f"{model} {kind} decode of {SEQUENCES}"
            yield row(case, "tokens/s", rates, better, EIGHT_BESIDE_THE_BETTER)


def _prefill(setting: Setting, case: str, sides: Sequence[Side | Apart], kind: str) -> Iterator[Row]:
    rates = in_turns(setting, sides, prefill)
    for side in sides[1:]:
        beside_llama_cpp = 2.0 if kind == "q8_0" else None
        theirs = 1.0 if side.name.startswith("transformers") else beside_llama_cpp
        yield row(case, "tokens/s", rates, side.name, theirs)


def _reading(setting: Setting, times: int) -> list[float]:
    """How fast a matrix of 1 GiB is read once, in GB/s: each thread adds up rows of its own."""
    matrix = torch.ones(READ_BYTES // 4 // 4_096, 4_096)
    found: list[float] = []
    for _ in range(times + 1):
        began = setting.clock()
        matrix.sum(1)
        found.append(READ_BYTES / 1e9 / (setting.clock() - began))
    return found[1:]
