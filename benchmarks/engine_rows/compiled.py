"""What `torch.compile` does to passes that torch computes: prompts, and tokens without the native step."""

from collections.abc import Iterator

import torch
from engine_measure import Row, Setting, closing, decode, in_turns, prefill, row
from engine_sides import Ours, Side


def rows(setting: Setting) -> Iterator[Row]:
    """Of the real models, compiled beside as written; what is quick does not wait for the compiler."""
    for path in () if setting.quick else setting.models:
        sides: list[Side] = [
            Ours(
                path,
                torch.bfloat16,
                "float",
                setting.threads,
                name="compiled" if compiled else "as written",
                native=False,
                compiled=compiled,
            )
            for compiled in (True, False)
        ]
        with closing(sides):
            name = path.stem.partition("-")[0]
            for case, measure in (("prefill", prefill), ("decode without the native step", decode)):
                rates = in_turns(setting, sides, measure)
                yield row(f"{name} bf16 {case}, compiled", "tokens/s", rates, "as written", None)
