"""Recipes: what is wrong is said with its line, and every key has an effect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.training.recipe import Data, Lora, Recipe, RecipeError, Training, read_recipe
from agentkit_local_models.training.session import Watch, train
from agentkit_local_models.training.trainer import Step

from .tiny import QWEN2, RECIPE, SUMS, changed, hub_model, recipe_text, workplace, write_rows

ROOT = Path(__file__).parents[3]


def test_the_recipes_of_the_repository_can_be_read() -> None:
    for path in (ROOT / "training").glob("*.toml"):
        assert read_recipe(path).folder == path.parent


GOOD = recipe_text(RECIPE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("steps = 6", "steps = "), "is no TOML: Invalid value (at line 12"),
        (GOOD + '"', "is no TOML: "),
        (GOOD.replace("rank = 4", "rnak = 4"), ", line 8: Object contains unknown field `rnak`"),
        ('title = "x"\n' + GOOD, ", line 1: Object contains unknown field `title`"),
        ('digest = "x"\n' + GOOD, ", line 1: Object contains unknown field `digest`"),
        ('folder = "x"\n' + GOOD, ", line 1: Object contains unknown field `folder`"),
        (GOOD.replace("steps = 6", 'steps = "six"'), ", line 12: Expected `int`, got `str`"),
        (GOOD.replace("rank = 4", "rank = 4.5"), ", line 8: Expected `int`, got `float`"),
        (GOOD.replace('["train.jsonl"]', '"train.jsonl"'), ", line 4: Expected `array`, got `str`"),
        (GOOD.replace('["train.jsonl"]', "[1]"), ", line 4: Expected `str`, got `int`"),
        (GOOD.replace('"float32"', '"float8"'), ", line 17: Invalid enum value 'float8'"),
        (GOOD.replace("steps = 6\n", ""), ", line 11: Object missing required field `steps`"),
        (GOOD.replace("[data]", "[dta]"), ", line 3: Object contains unknown field `dta`"),
        (GOOD.replace("rank = 4", "rank = 0"), ", line 7: the rank is 0"),
        (GOOD.replace("rank = 4", 'targets = ["head"]'), ", line 7: unknown targets head; known: attention"),
        (GOOD.replace("steps = 6", "steps = 0"), ", line 12: training.steps must be at least 1"),
        (GOOD.replace("rate = 0.01", "rate = nan"), ", line 13: training.rate must be between 0 and 1"),
        ('start = "a"\n' + recipe_text(changed(RECIPE, lora=None)), ", line 1: start is an adapter"),
        (recipe_text(changed(RECIPE, data__general_share=0.5)), ", line 6: data.general_share needs files"),
        (recipe_text(changed(RECIPE, training__dtype="float16")), ": training.dtype float16 is for GPUs"),
        (recipe_text(changed(RECIPE, training__betas=[0.9, 1.0])), ": training.betas must be at least 0"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"the recipe .*gone\.toml cannot be read: No such file"):
        read_recipe(tmp_path / "gone.toml")
    with pytest.raises(RecipeError, match="cannot be read: Is a directory"):
        read_recipe(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match=r"bytes\.toml is no TOML"):
        read_recipe(tmp_path / "bytes.toml")


# With general text, several packs a step, and a gradient that is clipped, so that every key can matter.
BASE = changed(
    RECIPE, data__general=["general.jsonl"], data__general_share=0.3, training__clip=0.5, lora__dropout=0.1
)

RESULT_CHANGES: dict[str, Any] = {
    "model": "other",
    "start": "adapter.safetensors",
    "lora": None,
    "data__files": ["more.jsonl"],
    "data__general": ["other.jsonl"],
    "data__general_share": 0.6,
    "lora__alpha": 4.0,
    "lora__dropout": 0.3,
    "lora__rank": 3,
    "lora__targets": ["attention.query"],
    "training__steps": 5,
    "training__rate": 0.02,
    "training__warmup": 4,
    "training__final_rate": 0.5,
    "training__pack_tokens": 90,
    "training__step_tokens": 300,
    "training__clip": 5.0,
    "training__weight_decay": 0.5,
    "training__betas": [0.5, 0.9],
    "training__general_weight": 3.0,
    "training__dtype": "bfloat16",
    "training__seed": 4,
}
"""A value of each key that changes what comes out."""

OTHERWISE = {
    "data__most_tokens",
    "lora__joined",
    "training__attention",
    "training__compile",
    "training__device",
    "training__save_minutes",
}
"""Keys that decide something else; a test for each is below."""


def test_every_key_is_looked_at() -> None:
    sections = {"data": Data, "lora": Lora, "training": Training}
    keys = {field.name for field in msgspec.structs.fields(Recipe)} - {"folder", "digest", *sections}
    for section, kind in sections.items():
        keys |= {f"{section}__{field.name}" for field in msgspec.structs.fields(kind)}
    assert keys | {"lora"} == RESULT_CHANGES.keys() | OTHERWISE


def test_the_documentation_has_every_key_with_its_default() -> None:
    lines = (ROOT / "docs/training.md").read_text().splitlines()
    rows = {
        row[1].strip(" `"): row[2].strip(" `") for row in (line.split("|") for line in lines) if len(row) > 4
    }
    sections = {"": Recipe, "data.": Data, "lora.": Lora, "training.": Training}
    fields = {
        section + field.name: field
        for section, kind in sections.items()
        for field in msgspec.structs.fields(kind)
        if field.name not in ("folder", "digest", "data", "training")
    }
    assert rows.keys() - {"key", "---"} == fields.keys()
    for key, field in fields.items():
        if key not in ("lora", "lora.targets"):
            default = "" if field.default is msgspec.NODEFAULT else json.dumps(field.default)
            assert rows[key] == default, key


def result(folder: Path, out: str, **changes: Any) -> dict[str, torch.Tensor]:
    path = folder / f"{out}.toml"
    path.write_text(recipe_text(changed(BASE, **changes)))
    written = train(path, folder / out).result
    return load_file(written / "model.safetensors" if written.is_dir() else written)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    workplace(folder)
    hub_model(folder / "other", QWEN2)
    write_rows(folder / "more.jsonl", SUMS[3:])
    write_rows(folder / "other.jsonl", [{"text": "Quite another text."}])
    first = folder / "first.toml"
    first.write_text(recipe_text(changed(BASE, training__seed=9)))
    train(first, folder / "first").result.rename(folder / "adapter.safetensors")
    return folder


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, torch.Tensor]:
    return result(place, "expected")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_nothing_changed_changes_nothing(place: Path, expected: dict[str, torch.Tensor]) -> None:
    assert same(result(place, "again"), expected)


@pytest.mark.parametrize("key", RESULT_CHANGES)
def test_a_key_changes_the_result(place: Path, expected: dict[str, torch.Tensor], key: str) -> None:
    assert not same(result(place, f"changed-{key}", **{key: RESULT_CHANGES[key]}), expected)


def test_a_device_that_is_not_here_is_refused(place: Path) -> None:
    with pytest.raises(LocalModelError, match=r"training\.device"):
        result(place, "device", training__device="cuda:99")


def test_a_longer_conversation_than_allowed_is_refused(place: Path) -> None:
    with pytest.raises(LocalModelError, match="at most 9 are trained on"):
        result(place, "long", data__most_tokens=9)


@pytest.mark.parametrize(("minutes", "saved"), [(0.0, True), (5.0, False)])
def test_checkpoints_are_as_far_apart_as_asked_for(tmp_path: Path, minutes: float, saved: bool) -> None:
    recipe = workplace(tmp_path, training__save_minutes=minutes, training__steps=3)
    seen: list[bool] = []

    class Looking(Watch):
        def stepped(self, step: Step) -> None:
            seen.append((tmp_path / "out/state.pt").exists())

    train(recipe, tmp_path / "out", watch=Looking())
    assert seen == [False, saved, saved]


def test_a_delta_beside_the_weights_takes_less_memory_and_learns_the_same(place: Path) -> None:
    needs: list[int] = []

    class Asking(Watch):
        def opened(self, needs_lines: list[str], memory: int) -> None:
            needs.append(memory)

    learnt: list[dict[str, torch.Tensor]] = []
    for joined in (True, False):
        path = place / f"joined-{joined}.toml"
        path.write_text(recipe_text(changed(BASE, lora__dropout=0.0, lora__joined=joined)))
        folder = train(path, place / f"joined-{joined}", watch=Asking()).result.parent / "peft"
        learnt.append(load_file(folder / "adapter_model.safetensors"))
    with_weights, beside = needs
    assert beside < with_weights
    for name, values in learnt[0].items():
        torch.testing.assert_close(learnt[1][name], values, atol=1e-3, rtol=1e-2)
