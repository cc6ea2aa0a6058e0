"""Weights in `pytorch_model*.bin`: pickles that must not run."""

import json
import os
from pathlib import Path

import pytest
import torch

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.pytorch_file import INDEX, open_pytorch

WEIGHTS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1.5], dtype=torch.bfloat16)}


class Program:
    """What a pickle can do to who loads it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_one_file_gives_its_tensors(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "pytorch_model.bin")
    folder = open_pytorch(tmp_path)
    assert folder.shapes == {"a": (2, 3), "b": (1,)}
    with folder.reading() as read:
        assert torch.equal(read("a", torch.float32), WEIGHTS["a"])
        assert torch.equal(read("b", torch.float32), torch.tensor([1.5]))


def test_shards_give_their_tensors(tmp_path: Path) -> None:
    for name, weight in WEIGHTS.items():
        torch.save({name: weight}, tmp_path / f"pytorch_model-{name}.bin")
    places = {name: f"pytorch_model-{name}.bin" for name in WEIGHTS}
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": places}))
    with open_pytorch(tmp_path).reading() as read:
        assert all(torch.equal(read(name, weight.dtype), weight) for name, weight in WEIGHTS.items())


def test_the_format_before_zip_files_is_read(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    with open_pytorch(tmp_path).reading() as read:
        assert torch.equal(read("a", torch.float32), WEIGHTS["a"])


def test_a_loaded_tensor_does_not_depend_on_the_file(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "pytorch_model.bin")
    with open_pytorch(tmp_path).reading() as read:
        loaded = read("a", torch.float32)
    size = (tmp_path / "pytorch_model.bin").stat().st_size
    (tmp_path / "pytorch_model.bin").write_bytes(bytes(size))
    assert torch.equal(loaded, WEIGHTS["a"])


@pytest.mark.parametrize("zipped", [True, False])
def test_a_program_in_the_file_is_not_run(tmp_path: Path, zipped: bool) -> None:
    ran = tmp_path / "ran"
    torch.save({"a": Program(ran)}, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="no file of tensors that can be read safely"):
        open_pytorch(tmp_path)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no file of tensors"),
        (b"not a pickle", "no file of tensors"),
        ([1.0], "should hold tensors by name, found list"),
        ({"a": 3}, "'a' is int, not a tensor"),
        ({1: WEIGHTS["a"]}, "named 1, which is no text"),
        (None, "No such file"),
    ],
)
def test_what_is_no_file_of_tensors_is_refused(tmp_path: Path, content, message: str) -> None:
    file = tmp_path / "pytorch_model.bin"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_pytorch(tmp_path)
    assert str(file) in str(caught.value)


def test_a_tensor_that_lies_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("one.bin", "two.bin"):
        torch.save(WEIGHTS, tmp_path / name)
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "one.bin", "b": "two.bin"}}))
    with pytest.raises(CheckpointError, match=r"'a' is also in one\.bin"):
        open_pytorch(tmp_path)


def test_an_index_that_points_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": {"a": "../a.bin"}}))
    with pytest.raises(CheckpointError, match="not a file name"):
        open_pytorch(tmp_path)


def test_integers_are_refused_as_weights(tmp_path: Path) -> None:
    torch.save({"a": torch.arange(3)}, tmp_path / "pytorch_model.bin")
    with (
        open_pytorch(tmp_path).reading() as read,
        pytest.raises(CheckpointError, match=r"torch\.int64; float weights work"),
    ):
        read("a", torch.float32)
