"""What is dropped as a model and is none by itself: one line says what would work."""

import pickle
import shutil
from pathlib import Path

import pytest

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import CheckpointError

from .test_checkpoint import hub_folder, tiny

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a' * 16}\nsize 12345\n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub_folder(tmp_path_factory.mktemp("sound"), tiny("llama"))


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "model"))


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_sound_folder_is_opened(folder: Path) -> None:
    assert Checkpoint.open(folder).config.family == "llama"


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "pytorch_model.bin", "config.json"])
def test_a_folder_that_was_cloned_without_its_large_files_says_how_to_get_them(
    folder: Path, name: str
) -> None:
    (folder / name).write_text(POINTER)
    said = f"{folder / name}: not here yet, only what stands for it in Git; run: git -C {folder} lfs pull"
    assert refusal(folder) == said


def test_a_gguf_file_of_such_a_clone_says_so_too(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_text(POINTER)
    assert f"run: git -C {tmp_path} lfs pull" in refusal(tmp_path / "model.gguf")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_one_file_of_a_folder_says_which_folder_to_name(folder: Path, name: str) -> None:
    assert refusal(folder / name).endswith(f"one file of a model's folder; name the folder: {folder}")


def test_a_folder_of_gguf_files_says_which_to_name(tmp_path: Path) -> None:
    for name in ("a-q4.gguf", "a-q8.gguf"):
        (tmp_path / name).write_bytes(b"GGUF")
    assert refusal(tmp_path).endswith("no config.json, but a-q4.gguf, a-q8.gguf; name one of these files")


def test_an_adapter_by_itself_is_told_from_a_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    assert refusal(tmp_path).endswith("no config.json, but an adapter's; it works beside its model")


def test_a_pickle_with_a_program_in_it_is_refused_without_advice_to_run_it(folder: Path) -> None:
    class Program:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("it ran",)

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Program()}, protocol=2))
    said = refusal(folder)
    assert "no file of tensors that can be read safely" in said
    assert "print" in said
    assert "weights_only" not in said
    assert len(said) < 300 + len(str(folder))
