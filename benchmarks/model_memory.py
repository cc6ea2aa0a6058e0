"""What `agentkit models plan` says a process takes, and what fresh processes took.

    python benchmarks/model_memory.py

A process loads smollm2, or a model of random weights three times as large, reads a prompt of 2,040 tokens in
chunks and writes 8. Its anonymous memory is looked at every few milliseconds; the highest is the figure, and
of three processes the median: what the heap holds of freed memory differs by a few percent.
Pages of the file are not counted: the system takes them back when it wants.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from facts import machine_facts, write_result

from agentkit_local_models import sizes
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.training.hub_folder import save_hub
from agentkit_local_models.weights import weight_shapes

TOKENS, WRITTEN = 2_048, 8
PROCESSES = 3
LIMIT = 0.05
CASES: tuple[sizes.PlannedPrecision, ...] = ("float32", "bfloat16", "int8", "int4")
TEXT = Path(__file__).parents[1] / "tests/data/english/paragraphs.jsonl"


class Watch:
    """The most anonymous memory of this process since it began, in bytes."""

    def __init__(self) -> None:
        self.peak = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.peak = max(self.peak, 1024 * int(line.split()[1]))
            time.sleep(0.004)


def measure(path: Path, precision: sizes.PlannedPrecision) -> int:
    """In a process of its own."""
    watch = Watch()
    dtype = "auto" if precision in ("float32", "bfloat16") else "bfloat16"
    engine = Engine.load(path, precision=precision, dtype=dtype, threads=1)
    ids = engine.tokenizer.encode(TEXT.read_text(encoding="utf-8"))[: TOKENS - WRITTEN]
    for _ in engine.generate(ids, Sampling(temperature=0, max_tokens=WRITTEN)):
        pass
    time.sleep(0.02)
    return watch.peak


def larger(folder: Path) -> Path:
    """A folder with random weights of another shape: 16 layers, 1,024 wide, a head of its own."""
    with Checkpoint.open(path_of(SMOLLM2)) as checkpoint:
        arch = replace(
            checkpoint.config,
            width=1024, layers=16, heads=16, kv_heads=4, head_width=64, feed_forward_width=4096,
            tied_head=False,
        )  # fmt: skip
        random = torch.Generator().manual_seed(0)
        weights = {
            name: torch.randn(shape, generator=random) / shape[-1] ** 0.5
            for name, shape in weight_shapes(arch).items()
        }
        save_hub(replace(checkpoint, config=arch), weights, folder, torch.bfloat16, {})
    return folder


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(measure(Path(sys.argv[2]), cast("sizes.PlannedPrecision", sys.argv[3])))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        models = {"smollm2": path_of(SMOLLM2), "random": larger(Path(folder) / "random")}
        for name, path in models.items():
            with Checkpoint.open(path) as checkpoint:
                arch = checkpoint.config
            for precision in CASES:
                command = [sys.executable, __file__, "--measure", str(path), precision]
                runs = [
                    subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                    for _ in range(PROCESSES)
                ]
                measured = statistics.median(int(run.stdout) for run in runs)
                planned = sizes.memory(arch, precision, TOKENS).total
                off = planned / measured - 1
                rows.append(
                    {
                        "model": name,
                        "parameters": sizes.parameters(arch),
                        "precision": precision,
                        "planned_mb": round(planned / 1e6),
                        "measured_mb": round(measured / 1e6),
                        "off": round(off, 4),
                        "holds": abs(off) <= LIMIT,
                    }
                )
                print(json.dumps(rows[-1]), flush=True)
    facts = machine_facts("torch", "tokenizers")
    write_result("model_memory", {"tokens": TOKENS, "limit": LIMIT, "rows": rows, "machine": facts})


if __name__ == "__main__":
    main()
