import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from agentkit.tooling.packs import Pack

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {
    "agentkit": ROOT / "agentkit",
    "agentkit_tools": ROOT / "tools/agentkit_tools",
    "agentkit_prompts": ROOT / "prompts/agentkit_prompts",
    "agentkit_local_models": ROOT / "local_models/agentkit_local_models",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_base_install_has_at_most_eight_dependencies() -> None:
    assert len(PROJECT["project"]["dependencies"]) <= 8


def test_torch_is_no_part_of_the_base_install() -> None:
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert names.isdisjoint({"torch", "numpy", "transformers"})


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not [
        name for name in wheel.namelist() if "test" in Path(name).parts or "tests" in Path(name).parts
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_a_package(wheel: zipfile.ZipFile, package: str) -> None:
    folder = PACKAGES[package]
    files = {
        f"{package}/{path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == {name for name in wheel.namelist() if name.startswith(f"{package}/")}
    assert f"{package}/py.typed" in files


def test_the_prompts_are_data_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert [
        name for name in wheel.namelist() if name.startswith("agentkit_prompts/") and name.endswith(".md")
    ]


def test_the_command_and_the_tools_are_found_by_entry_point(wheel: zipfile.ZipFile) -> None:
    [name] = [name for name in wheel.namelist() if name.endswith("/entry_points.txt")]
    written = wheel.read(name).decode()
    groups = {"console_scripts": PROJECT["project"]["scripts"], **PROJECT["project"]["entry-points"]}
    assert groups["agentkit.tools"]
    for group, entries in groups.items():
        assert f"[{group}]" in written
        for entry, target in entries.items():
            assert f"{entry} = {target}" in written


def test_every_entry_point_loads() -> None:
    ours = metadata.distribution("agentkit").entry_points
    assert {entry.name for entry in ours} >= set(PROJECT["project"]["entry-points"]["agentkit.tools"])
    for target in PROJECT["project"]["entry-points"]["agentkit.packs"].values():
        assert isinstance(metadata.EntryPoint("pack", target, "agentkit.packs").load(), Pack)
    for entry in ours:
        assert callable(entry.load()) or hasattr(entry.load(), "name")


def test_the_licence_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    assert [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
