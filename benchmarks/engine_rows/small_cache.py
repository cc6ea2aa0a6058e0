"""What a cache of 8 bits costs or brings in time: tokens after a long prompt, by the native step."""

from collections.abc import Iterator
from typing import Final

from engine_measure import FAST, Row, Setting, closing, decode, in_turns, row
from engine_sides import CONTEXT, Ours, Side

PROMPT: Final = 1_900


def rows(setting: Setting) -> Iterator[Row]:
    """Of the real models, as their files lie; not where it is to be quick."""
    for path in () if setting.quick else setting.models:
        sides: list[Side] = [
            Ours(path, FAST, "file", setting.threads, name=f"cache {form}", cache=form)
            for form in ("int8", "float")
        ]
        assert PROMPT + setting.answer < CONTEXT
        with closing(sides):
            rates = in_turns(setting, sides, decode, 1, PROMPT)
            name = path.stem.partition("-")[0]
            yield row(
                f"{name} decode after {PROMPT:,} tokens, cache int8", "tokens/s", rates, "cache float", None
            )
