"""Decoding on a GPU: right first, then how fast.

    python benchmarks/gpu/decode.py [--models NAME ...] [--forms float|int8|int4 ...] [--batches N ...]

It needs a CUDA build of torch and Triton, and nothing else: it runs from a clean checkout, without an
installation or the network, on random weights of the sizes of Llama-3.1-8B, Llama-3.2-1B and ChatGLM2-6B.
The whole step is held against float32 on the processor before anything is timed, and a wrong one ends it.
Every line of its output is a JSON object: one answer in tokens a second and as a share of the bandwidth that
copying reaches, 1 to 256 answers at once, transformers in the same run where it is installed, and the figures
that others published. `--trial` runs everything on tiny sizes in Triton's interpreter, to see that it runs:
its times mean nothing.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from attention import machine, missing, say


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="of `shapes.py`; all, if left out")
    parser.add_argument("--forms", nargs="+", choices=("float", "int8", "int4"))
    parser.add_argument("--batches", nargs="+", type=int, metavar="N", help="answers at once")
    parser.add_argument(
        "--trial", action="store_true", help="tiny sizes in Triton's interpreter; no measurement"
    )
    asked = parser.parse_args(arguments)
    if lack := missing(trial=asked.trial):
        print(f"benchmarks/gpu/decode.py needs a GPU, torch for CUDA, and Triton: {lack}", file=sys.stderr)
        return 1
    if asked.trial:
        os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported
    from decode_rows import rows, sizes

    say(machine("cpu" if asked.trial else "cuda"))
    for row in rows(sizes(asked.models, asked.forms, asked.batches, trial=asked.trial)):
        say(row)
        if not row.get("right", True):
            print("a result is wrong; nothing was timed", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
