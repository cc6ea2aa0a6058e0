"""The native step is built once for a machine, and says why where it is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit_local_models.native.build import VARIANTS, NotBuilt, built_library, variant_of

COUNTING = """#!/bin/sh
[ "$1" = --version ] && echo counting 1 && exit 0
echo built >> "{folder}/count"
{then}
while [ "$1" != -o ]; do shift; done
echo library > "$2"
"""


def compiler(folder: Path, then: str = "") -> dict[str, str]:
    """An environment whose compiler counts what it builds."""
    script = folder / "compiler"
    script.write_text(COUNTING.format(folder=folder, then=then))
    script.chmod(0o755)
    return {"CXX": str(script)}


def builds(folder: Path) -> int:
    count = folder / "count"
    return len(count.read_text().splitlines()) if count.exists() else 0


def test_it_is_built_once(tmp_path: Path) -> None:
    environ = compiler(tmp_path)
    first = built_library(tmp_path / "cache", environ=environ)
    assert first.read_text() == "library\n"
    assert built_library(tmp_path / "cache", environ=environ) == first
    assert builds(tmp_path) == 1


def test_another_compiler_or_variant_is_another_library(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = compiler(tmp_path), compiler(tmp_path / "other")
    paths = {built_library(tmp_path / "cache", name, environ=one) for name in VARIANTS}
    paths.add(built_library(tmp_path / "cache", "plain", environ=other))
    assert len(paths) == len(VARIANTS) + 1


def test_without_a_compiler_it_is_said_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match=r"no C\+\+ compiler was found .* apt install g\+\+"):
        built_library(tmp_path, find=lambda _name: None, environ={})
    with pytest.raises(NotBuilt, match="none-such"):
        built_library(tmp_path, environ={"CXX": "none-such"})


def test_a_compiler_that_fails_is_quoted_and_nothing_is_left(tmp_path: Path) -> None:
    environ = compiler(tmp_path, "echo 'step.cpp:1: no such thing' >&2; exit 1")
    with pytest.raises(NotBuilt, match=r"could not build the native step: step\.cpp:1: no such thing"):
        built_library(tmp_path / "cache", environ=environ)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(NotBuilt, match="cannot be built in"):
        built_library(tmp_path / "cache", environ=compiler(tmp_path))


def test_a_builder_that_is_killed_leaves_no_library(tmp_path: Path) -> None:
    environ = compiler(tmp_path, "sleep 30")
    code = (
        "import sys; from pathlib import Path; from agentkit_local_models.native.build import built_library"
    )
    code += "; built_library(Path(sys.argv[1]))"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "cache")],
        env={**os.environ, **environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    while not builds(tmp_path):
        assert child.poll() is None
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not list((tmp_path / "cache").glob("*.so"))
    assert built_library(tmp_path / "cache", environ=compiler(tmp_path)).is_file()


def test_the_fastest_variant_that_a_processor_has_is_taken() -> None:
    new = {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni", "avx512_bf16", "avx2", "fma", "f16c"}
    assert variant_of(new) == "avx512"
    assert variant_of(new - {"avx512_bf16"}) == "avx2"
    assert variant_of(new - {"avx512_bf16", "fma"}) == "plain"
    assert variant_of(()) == "plain"
