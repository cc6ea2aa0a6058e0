"""A fully trained model as a folder: the engine and transformers read the same from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.hub_tokenizer import tokenizer_from_hub
from agentkit_local_models.training.session import train

from ..test_checkpoint import gguf_file, tiny  # noqa: TID252
from .tiny import CONFIGS, GENERAL, RECIPE, changed, recipe_text, workplace, write_rows

TEXTS = ["Hello, world 123!", " two  spaces\n\tand a tab", "naïve 日本語 🙂", "<|im_end|> is text"]


def gguf_workplace(folder: Path, family: str, *, tied: bool) -> Path:
    gguf_file(folder / "model.gguf", tiny(family, tied=tied), family)
    write_rows(folder / "train.jsonl", [{"text": row["text"][:20]} for row in GENERAL])
    path = folder / "recipe.toml"
    path.write_text(recipe_text(changed(RECIPE, model="model.gguf", lora=None)))
    return path


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("family", CONFIGS)
def test_a_gguf_file_that_was_trained_is_a_folder_that_loads(tmp_path: Path, family: str, tied: bool) -> None:
    folder = train(gguf_workplace(tmp_path, family, tied=tied), tmp_path / "out").result
    before, after = (Engine.load(path, dtype="float32") for path in (tmp_path / "model.gguf", folder))
    assert after.config == before.config
    assert after.checkpoint.stop_ids == before.checkpoint.stop_ids
    assert after.checkpoint.chat_template == before.checkpoint.chat_template
    for text in TEXTS:
        assert after.tokenizer.encode(text) == before.tokenizer.encode(text)
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    assert not torch.allclose(before.logits(ids), after.logits(ids), atol=1e-3)
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = theirs(torch.tensor([ids])).logits[0]
    torch.testing.assert_close(after.logits(ids), expected, atol=1e-4, rtol=0)


def test_a_folder_keeps_the_files_of_its_source(tmp_path: Path) -> None:
    recipe = workplace(tmp_path, lora=None, training__steps=1)
    folder = train(recipe, tmp_path / "out").result
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        assert (folder / name).read_bytes() == (tmp_path / "model" / name).read_bytes()
    card = json.loads((folder / "card.json").read_text())
    assert (card["base"]["name"], card["steps"]) == ("model", 1)


def test_a_bfloat16_training_is_written_as_it_computed(tmp_path: Path) -> None:
    recipe = workplace(tmp_path, lora=None, training__dtype="bfloat16", training__steps=2)
    folder = train(recipe, tmp_path / "out").result
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert (folder / "model.safetensors").stat().st_size < (
        0.6 * (tmp_path / "model/model.safetensors").stat().st_size
    )
    assert loaded.num_parameters() > 0


def test_the_real_tokenizer_comes_back_from_a_folder(tmp_path: Path, smollm2_path: Path) -> None:
    with Checkpoint.open(smollm2_path) as checkpoint:
        ours = checkpoint.tokenizer
    (tmp_path / "tokenizer.json").write_text(json.dumps(ours.to_hub()))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"})
    )
    back = tokenizer_from_hub(tmp_path / "tokenizer.json")
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert back.vocabulary_size == ours.vocabulary_size
    for text in [*TEXTS, "<|im_start|>user\nHi<|im_end|>\n"]:
        expected = ours.encode(text, allow_special=True)
        assert back.encode(text, allow_special=True) == expected
        assert theirs(text, add_special_tokens=False)["input_ids"] == expected
        assert back.encode(text) == ours.encode(text)
        assert back.decode(expected, skip_special=False) == ours.decode(expected, skip_special=False)
