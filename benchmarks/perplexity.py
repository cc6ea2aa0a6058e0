"""What rounding the weights of smollm2 costs: perplexity on ordinary English against the file in float32.

    python benchmarks/perplexity.py [--paragraphs N] [--threads N]

`perplexity_files.py` measures files of every kind as llama.cpp writes them, and what llama.cpp loses.
Each of the first paragraphs of `tests/data/english` is scored alone, from its second token on; all later ones
are what `int4 calibrated` is rounded by. The matrices of the file
have 4 bits already (Q4_1), which rounding to int4 finds again and so does not change. `scaled` rows therefore
begin with a model that computes the same: each column of a matrix is multiplied by a seeded factor of 0.9 to
1.1, and what feeds it is divided by it. That takes all but the embedding off the file's grid: what was
rounded once is rounded again, on another grid. GGUF kinds are rounded by the `gguf` package.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from facts import machine_facts, write_result
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.calibrating import calibrated
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.linear import Weight
from agentkit_local_models.matrices import Blocks
from agentkit_local_models.model import Model
from agentkit_local_models.tokenizer import Tokenizer

TEXTS = Path(__file__).parents[1] / "tests/data/english/paragraphs.jsonl"
KINDS = ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
Logits = Callable[[list[int]], Tensor]
"""What is expected after each token of a text: float32 [T, vocabulary_size]."""


def texts_of(tokenizer: Tokenizer) -> list[list[int]]:
    """The paragraphs as tokens."""
    lines = TEXTS.read_text(encoding="utf-8").splitlines()
    return [tokenizer.encode(json.loads(line)["text"]) for line in lines]


def by(model: Model) -> Logits:
    """The model's, of a text in one piece."""
    return lambda ids: model.logits(ids, model.new_cache(), every=True)


def perplexity(logits_of: Logits, texts: Sequence[list[int]]) -> float:
    """Of the texts' tokens but the first of each."""
    loss, count = 0.0, 0
    for ids in texts:
        logits = logits_of(ids)
        targets = torch.tensor(ids[1:])
        loss += float(torch.nn.functional.cross_entropy(logits[:-1], targets, reduction="sum"))
        count += len(targets)
    return math.exp(loss / count)


def canonical(layer: int, part: str) -> str:
    """What the engine calls the weight of a layer's part."""
    return f"layers.{layer}.{part}.weight"


def scaled(
    weights: Mapping[str, Tensor], arch: Arch, named: Callable[[int, str], str] = canonical
) -> dict[str, Tensor]:
    """The same function, with every column of a layer's matrices in another scale."""
    result = dict(weights)
    generator = torch.Generator().manual_seed(0)

    def factors(count: int) -> Tensor:
        return torch.empty(count).uniform_(0.9, 1.1, generator=generator)

    for layer in range(arch.layers):
        for norm, readers in (
            ("attention", ("query", "key", "value")),
            ("feed_forward", ("gate", "up")),
        ):
            factor = factors(arch.width)
            name = named(layer, f"{norm}_norm")
            result[name] = weights[name] / factor
            for part in readers:
                name = named(layer, f"{norm}.{part}")
                result[name] = weights[name] * factor
        factor = factors(arch.feed_forward_width)
        result[named(layer, "feed_forward.up")] /= factor.unsqueeze(1)
        name = named(layer, "feed_forward.down")
        result[name] = weights[name] * factor
        factor = factors(arch.kv_heads * arch.head_width)
        result[named(layer, "attention.value")] /= factor.unsqueeze(1)
        shared = factor.view(arch.kv_heads, -1).repeat_interleave(arch.heads // arch.kv_heads, dim=0)
        name = named(layer, "attention.output")
        result[name] = weights[name] * shared.flatten()
    return result


def rounded(weights: Mapping[str, Tensor], kind: str) -> Iterable[tuple[str, Weight]]:
    """Matrices as blocks of a GGUF kind; the embedding, which is the head too, as Q8_0 as converters do."""
    for name, weight in weights.items():
        if weight.dim() == 1:
            yield name, weight
            continue
        one = "Q8_0" if name.startswith(("embed.", "head.")) else kind
        raw: Any = quantize(weight.numpy(), GGMLQuantizationType[one])
        yield name, Blocks(TensorKind[one], torch.as_tensor(raw))


def told(done: int, total: int, missed: float) -> None:
    print(f"  {done} of {total} blocks, hidden states {missed:.1%} off", flush=True)


def flags_parser() -> argparse.ArgumentParser:
    """How much is measured, and by how many threads."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--paragraphs", type=int, default=24)
    # one: the same sums on any machine, and no waiting for other cores
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main() -> None:
    parser = flags_parser()
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    with Checkpoint.open(path_of(SMOLLM2)) as checkpoint:
        every = texts_of(checkpoint.tokenizer)
        if flags.paragraphs >= len(every):
            parser.error(
                f"--paragraphs {flags.paragraphs}: of {len(every)}, some have to be left to round by"
            )
        texts, seen = every[: flags.paragraphs], every[flags.paragraphs :]
        exact = dict(checkpoint.load_weights(torch.float32))
        arch = checkpoint.config
        base = perplexity(by(Model(arch, exact.items(), torch.float32)), texts)
        rows: list[dict[str, Any]] = []

        def row(of: str, kept: str, model: Model) -> None:
            found = perplexity(by(model), texts)
            loss = round(found / base - 1, 5)
            rows.append({"of": of, "kept": kept, "perplexity": round(found, 4), "loss": loss})
            print(rows[-1], flush=True)

        row("file", "file", Model.from_checkpoint(checkpoint, torch.float32, "file"))
        row("file", "bfloat16", Model.from_checkpoint(checkpoint, torch.bfloat16))
        row("file", "float16", Model.from_checkpoint(checkpoint, torch.float16))
        eight = Model.from_checkpoint(checkpoint, torch.float32, cache="int8")
        row("file", "float32, cache int8", eight)
        row("file", "int8", Model.from_checkpoint(checkpoint, torch.float32, "int8"))
        row("file", "w8a8", Model.from_checkpoint(checkpoint, torch.float32, "w8a8"))
        row("file", "int4", Model.from_checkpoint(checkpoint, torch.float32, "int4"))
    off = scaled(exact, arch)
    row("scaled", "float32", Model(arch, off.items(), torch.float32))
    row("scaled", "int8", Model(arch, off.items(), torch.float32, "int8"))
    row("scaled", "w8a8", Model(arch, off.items(), torch.float32, "w8a8"))
    row("scaled", "int4", Model(arch, off.items(), torch.float32, "int4"))
    fitted = calibrated(arch, lambda names: ((name, off[name]) for name in names), seen, told)
    row("scaled", "int4 calibrated", Model(arch, fitted, torch.float32, "int4"))
    for kind in KINDS:
        row("scaled", kind, Model(arch, rounded(off, kind), torch.float32, "file"))
    tokens = sum(len(ids) - 1 for ids in texts)
    figures = {
        "tokens": tokens,
        "paragraphs": len(texts),
        "calibrated_by": sum(map(len, seen)),
        "float32": round(base, 4),
        "rows": rows,
    }
    write_result("perplexity", {**figures, "machine": machine_facts("torch", "gguf")})


if __name__ == "__main__":
    main()
