"""The number format that is taken where nobody says one."""

from __future__ import annotations

import pytest
import torch

from agentkit.models.embedded import MANNERS, adapter_file
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.loading import load_model
from agentkit_local_models.precision import DTYPES, fast_precision, fastest_of
from agentkit_local_models.sampling import Sampling


@pytest.mark.parametrize("ability", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_processor_that_multiplies_bfloat16_is_given_bfloat16(ability: str) -> None:
    assert fastest_of({"architecture": "any", "avx2": True, ability: True}) == "bfloat16"


def test_any_other_processor_is_given_float32() -> None:
    assert fastest_of({"architecture": "x86_64", "avx2": True, "avx512_bf16": False}) == "float32"
    assert fastest_of({}) == "float32"


def test_this_processor_is_asked() -> None:
    assert fast_precision() == fast_precision("cpu") == fastest_of(torch.cpu.get_capabilities())


def test_an_engine_computes_in_it(smollm2_path) -> None:
    assert Engine.load(smollm2_path).dtype == DTYPES[fast_precision()]
    other = "float32" if fast_precision() == "bfloat16" else "bfloat16"
    assert Engine.load(smollm2_path, dtype=other).dtype == DTYPES[other]


PIECE = "The quick brown fox jumps over the lazy dog. In 1969, people walked on the moon for the first time."


@pytest.fixture(scope="module")
def exact(smollm2_path) -> Engine:
    return Engine.load(smollm2_path, precision="float32")


def difference(engine: Engine, exact: Engine) -> float:
    """Of the logits on a sentence, relative to their size."""
    ids = exact.tokenizer.encode(PIECE)
    expected = exact.logits(ids)
    return float((engine.logits(ids) - expected).norm() / expected.norm())


@pytest.mark.parametrize(("native", "bound"), [(False, 1e-5), (True, 1e-3)])
def test_blocks_as_they_lie_are_the_file_dequantised(
    smollm2_path, exact: Engine, native: bool, bound: float
) -> None:
    # beside them the native step gives what they are multiplied by fifteen bits
    blocks = Engine.load(smollm2_path, dtype="float32", precision="file", native=native)
    assert difference(blocks, exact) < bound


@pytest.mark.parametrize(("precision", "bound"), [("int8", 0.05), ("int4", 0.02)])
def test_quantised_weights_change_little(smollm2_path, exact: Engine, precision, bound: float) -> None:
    # The file's matrices have 4 bits already, which int4 keeps as they are: only its ends are rounded.
    changed = difference(Engine.load(smollm2_path, dtype="float32", precision=precision), exact)
    assert 0 < changed < bound


def test_what_is_multiplied_is_rounded_to_eight_bits_too(smollm2_path, exact: Engine) -> None:
    rows = Engine.load(smollm2_path, dtype="float32", precision="int8", native=False)
    both = Engine.load(smollm2_path, dtype="float32", precision="w8a8")
    assert "8 bits of w8a8" in both.why_not_native
    assert 0.01 < difference(both, rows) < 0.2


def test_a_gpu_does_not_round_what_it_multiplies(smollm2_path) -> None:
    with (
        Checkpoint.open(smollm2_path) as checkpoint,
        pytest.raises(ValueError, match="precision=w8a8 is for device=cpu"),
    ):
        load_model(
            checkpoint, "w8a8", torch.bfloat16, None, native=True, threads=None, device=torch.device("cuda")
        )


def test_keys_and_values_of_eight_bits_change_little(smollm2_path, exact: Engine) -> None:
    rounded = Engine.load(smollm2_path, dtype="float32", precision="file", cache="int8")
    assert 2e-3 < difference(rounded, exact) < 0.02
    ids = exact.tokenizer.encode("The capital of France is")
    *_, found = rounded.generate(ids, Sampling(max_tokens=8))
    *_, expected = exact.generate(ids, Sampling(max_tokens=8))
    assert found.token_ids == expected.token_ids
    assert rounded.occupancy().pages_kept > 0
    # as many bytes hold nearly four times as many tokens of this model as in float32
    assert rounded.occupancy().pages_free > 3.5 * exact.occupancy().pages_free


def test_two_kinds_of_floats_are_refused(smollm2_path) -> None:
    with pytest.raises(ValueError, match="weights in float32 are computed with in float32, not in bfloat16"):
        Engine.load(smollm2_path, dtype="bfloat16", precision="float32")


@pytest.mark.parametrize("native", [True, False])
def test_an_adapter_works_beside_blocks_as_it_does_joined_into_floats(
    smollm2_path, exact: Engine, native: bool
) -> None:
    adapter = adapter_file(MANNERS["smollm2"].adapter)
    floats = Engine.load(smollm2_path, precision="float32", adapter=adapter, native=False)
    beside = Engine.load(smollm2_path, dtype="float32", precision="file", adapter=adapter, native=native)
    assert beside.native if native else not beside.native
    assert difference(beside, floats) < 0.005 < difference(floats, exact)


def test_an_adapter_is_joined_before_weights_are_rounded(smollm2_path, exact: Engine) -> None:
    adapter = adapter_file(MANNERS["smollm2"].adapter)
    floats = Engine.load(smollm2_path, precision="float32", adapter=adapter)
    eight = Engine.load(smollm2_path, dtype="float32", precision="int8", adapter=adapter)
    assert difference(eight, floats) < 0.05 < difference(eight, exact)
