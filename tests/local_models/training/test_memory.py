import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentkit_local_models.arch import Arch
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.training.memory import (
    LIBRARIES,
    PackShape,
    estimate,
    needed,
    pack_shapes,
    told,
)
from agentkit_local_models.training.packs import Conversation, make_pack
from agentkit_local_models.training.recipe import Data, Lora, Recipe, Training

ROOT = Path(__file__).parents[3]
CONFIG = Arch(
    family="llama", vocabulary_size=100, width=16, layers=3, heads=4, kv_heads=2, head_width=4,
    feed_forward_width=24, rope_base=1e4, norm_epsilon=1e-5, context=64, tied_head=True, qkv_bias=False,
)  # fmt: skip
PACK = PackShape.filled(20)


def test_an_adapter_is_counted_with_its_gradients_and_states() -> None:
    need = estimate(CONFIG, PACK, LoraConfig(rank=2, targets=("attention.output",)), "bfloat16")
    assert need.trained == need.gradients == 3 * 2 * (16 + 16) * 4
    assert need.states == 2 * need.trained
    assert need.dense_gradients == 0
    assert need.joined == 3 * 2 * (16 * 16 + 2 * (16 + 16))  # W + B A; and A and B cast


@pytest.mark.parametrize("beside", [{"dropout": 0.1}, {"joined": False}])
def test_a_delta_beside_the_weights_makes_none(beside: dict[str, Any]) -> None:
    need = estimate(CONFIG, PACK, LoraConfig(rank=2, targets=("attention.output",), **beside), "bfloat16")
    assert need.joined == 3 * 2 * 2 * (16 + 16)


def recipe(**training) -> Recipe:
    return Recipe(
        model="",
        data=Data(files=()),
        training=Training(steps=1, pack_tokens=20, **training),
        lora=Lora(rank=2),
    )


@pytest.mark.timeout(300)  # some seconds, unless the machine is busy with a long training
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and sets glibc's allocator")
def test_the_estimate_is_within_a_tenth_of_what_a_training_takes() -> None:
    adapter_float32 = 2  # a row of the benchmark
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/training_memory.py", "--here", str(adapter_float32)],
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    row = json.loads(done.stdout)
    assert row["in_use"] == pytest.approx(row["took"], rel=0.1)


def test_every_weight_is_counted_in_full_fine_tuning() -> None:
    numbers = 100 * 16 + 16 + 3 * (2 * 16 + 16 * 16 * 2 + 2 * 8 * 16 + 3 * 16 * 24)
    need = estimate(CONFIG, PACK, None, "bfloat16")
    assert need.base == need.joined == need.dense_gradients == 2 * numbers
    assert need.trained == need.gradients == 4 * numbers


def test_zero_divides_states_then_gradients_then_parameters() -> None:
    need = estimate(CONFIG, PACK, None, "float32")
    one, two, three = (need.on(4, stage) for stage in (1, 2, 3))
    assert one == replace(need, states=need.states // 4)
    assert two == replace(one, gradients=need.gradients // 4, dense_gradients=need.dense_gradients // 4)
    assert (three.base, three.trained, three.joined) == (need.base // 4, need.trained // 4, need.joined // 4)
    assert three.activations == need.activations
    assert need.on(1, 3) == need


def test_the_float32_copy_is_a_state_when_the_computation_is_in_bfloat16() -> None:
    need = estimate(CONFIG, PACK, None, "bfloat16")
    assert need.on(2, 1).trained == need.trained // 2


@pytest.mark.parametrize("lora", [None, LoraConfig(rank=2)])
def test_no_pack_of_as_many_tokens_needs_more_than_one_that_is_filled(lora) -> None:
    filled = estimate(CONFIG, PackShape.filled(24), lora, "bfloat16").peak
    for shape in (PackShape(4, 4, 5, 20), PackShape(0, 3, 8, 21), PackShape(23, 1, 1, 1)):
        assert shape.tokens == 24
        assert estimate(CONFIG, shape, lora, "bfloat16").peak <= filled


def test_the_shapes_of_packs_are_those_of_the_packs_themselves() -> None:
    group = [Conversation((1, 2), (3,) * n, (True,) * n) for n in (2, 3)]
    assert pack_shapes(group, 20) == {PackShape.of(make_pack(group))} == {PackShape(2, 2, 3, 5)}


def test_the_fullest_of_the_shapes_is_told() -> None:
    small, large = PackShape.filled(5), PackShape.filled(15)
    alone = needed(CONFIG, recipe(), shapes=[large])
    assert needed(CONFIG, recipe(), shapes=[small, large]) == alone
    assert alone.peak < needed(CONFIG, recipe()).peak
    assert alone.resident > alone.peak


def test_an_adapter_of_another_shape_than_the_recipes_counts() -> None:
    adapted = LoraConfig(rank=4)
    assert needed(CONFIG, recipe(), adapted=adapted).trained == 2 * needed(CONFIG, recipe()).trained


def test_what_is_told_has_the_sum_first_and_the_devices_last() -> None:
    lines = told(CONFIG, recipe(), devices=2)
    assert lines[0].startswith("memory: about 0.")
    assert "430 MB" in lines[0]
    assert LIBRARIES == 430_000_000
    assert lines[-1].startswith("  on each of 2 devices in use: ZeRO-1 ")
    assert len(told(CONFIG, recipe())) == len(lines) - 1


def test_fewer_than_one_device_is_refused() -> None:
    with pytest.raises(ValueError, match="0 devices"):
        estimate(CONFIG, PACK, None, "float32").on(0, 1)
