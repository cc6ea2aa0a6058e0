"""Models of each family as llama.cpp's converter writes them, beside the hub folders they are made of."""

from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.families import read_family
from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.gguf_families import GGUF_FAMILIES

from .gguf_writer import byte_level_metadata, float_tensor, gguf_bytes
from .test_checkpoint import hub_folder, permuted
from .test_families import theirs

ARCHITECTURES = {
    "llama": "llama",
    "llama, biases": "llama",
    "llama 3.1": "llama",
    "llama, linear": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "gemma": "gemma",
    "gemma 2": "gemma2",
    "gemma 3": "gemma3",
    "phi 3": "phi3",
    "phi 3, long": "phi3",
    "phi 4, part of a head": "phi3",
    "glm 4": "chatglm",
}
# what a file cannot tell, as the published models have it
PUBLISHED: dict[str, dict[str, Any]] = {
    "gemma 2": {"query_pre_attn_scalar": 16},
    "gemma 3": {"query_pre_attn_scalar": 16},
}
TOKENS = list(range(60))


def metadata(kind: str, arch: Arch, model: Any) -> dict[str, Any]:
    """What the converter writes of a model."""
    family = ARCHITECTURES[kind]
    given = {
        "block_count": arch.layers,
        "context_length": model.config.max_position_embeddings,
        "embedding_length": arch.width,
        "feed_forward_length": arch.feed_forward_width,
        "attention.head_count": arch.heads,
        "attention.head_count_kv": arch.kv_heads,
        "attention.key_length": arch.head_width,
        "attention.value_length": arch.head_width,
        "attention.layer_norm_rms_epsilon": arch.norm_epsilon,
        "rope.freq_base": arch.rope_base,
        "rope.dimension_count": arch.rotated,
    }
    if arch.window and family != "llama":
        given["attention.sliding_window"] = arch.window
    if arch.attention_cap:
        given |= {"attn_logit_softcapping": arch.attention_cap, "final_logit_softcapping": arch.logit_cap}
    if (scaling := arch.rope_scaling) and scaling.kind == "linear":
        given |= {"rope.scaling.type": "linear", "rope.scaling.factor": scaling.factor}
    if "long" in kind:
        given |= {
            "rope.scaling.type": "longrope",
            "rope.scaling.attn_factor": scaling.attention_factor,
            "rope.scaling.original_context_length": scaling.original_context,
        }
    return {"general.architecture": family, **{f"{family}.{key}": value for key, value in given.items()}}


def converted(name: str, values: Tensor, kind: str, arch: Arch) -> Tensor:
    """What the converter does to a tensor."""
    heads = {"attn_q": arch.heads, "attn_k": arch.kv_heads}.get(name.split(".")[-2])
    if ARCHITECTURES[kind] == "llama" and heads:
        return permuted(values, heads)
    if kind.startswith("gemma") and "norm" in name:
        return values + 1
    return values


def fused(stored: dict[str, Tensor], layer: int) -> dict[str, Tensor]:
    """Query, key and value of GLM as the published files have them: one matrix."""
    at = f"model.layers.{layer}.self_attn"
    return {
        f"blk.{layer}.attn_qkv.{leaf}": torch.cat([stored.pop(f"{at}.{part}_proj.{leaf}") for part in "qkv"])
        for leaf in ("weight", "bias")
    }


def llama3_factors(arch: Arch) -> Tensor:
    """By what the converter (`LlamaModel.generate_extra_tensors`) divides each frequency."""
    scaling = arch.rope_scaling
    assert scaling
    found = []
    for place in range(arch.rotated // 2):
        wavelength = 2 * torch.pi * arch.rope_base ** (2 * place / arch.rotated)
        longest, shortest = (scaling.original_context / part for part in (scaling.low, scaling.high))
        if wavelength < shortest:
            found.append(1.0)
        elif wavelength > longest:
            found.append(scaling.factor)
        else:
            smooth = (scaling.original_context / wavelength - scaling.low) / (scaling.high - scaling.low)
            found.append(1 / ((1 - smooth) / scaling.factor + smooth))
    return torch.tensor(found)


def eight_bits(values: Tensor) -> tuple[tuple[int, ...], TensorKind, bytes]:
    """Matrices as Q8_0 blocks."""
    if values.dim() == 1:
        return float_tensor(values)
    blocks = gguf.quants.quantize(values.numpy(), gguf.GGMLQuantizationType.Q8_0)
    return tuple(values.shape), TensorKind.Q8_0, blocks.tobytes()


def gguf_of(
    path: Path, kind: str, model: Any, arch: Arch, stored_as: Any = float_tensor, **changes: Any
) -> Path:
    """The model as a GGUF file, its tensors under the names that the `gguf` package gives them."""
    family = ARCHITECTURES[kind]
    number = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == family)
    names = gguf.get_tensor_name_map(number, arch.layers)
    stored = dict(model.state_dict())
    if arch.tied_head:
        del stored["lm_head.weight"]
    tensors: dict[str, Tensor] = {}
    if family == "chatglm":
        for layer in range(arch.layers):
            tensors |= fused(stored, layer)
    for name, values in stored.items():
        theirs_name = names.get_name(name, (".weight", ".bias"))
        assert theirs_name, name
        tensors[theirs_name] = converted(theirs_name, values, kind, arch)
    if kind == "llama 3.1":
        tensors["rope_freqs.weight"] = llama3_factors(arch)
    if "long" in kind:
        given = model.config.rope_parameters
        tensors["rope_factors_short.weight"] = torch.tensor(given["short_factor"])
        tensors["rope_factors_long.weight"] = torch.tensor(given["long_factor"])
    written = {name: stored_as(values) for name, values in tensors.items()}
    keys = metadata(kind, arch, model) | byte_level_metadata("gpt-2") | changes
    path.write_bytes(gguf_bytes(keys, written))
    return path


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_gguf_file_computes_what_the_folder_does(tmp_path: Path, kind: str) -> None:
    model = theirs(kind, vocab_size=258, **PUBLISHED.get(kind, {}))
    folder = hub_folder(tmp_path / "hub", model)
    arch, _ = read_family(folder / "config.json")
    path = gguf_of(tmp_path / "model.gguf", kind, model, arch)
    with Checkpoint.open(path) as one, Checkpoint.open(folder) as other:
        mine, wanted = dict(one.load_weights(torch.float32)), dict(other.load_weights(torch.float32))
        assert one.config.family == ARCHITECTURES[kind]
    assert mine.keys() == wanted.keys()
    for name, values in mine.items():
        expected = wanted[name] + arch.norm_offset if "norm" in name else wanted[name]
        torch.testing.assert_close(values, expected, atol=1e-6, rtol=0)
    logits = [Engine.load(place, dtype="float32").logits(TOKENS) for place in (path, folder)]
    torch.testing.assert_close(logits[0], logits[1], atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["phi 3", "glm 4", "gemma 3", "llama"])
def test_blocks_stay_as_they_lie_also_where_a_matrix_holds_several(tmp_path: Path, kind: str) -> None:
    model = theirs(kind, vocab_size=258, hidden_size=64, intermediate_size=96)
    folder = hub_folder(tmp_path / "hub", model)
    arch, _ = read_family(folder / "config.json")
    path = gguf_of(tmp_path / "model.gguf", kind, model, arch, stored_as=eight_bits)
    floats = Engine.load(path, precision="float32", dtype="float32").logits(TOKENS)
    stored = Engine.load(path, precision="file", dtype="float32").logits(TOKENS)
    torch.testing.assert_close(stored, floats, atol=5e-2, rtol=5e-2)


def test_every_family_is_looked_at() -> None:
    assert set(ARCHITECTURES.values()) == GGUF_FAMILIES.keys()


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("phi 3", {"phi3.rope.scaling.type": "yarn"}, "phi3.rope.scaling.type = 'yarn' without rope_factors"),
        ("phi 3, long", {"phi3.rope.scaling.type": "none"}, "'none' with rope_factors_short.weight"),
        ("llama", {"llama.attention.sliding_window": 17}, "llama.attention.sliding_window = 17"),
        ("gemma 3", {"gemma3.rope.scaling.type": "yarn"}, "gemma3.rope.scaling.type = 'yarn'"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused(
    tmp_path: Path, kind: str, change: dict[str, Any], message: str
) -> None:
    model = theirs(kind, vocab_size=258)
    folder = hub_folder(tmp_path / "hub", model)
    arch, _ = read_family(folder / "config.json")
    with pytest.raises(UnsupportedCheckpoint, match=message):
        Checkpoint.open(gguf_of(tmp_path / "model.gguf", kind, model, arch, **change))
