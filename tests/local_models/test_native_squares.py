"""Both ways to multiply squares, whichever of them this processor has."""

import shutil
import subprocess
from pathlib import Path

import pytest

import agentkit_local_models.native as native
from agentkit_local_models.native.build import VARIANTS, processor_flags, variant_of


@pytest.mark.skipif(
    variant_of(processor_flags()) != "avx512", reason="squares are written for AVX-512 with BF16"
)
def test_products_and_attention_are_right_in_vectors_and_in_amx(tmp_path: Path) -> None:
    source, program = Path(__file__).with_name("squares.cpp"), tmp_path / "squares"
    flags = ["-std=c++20", "-O1", "-pthread", *VARIANTS["avx512"][1], "-I", str(Path(native.__file__).parent)]
    subprocess.run([shutil.which("c++") or "c++", *flags, str(source), "-o", str(program)], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1 1\n"
