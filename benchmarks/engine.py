"""Tokens a second of local models, beside transformers and llama.cpp on the same weights.

    python benchmarks/engine.py [--quick] [--threads N] [--rounds N] [--only MODULE ...] [--model PATH ...]

Every side reads the same file, in turns; peers are processes of their own (`engine_apart.py`). Needs
the `oracle` dependencies; llama.cpp is beside them where `llama-cpp-python` is installed. With one
thread the clock is the process's processor time, which is what to take on a machine that others use
too. `--quick` is the rows of SmolLM2 beside transformers. Without --model all embedded models that were
fetched are measured. Rows come from the modules in `engine_rows/`.
"""

import argparse
import importlib
import os
import pkgutil
from dataclasses import asdict
from pathlib import Path

# A thread that spins while it waits for the other takes the other's core when the machine is busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import engine_rows
import torch
from engine_apart import has_llama_cpp
from engine_files import SHAPES
from engine_measure import FAST, Row, Setting, load, scratch
from facts import machine_facts, write_result

MODELS = Path(os.environ.get("AGENTKIT_MODELS_DIR", Path.home() / ".cache/agentkit/models"))


def main() -> None:
    """Measure, print, and write `results/engine.json`; with `--only` and the like a file named after them."""
    modules = sorted(module.name for module in pkgutil.iter_modules(engine_rows.__path__))
    parser = argparse.ArgumentParser(description="Tokens a second, beside transformers and llama.cpp.")
    parser.add_argument("--quick", action="store_true", help="only SmolLM2, only beside transformers")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", action="append", choices=modules, help="the rows of this module")
    parser.add_argument("--model", type=Path, action="append", help="a GGUF file")
    parser.add_argument("--shape", action="append", choices=[shape.name for shape in SHAPES])
    parser.add_argument("--print", action="store_true", help="leave the result file as it is")
    arguments = parser.parse_args()
    found_here = "smollm2/*.gguf" if arguments.quick else "*/*.gguf"
    paths: list[Path] = arguments.model or sorted(MODELS.glob(found_here))
    if not paths:
        parser.error("no model here; run: agentkit models fetch smollm2")
    before = load()
    if not has_llama_cpp() and not arguments.quick:
        print("llama-cpp-python is not installed: its rows are left out")
    found: list[Row] = []
    with scratch() as folder:
        setting = Setting(
            threads=arguments.threads,
            rounds=arguments.rounds or (3 if arguments.quick else 5),
            answer=24 if arguments.quick else 48,
            models=tuple(paths),
            shapes=() if arguments.quick else tuple(arguments.shape or (shape.name for shape in SHAPES)),
            folder=folder,
            quick=arguments.quick,
        )
        for name in arguments.only or modules:
            for row in importlib.import_module(f"engine_rows.{name}").rows(setting):
                found.append(row)
                print(line(row), flush=True)
    if arguments.print:
        return
    written = write_result(
        "_".join(
            [
                *("engine", *(arguments.only or ())),
                *(["quick"] if arguments.quick else arguments.shape or ()),
                *([] if torch.bfloat16 == FAST else ["without_bfloat16"]),
            ]
        ),
        {
            "threads": setting.threads,
            "clock": "processor time" if setting.threads == 1 else "wall",
            "rounds": setting.rounds,
            "answer_tokens": setting.answer,
            "wait_policy": os.environ["OMP_WAIT_POLICY"],
            "wait_policy_of_peers": "their own, each in a process of its own",
            "load_before": before,
            "load_after": load(),
            "rows": [{**asdict(row), "holds": row.holds} for row in found],
            "machine": machine_facts("torch", "transformers"),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        },
    )
    print(f"written to {written}")


def line(row: Row) -> str:
    """The row as a person reads it."""
    verdict = "" if row.bar is None else f"  bar {row.bar:g}: {'holds' if row.holds else 'missed'}"
    return (
        f"{row.case:<44} {row.ours:9.2f}  {row.peer:<22} {row.peers:9.2f}  {row.unit:<9}"
        f" ratio {row.ratio:6.2f}{verdict}"
    )


if __name__ == "__main__":
    main()
