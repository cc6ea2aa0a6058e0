"""Our attention kernels on a GPU, beside torch's: right first, then how fast.

    python benchmarks/gpu/attention.py [--quick] [--tiles] [--dtype bfloat16|float16|float32]

It needs a CUDA build of torch and Triton, and nothing else: it runs from a clean checkout, without an
installation or the network. Results are compared with float32 before anything is timed, and a wrong one ends
it. Every line of its output is a JSON object; the first is the machine. TFLOP/s count 4 N² d a head forwards
and 2.5 times that backwards, half of it because attention is causal (Dao 2023). `--tiles` tries other tiles
than those of the table; `--quick` takes fewer lengths and repeats; `--trial` runs everything on tiny sizes in
Triton's interpreter, to see that it runs: its times mean nothing. Where a figure of the same size is
published of FlashAttention-2, a row says how many times that is.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from attention_rows import Sizes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "local_models"))


def missing(*, trial: bool) -> str:
    """What this machine lacks; empty where the benchmark can run."""
    if find_spec("torch") is None:
        return "torch is not installed; a CUDA build of it brings Triton"
    import torch

    if not trial and not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no GPU"
    if find_spec("triton") is None:
        return "Triton is not installed; run: pip install triton"
    if not trial and os.environ.get("TRITON_INTERPRET") == "1":
        return "TRITON_INTERPRET=1 keeps kernels on the processor; unset it"
    return ""


def machine(device: str) -> dict[str, Any]:
    """What the numbers were measured on."""
    import torch

    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    facts: dict[str, Any] = {
        "row": "machine",
        "torch": str(torch.__version__),
        "triton": metadata.version("triton"),
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip() or "none",
    }
    if device == "cpu":
        return {**facts, "gpu": "none: tried out in the interpreter"}
    card = cast("Any", torch.cuda.get_device_properties(0))  # pyright: ignore[reportUnknownMemberType]
    return {
        **facts,
        "gpu": card.name,
        "multiprocessors": card.multi_processor_count,
        "memory_gib": round(card.total_memory / 2**30),
        "capability": f"{card.major}.{card.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def sizes(*, quick: bool, trial: bool) -> "Sizes":
    """How much is measured."""
    from attention_rows import Sizes

    if trial:
        return Sizes("cpu", (64,), (2, 1), 16, 64, (32,), ((2, 1, 64),), ((2, 48),), (2, 1, 64), 1, 1 << 16)
    lengths = (1024, 4096, 16_384) if quick else (512, 1024, 2048, 4096, 8192, 16_384)
    # 2,048 numbers a token, as in Dao (2023), and the heads of Llama 3.1 8B
    shapes = ((16, 16, 128), (32, 8, 128), (32, 32, 64), (8, 8, 256))
    answers = ((1, 8192), (16, 4096), (64, 2048), (256, 1024))
    return Sizes(
        "cuda",
        (64, 80, 96, 128, 256),
        (8, 2),
        300,
        16_384,
        lengths,
        shapes[:2] if quick else shapes,
        answers,
        (32, 8, 128),
        5 if quick else 20,
        1 << 30,
    )


def say(row: dict[str, Any]) -> dict[str, Any]:
    """Print a row as a line of JSON, and give it back."""
    print(json.dumps(row), flush=True)
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, measure, print."""
    parser = argparse.ArgumentParser(description="Our attention kernels on a GPU, beside torch's.")
    parser.add_argument("--quick", action="store_true", help="fewer lengths and repeats")
    parser.add_argument("--tiles", action="store_true", help="try other tiles than those of the table")
    parser.add_argument(
        "--trial", action="store_true", help="tiny sizes in Triton's interpreter; no measurement"
    )
    parser.add_argument("--dtype", choices=["bfloat16", "float16", "float32"], default="bfloat16")
    options = parser.parse_args(arguments)
    if lack := missing(trial=options.trial):
        print(f"benchmarks/gpu/attention.py needs a GPU, torch for CUDA, and Triton: {lack}", file=sys.stderr)
        return 1
    if options.trial:
        os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported
    import torch
    from attention_rows import Bench
    from published import ATTENTION

    bench = Bench(getattr(torch, options.dtype), sizes(quick=options.quick, trial=options.trial))
    say(machine(bench.sizes.device))
    wrong = [row for row in bench.checks() if not say(row)["right"]]
    if wrong:
        print(f"{len(wrong)} results are wrong; nothing was timed", file=sys.stderr)
        return 1
    for one in ATTENTION:
        say({"row": "published", **one})
    for shape in bench.sizes.shapes:
        for length in bench.sizes.lengths:
            for row in bench.sequences(shape, length, tiles=options.tiles):
                say(row)
    for count, length in bench.sizes.answers:
        say(bench.answers(count, length))
    return 0


if __name__ == "__main__":
    sys.exit(main())
