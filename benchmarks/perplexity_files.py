"""What a file's bits cost smollm2, and what is lost in reading them: here, and by llama.cpp.

    python benchmarks/perplexity_files.py [--paragraphs N] [--threads N]

llama.cpp itself (`pip install llama-cpp-python`) rounds every matrix to a kind, but the embedding, which is
the head too and has 8 bits. What is rounded is smollm2 off the grid of its file (see `perplexity.py`), and
wider: its width of 576 is not whole blocks of the 256 numbers that kinds with a K have, and llama.cpp would
take another kind. So zeros are put behind, up to 768: heads that read and write nothing, and norms that
count the zeros out. The model computes what it did, which the row F32 shows.

Three perplexities of each file: its weights dequantised to float32, with nothing else rounded; a few tokens
at a time, as the engine computes answers, by the native step in bfloat16; and llama.cpp's, with its own
choices. The first is told against the model that was not rounded, the others against the first, which has
the same weights.
"""

import ctypes
import importlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from engine_files import with_other_weights
from engine_sides import CHUNK, LlamaCpp, unheard
from facts import machine_facts, write_result
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize
from perplexity import Logits, by, flags_parser, perplexity, scaled, texts_of

from agentkit_local_models.arch import Arch
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.loading import load_model
from agentkit_local_models.model import Model
from agentkit_local_models.native.model import MOST_ROWS
from agentkit_local_models.weights import GGUF_PARTS

KINDS = ("F32", "BF16", "F16", "Q8_0", "Q6_K", "Q5_K", "Q5_1", "Q5_0", "Q4_K", "Q4_1", "Q4_0")
BLOCK = 256


def wide_and_off_its_grid(source: Path, arch: Arch, path: Path) -> Path:
    """The same model in float32, in whole blocks of 256 numbers, with each column in another scale."""
    reader: Any = GGUFReader(source)
    weights = {one.name: torch.tensor(dequantize(one.data, one.tensor_type)) for one in reader.tensors}
    weights = scaled(weights, arch, lambda layer, part: f"blk.{layer}.{GGUF_PARTS[part]}.weight")
    heads = -(-arch.width // BLOCK) * BLOCK // arch.head_width
    kv_heads = heads * arch.kv_heads // arch.heads
    wider = {
        arch.width: heads * arch.head_width,
        arch.kv_heads * arch.head_width: kv_heads * arch.head_width,
    }
    share = arch.width / (heads * arch.head_width)  # of the numbers that a norm takes the mean of

    def widened(values: np.ndarray) -> np.ndarray:
        behind = [(0, wider.get(size, size) - size) for size in values.shape]
        return np.pad(values * np.float32(share**0.5) if values.ndim == 1 else values, behind)

    settings = {
        "llama.embedding_length": heads * arch.head_width,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": kv_heads,
        "llama.attention.layer_norm_rms_epsilon": arch.norm_epsilon * share,
    }
    return with_other_weights(
        source, {name: widened(values.numpy()) for name, values in weights.items()}, settings, path
    )


def rounded(source: Path, kind: str, path: Path, threads: int) -> Path:
    """The file as llama.cpp writes it in a kind.

    Raises:
        RuntimeError: it does not.
    """
    c: Any = importlib.import_module("llama_cpp")
    quiet = c.llama_log_callback(unheard)
    c.llama_log_set(quiet, ctypes.c_void_p(0))
    settings = c.llama_model_quantize_default_params()
    ending = f"{kind}_S" if kind in ("Q5_K", "Q4_K") else kind
    settings.ftype = c.LLAMA_FTYPE_ALL_F32 if kind == "F32" else getattr(c, f"LLAMA_FTYPE_MOSTLY_{ending}")
    settings.nthread = threads
    settings.pure = True
    if kind.startswith("Q"):
        settings.token_embedding_type = int(GGMLQuantizationType.Q8_0)
    failed = c.llama_model_quantize(str(source).encode(), str(path).encode(), ctypes.byref(settings))
    if failed:
        raise RuntimeError(f"llama.cpp does not round {source} to {kind}")
    return path


def as_answers(path: Path, threads: int) -> Logits:
    """By the native step, in pieces that are one call of it."""
    with Checkpoint.open(path) as checkpoint:
        loaded = load_model(
            checkpoint,
            "file",
            torch.bfloat16,
            None,
            native=True,
            threads=threads,
            device=torch.device("cpu"),
        )
    if loaded.why_not:
        raise RuntimeError(f"without the native step: {loaded.why_not}")
    model: Any = loaded.model

    def logits(ids: list[int]) -> torch.Tensor:
        cache = model.new_cache()
        starts = range(0, len(ids), MOST_ROWS)
        return torch.cat([model.logits(ids[at : at + MOST_ROWS], cache, every=True) for at in starts])

    return logits


def exactly(path: Path) -> Logits:
    """By the file's weights in float32."""
    with Checkpoint.open(path) as checkpoint:
        return by(Model.from_checkpoint(checkpoint, torch.float32))


def by_llama_cpp(path: Path, threads: int, texts: list[list[int]]) -> float:
    """llama.cpp's perplexity."""
    peer = LlamaCpp(path, threads, 1)
    try:
        return perplexity(peer.every, texts)
    finally:
        peer.close()


def matrices(path: Path) -> dict[str, int]:
    """How many of each kind a file holds."""
    reader: Any = GGUFReader(path)
    return dict(Counter(one.tensor_type.name for one in reader.tensors if len(one.shape) > 1))


def main() -> None:
    """Measure and write."""
    parser = flags_parser()
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    source = path_of(SMOLLM2)
    with Checkpoint.open(source) as checkpoint:
        texts, arch = texts_of(checkpoint.tokenizer)[: flags.paragraphs], checkpoint.config
    if longest := [ids for ids in texts if len(ids) > CHUNK]:
        parser.error(f"a paragraph of {len(longest[0])} tokens: llama.cpp is given {CHUNK} at once")
    unrounded = perplexity(exactly(source), texts)
    rows: list[dict[str, Any]] = []

    def row(kind: str, path: Path) -> None:
        found = perplexity(exactly(path), texts)
        rows.append(
            {
                "kind": kind,
                "matrices": matrices(path),
                "perplexity": round(found, 4),
                "rounding": round(found / unrounded - 1, 5),
                "ours": round(perplexity(as_answers(path, flags.threads), texts) / found - 1, 5),
                "llama_cpp": round(by_llama_cpp(path, flags.threads, texts) / found - 1, 5),
            }
        )
        print(rows[-1], flush=True)

    row("the file", source)
    with tempfile.TemporaryDirectory() as folder:
        wide = wide_and_off_its_grid(source, arch, Path(folder) / "wide.gguf")
        for kind in KINDS:
            path = rounded(wide, kind, Path(folder) / f"{kind}.gguf", flags.threads)
            row(kind, path)
            path.unlink()
    figures = {
        "tokens": sum(len(ids) - 1 for ids in texts),
        "paragraphs": len(texts),
        "float32": round(unrounded, 4),
        "rows": rows,
    }
    machine = machine_facts("torch", "gguf", "llama_cpp_python")
    write_result("perplexity_files", {**figures, "machine": machine})


if __name__ == "__main__":
    main()
