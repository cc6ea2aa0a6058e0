"""The number format that is taken where nobody says one."""

from __future__ import annotations

import pytest
import torch

from agentkit_local_models.engine import Engine
from agentkit_local_models.precision import DTYPES, fast_precision, fastest_of


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
