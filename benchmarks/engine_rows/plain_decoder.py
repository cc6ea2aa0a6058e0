"""The engine beside its own readable reference, which is what it was before it had kernels and pages."""

from collections.abc import Iterator
from typing import Final

import torch
from engine_apart import Apart
from engine_measure import Row, Setting, closing, decode, in_turns, row
from engine_sides import Ours, Plain, Side

# Asked of the large embedded model, whose file has four bits.
FASTER: Final = {"qwen2.5": 3.0}


def rows(setting: Setting) -> Iterator[Row]:
    """Of the real models, as their files lie; the reference has their weights in bfloat16."""
    for path in () if setting.quick else setting.models:
        sides: list[Side | Apart] = [
            Ours(path, torch.bfloat16, "file", setting.threads),
            Apart(Plain, path, torch.bfloat16, setting.threads),
        ]
        with closing(sides):
            rates = in_turns(setting, sides, decode)
            name = path.stem.partition("-")[0]
            bar = FASTER.get(name.lower())
            yield row(f"{name} decode, four bits", "tokens/s", rates, sides[1].name, bar)
