"""How the memory of a prompt grows that is computed as one piece: with its length, not with its square."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from engine_measure import Row, Setting, prompt

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.loading import load_model
from agentkit_local_models.model import Model

TOKENS: Final = 2_048
# Of twice the memory of half the tokens; four times as much would be half.
LINEAR: Final = 0.9


def rows(setting: Setting) -> Iterator[Row]:
    """Of the smallest of the real models: what does not hang on its size."""
    for path in () if setting.quick else sorted(setting.models, key=lambda path: path.stat().st_size)[:1]:
        model = _loaded(path, setting.threads)
        half, whole = (2 * _most(model, TOKENS) / 1e6, _most(model, 2 * TOKENS) / 1e6)
        yield Row(
            f"{path.stem.partition('-')[0]} prefill of {2 * TOKENS:,} tokens at once, memory",
            "MB (less is better)",
            round(whole, 1),
            f"twice that of {TOKENS:,}",
            round(half, 1),
            round(half / whole, 3),
            LINEAR,
        )


def _loaded(path: Path, threads: int) -> Any:
    torch.set_num_threads(threads)
    with Checkpoint.open(path) as checkpoint:
        return load_model(
            checkpoint, "float", torch.bfloat16, None, native=False, threads=threads,
            device=torch.device("cpu"),
        ).model  # fmt: skip


def _most(model: Model, count: int) -> int:
    """The most bytes that torch holds at once beside the weights while so many tokens are computed."""
    ids, cache = prompt(length=count), model.new_cache()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(profile_memory=True, activities=activities) as seen:
        model.hidden([(ids, cache)])
    profiler: Any = seen.profiler
    now = most = 0
    for event in profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return most
