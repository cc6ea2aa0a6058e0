"""`agentkit models plan`: the arithmetic of memory, and what of it a loaded model holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentkit.models.planning import arch_of_shape
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagePool, pages_for
from agentkit_local_models.precision import weights_and_dtype
from agentkit_local_models.sizes import PRECISIONS, PlannedPrecision, memory, parameters

from .conftest import Cli

GIGABYTE = 10**9
SEVEN_B = "layers=32,width=4096,heads=32,ffn=11008,vocabulary=64000"
CHATGLM2_6B = "layers=28,width=4096,heads=32,kv_heads=2,ffn=13696,vocabulary=65024"


def test_six_billion_parameters_in_half_precision_take_twelve_gigabytes() -> None:
    weights = memory(arch_of_shape(CHATGLM2_6B), "float16", 1).weights
    assert weights == pytest.approx(12 * GIGABYTE, rel=0.05)


def test_seven_billion_parameters_in_float32_take_twenty_eight_gigabytes() -> None:
    assert memory(arch_of_shape(SEVEN_B), "float32", 1).weights == pytest.approx(28 * GIGABYTE, rel=0.01)


def test_chatglm2_6b_with_eight_thousand_tokens_of_dialogue_fits_into_six_gigabytes() -> None:
    planned = memory(arch_of_shape(CHATGLM2_6B), "int4", 8_192)
    assert planned.total < 6 * GIGABYTE < memory(arch_of_shape(CHATGLM2_6B), "int8", 8_192).total
    assert planned.cache == 2 * 28 * 2 * 128 * 2 * 8_192


@pytest.mark.parametrize("precision", PRECISIONS)
def test_planned_weights_and_cache_are_what_a_loaded_model_holds(precision: PlannedPrecision) -> None:
    form, dtype = weights_and_dtype(precision, "auto" if precision.startswith(("f", "b")) else "bfloat16")
    with Checkpoint.open(path_of(SMOLLM2)) as checkpoint:
        model = Model.from_checkpoint(checkpoint, dtype, form)
    norms = [model.norm.weight]
    held = model.embed.nbytes
    for layer in model.layers:
        linears = (layer.query_key_value, layer.output, layer.up, layer.down)
        held += sum(linear.matrix.nbytes for linear in linears)
        norms += [norm.weight for norm in (layer.attention_norm, layer.feed_forward_norm) if norm]
    planned = memory(model.arch, precision, 512, sequences=3)
    eight = PagePool(model.arch, dtype, pages_for(3 * 512), form="int8")
    eight.take(eight.most)
    assert eight.nbytes == memory(model.arch, precision, 512, sequences=3, cache="int8").cache
    assert planned.weights == held + sum(norm.nbytes for norm in norms)
    pool = PagePool(model.arch, dtype, pages_for(3 * 512))
    pool.take(pool.most)
    assert planned.cache == pool.nbytes


def test_more_sequences_take_more_cache_and_no_more_weights() -> None:
    arch = arch_of_shape(CHATGLM2_6B)
    one, four = memory(arch, "int8", 1_000), memory(arch, "int8", 1_000, sequences=4)
    assert (four.cache, four.weights) == (4 * one.cache, one.weights)


def test_a_folder_needs_no_weights_to_be_planned_for(cli: Cli, tmp_path: Path) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"], "vocab_size": 32_000, "hidden_size": 4_096,
        "num_hidden_layers": 32, "num_attention_heads": 32, "intermediate_size": 11_008,
        "max_position_embeddings": 4_096, "rms_norm_eps": 1e-5,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    said = cli("models", "plan", str(tmp_path), "--precision", "bfloat16", "--sequences", "2")
    assert (said.returncode, said.stderr) == (0, "")
    first, _, row = said.stdout.splitlines()
    assert first == "6.74 billion parameters, 4,096 tokens of each of 2 sequences"
    assert row.split()[:3] == ["bfloat16", "13", "GB"]


def test_a_shape_is_planned_for_in_each_precision(cli: Cli) -> None:
    said = cli("models", "plan", "--shape", CHATGLM2_6B, "--context", "8192", "--cache", "int8")
    rows = [line.split() for line in said.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == list(PRECISIONS)
    # a head's 128 numbers take 130 bytes, where bfloat16 takes 256
    assert {" ".join(row[3:5]) for row in rows} == {"119 MB"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "name a model, or say its sizes"),
        (("local:smollm2", "--shape", CHATGLM2_6B), "name a model, or say its sizes"),
        (("--shape", "layers=2,wide=3"), "'wide' is no size, width is missing"),
        (("local:smollm2", "--precision", "int5"), "no precision 'int5'; float32, bfloat16"),
    ],
)
def test_what_cannot_be_planned_for_is_said(cli: Cli, arguments: tuple[str, ...], problem: str) -> None:
    said = cli("models", "plan", *arguments)
    assert said.returncode == 2
    assert problem in " ".join(said.stderr.split())


def test_parameters_are_counted_once() -> None:
    arch = arch_of_shape("layers=1,width=8,heads=2,kv_heads=1,ffn=16,vocabulary=10")
    assert parameters(arch) == 10 * 8 * 2 + 8 * 8 * 2 + 4 * 8 * 2 + 3 * 8 * 16 + 3 * 8
