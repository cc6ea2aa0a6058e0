"""What a local model is called, and what is loaded for it."""

from pathlib import Path

import pytest
import torch

from agentkit.core.errors import BadRequest
from agentkit.models.embedded import load_local, parts_of
from agentkit_local_models.training.session import train

from ..local_models.training.tiny import workplace  # noqa: TID252


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        ("smollm2", ("smollm2", "")),
        ("smollm2-base+own", ("smollm2-base", "own")),
        ("smollm2+a+b", ("smollm2", "a+b")),
        ("model", ("model", "")),
        ("model+own", ("model", "own")),
        ("a+b", ("a+b", "")),
        ("a+b+own+1", ("a+b", "own+1")),
        ("none+own", ("none+own", "")),
    ],
)
def test_an_adapter_begins_where_what_is_there_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str, parts: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "a+b").write_text("x")
    assert parts_of(rest) == parts


def test_an_adapter_is_joined_into_a_checkpoint_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(workplace(tmp_path, training__steps=20), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    bare, joined = (load_local(f"local:{rest}", rest) for rest in ("model", "model+out/adapter.safetensors"))
    assert joined.name == f"local:{tmp_path}/model+{tmp_path}/out/adapter.safetensors"
    assert not torch.allclose(bare._engine.logits([1, 2, 3]), joined._engine.logits([1, 2, 3]), atol=1e-2)
    monkeypatch.chdir("/")
    again = load_local(joined.name, joined.name.removeprefix("local:"))
    assert torch.equal(again._engine.logits([1, 2, 3]), joined._engine.logits([1, 2, 3]))
    with pytest.raises(BadRequest, match="none cannot be read"):
        load_local("", f"{tmp_path}/model+none")
