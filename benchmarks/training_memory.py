"""How much memory a training takes, against what `training.memory` says before.

    python benchmarks/training_memory.py [--rows NUMBER...]

Each training runs in a process of its own: a small one first, which loads what torch loads late; then
the weights, two steps, and in the second a full pack. What is measured is the most that was resident
(`VmHWM`) less what was resident before the weights were there. It runs twice: with an allocator that
gives all memory back at once, against the bytes in use at the peak; and with glibc's own, which leaves
holes, against the bytes that are expected to be resident. The result is written after each row; rows
that are not named keep what was measured before.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from facts import RESULTS, machine_facts, write_result

from agentkit_local_models.arch import Arch
from agentkit_local_models.catalogue import find, path_of
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.lora import Adapter, LoraConfig
from agentkit_local_models.precision import DTYPES, Precision
from agentkit_local_models.training.memory import PackShape, estimate
from agentkit_local_models.training.packs import Conversation, schedule
from agentkit_local_models.training.recipe import Data, Recipe, Training
from agentkit_local_models.training.trained import Weights
from agentkit_local_models.training.trainer import Trainee, Trainer
from agentkit_local_models.weights import weight_shapes

SMALL = Arch(
    family="llama",
    vocabulary_size=512,
    width=256,
    layers=1,
    heads=4,
    kv_heads=2,
    head_width=64,
    feed_forward_width=512,
    rope_base=10_000.0,
    norm_epsilon=1e-5,
    context=4096,
    tied_head=True,
    qkv_bias=False,
)
MEDIUM = replace(
    SMALL, vocabulary_size=16_000, width=512, layers=8, heads=8, kv_heads=4, feed_forward_width=1536
)
OTHER = replace(MEDIUM, kv_heads=8, tied_head=False, qkv_bias=True, family="qwen2", layers=6)
GEMMA = replace(
    MEDIUM,
    family="gemma3",
    query_key_norm=True,
    post_norms=True,
    norm_offset=1.0,
    activation="gelu-tanh",
    window=128,
    windowed=(True,) * 7 + (False,),
)
MPT = replace(
    MEDIUM,
    family="mpt",
    kv_heads=8,
    position="alibi",
    norm="layer",
    gated=False,
    activation="gelu",
    feed_forward_width=2048,
)
MODELS = {"small": SMALL, "medium": MEDIUM, "qwen2-like": OTHER, "gemma-like": GEMMA, "mpt-like": MPT}
ADAPTER = LoraConfig(rank=16)
ATTENTION = LoraConfig(rank=8, targets=("attention.query", "attention.value"))
DROPOUT = LoraConfig(rank=16, dropout=0.1)
NO_HOLES = {"MALLOC_MMAP_THRESHOLD_": "65536"}
"""glibc then maps every block of 64 KiB and more by itself, and gives it back when it is freed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One training: a model of `MODELS` or of the catalogue, and what is done with it."""

    model: str
    dtype: Precision
    lora: LoraConfig | None
    shape: PackShape


ONE, SHARED = PackShape(0, 1, 1000, 300), PackShape(200, 8, 150, 200)
ROWS = (
    Row("medium", "bfloat16", ADAPTER, ONE),
    Row("medium", "bfloat16", ADAPTER, SHARED),
    Row("medium", "float32", ADAPTER, ONE),
    Row("medium", "float32", ADAPTER, SHARED),
    Row("medium", "bfloat16", None, ONE),
    Row("medium", "bfloat16", None, SHARED),
    Row("medium", "float32", None, ONE),
    Row("medium", "float32", None, SHARED),
    Row("medium", "float32", ATTENTION, ONE),
    Row("medium", "bfloat16", DROPOUT, ONE),
    Row("qwen2-like", "float32", ADAPTER, ONE),
    Row("qwen2-like", "bfloat16", None, SHARED),
    Row("smollm2", "bfloat16", LoraConfig(), PackShape(0, 1, 1000, 500)),
    Row("smollm2", "bfloat16", LoraConfig(), PackShape(0, 1, 2000, 1000)),
    Row("smollm2", "bfloat16", LoraConfig(), PackShape(1000, 5, 200, 500)),
    Row("smollm2", "bfloat16", LoraConfig(), PackShape(0, 1, 1000, 999, general=True)),
    Row("smollm2", "float32", LoraConfig(), PackShape(400, 4, 150, 200)),
    Row("smollm2", "bfloat16", None, PackShape(0, 1, 1000, 500)),
    Row("gemma-like", "float32", ADAPTER, ONE),
    Row("gemma-like", "float32", None, SHARED),
    Row("mpt-like", "float32", ADAPTER, ONE),
    Row("mpt-like", "float32", None, SHARED),
)


def conversations(shape: PackShape) -> list[Conversation]:
    """Conversations that make one pack of a shape: each learns its share of the tokens, at its end."""
    each, more = divmod(shape.learnt, shape.count)
    learnt = [each + (number < more) for number in range(shape.count)]
    return [
        Conversation(
            prefix=(1,) * shape.prefix,
            ids=(2,) * shape.length,
            learn=(False,) * (shape.length - count) + (True,) * count,
            general=shape.general,
        )
        for count in learnt
    ]


def train(config: Arch, weights: Callable[[], Weights], row: Row) -> None:
    """Two steps of two packs each; only the last of these is full, so that it finds all there is to find.

    The weights are made for the trainee alone: it keeps them in a form of its own, and lets go of theirs.
    """
    full = conversations(row.shape)
    short = [
        Conversation((3,) * (9 + n), (4,) * (16 - n), (True,) * (16 - n), row.shape.general) for n in range(3)
    ]
    every = full + short
    tokens = row.shape.tokens

    def is_last(seed: int) -> bool:
        packs = list(islice(schedule(every, [], share=0.0, most_tokens=tokens, seed=seed), 4))
        return packs[3][0].prefix == full[0].prefix

    training = Training(
        steps=2,
        warmup=0,
        pack_tokens=tokens,
        step_tokens=26,  # more than one short pack has
        dtype=row.dtype,
        seed=next(seed for seed in range(1000) if is_last(seed)),
    )
    adapter = None if row.lora is None else Adapter.fresh(row.lora, config, seed=0)
    trainee = Trainee(config, weights(), adapter, DTYPES[row.dtype])
    trainer = Trainer(Recipe(model="", data=Data(files=()), training=training), trainee, every, [])
    steps = [trainer.step(), trainer.step()]
    assert steps[1].tokens == 25 + tokens, steps


def random_weights(config: Arch, dtype: torch.dtype) -> Weights:
    """Weights that are there, no more."""
    return {
        name: torch.empty(shape, dtype=dtype).normal_(std=0.02)
        for name, shape in weight_shapes(config).items()
    }


def resident() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def most_resident() -> int:
    """The most bytes of this process that were in memory at once.

    Not `ru_maxrss`: Linux hands that of the process before `exec` on to the one after it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def measured(row: Row) -> dict[str, Any]:
    """Run a row in this process: what it took, and what it was expected to take, in bytes."""
    torch.set_num_threads(1)  # a long training may be running beside
    dtype = DTYPES[row.dtype]
    first = Row("small", row.dtype, ADAPTER, PackShape(0, 1, 256, 9))
    train(SMALL, lambda: random_weights(SMALL, dtype), first)
    if row.model in MODELS:
        config, before = MODELS[row.model], resident()
        train(config, lambda: random_weights(config, dtype), row)
    else:
        with Checkpoint.open(path_of(find(row.model))) as checkpoint:
            config, before = checkpoint.config, resident()
            train(config, lambda: dict(checkpoint.load_weights(dtype)), row)
    took = most_resident() - before
    need = estimate(config, row.shape, row.lora, row.dtype)
    return {"libraries": before, "took": took, "in_use": need.peak, "resident": need.resident}


def in_a_process(number: int, *, holes: bool) -> dict[str, Any]:
    """Run a row in a process of its own."""
    command = [sys.executable, __file__, "--here", str(number)]
    environment = {**os.environ, **({} if holes else NO_HOLES)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def compared(number: int, row: Row) -> dict[str, Any]:
    """Measure a row both ways, print its line, and return it."""
    exact, usual = in_a_process(number, holes=False), in_a_process(number, holes=True)
    kind = "all weights" if row.lora is None else f"rank {row.lora.rank}"
    line: dict[str, Any] = {
        "model": row.model,
        "dtype": row.dtype,
        "lora": None if row.lora is None else asdict(row.lora),
        "pack": asdict(row.shape),
        "libraries_bytes": usual["libraries"],
    }
    texts = [f"{row.model:<10} {row.dtype:<8} {kind:<11} {row.shape.tokens:>4} tokens"]
    for what, expected, run in (("in_use", exact["in_use"], exact), ("resident", usual["resident"], usual)):
        ratio = round(expected / run["took"], 3)
        line |= {f"{what}_estimated": expected, f"{what}_measured": run["took"], f"{what}_ratio": ratio}
        texts.append(f"{expected / 1e6:5.0f} / {run['took'] / 1e6:5.0f} = {ratio:.2f}")
    print(*texts, flush=True)
    return line


def main() -> None:
    """Measure the rows, print the table, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(range(len(ROWS))))
    parser.add_argument("--here", type=int, help="measure this row in this process, and print it as JSON")
    given = parser.parse_args()
    here: int | None = given.here
    if here is not None:
        print(json.dumps(measured(ROWS[here])))
        return
    path = RESULTS / "training-memory.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    print(f"{'estimated / measured':<42} {'MB in use':>20} {'MB resident':>20}")
    numbers: list[int] = given.rows
    for number in numbers:
        known[str(number)] = compared(number, ROWS[number])
        rows = {name: known[name] for name in sorted(known, key=int)}
        write_result("training-memory", {"rows": rows, "machine": machine_facts("torch")})


if __name__ == "__main__":
    main()
