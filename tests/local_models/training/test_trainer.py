"""The trainer: what it keeps in which precision, rates, and general text that pulls back to the base."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agentkit_local_models.adapter_file import load_packed, save_packed
from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.lora import Adapter, LoraConfig, Pair
from agentkit_local_models.precision import DTYPES
from agentkit_local_models.training.conversations import DataError
from agentkit_local_models.training.loss import divergence
from agentkit_local_models.training.packs import Conversation, make_pack, packed
from agentkit_local_models.training.recipe import Data, Recipe, Training, read_recipe
from agentkit_local_models.training.state import load_state
from agentkit_local_models.training.trained import Base, adapted, assembled
from agentkit_local_models.training.trainer import Trainee, Trainer, load_data, rate_at, run

from ..oracle import random_weights  # noqa: TID252
from .tiny import CONFIGS, LLAMA, QWEN2, learnt_logits, workplace, write_rows


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> Arch:
    return request.param


def trainer_of(recipe_path: Path, **training: Any) -> Trainer:
    """A trainer as a recipe says, but for keys that a recipe may not have on a processor."""
    recipe = read_recipe(recipe_path)
    changed = msgspec.structs.replace(recipe.training, **training)
    recipe = msgspec.structs.replace(recipe, training=changed)
    dtype = DTYPES[recipe.training.precision]
    with Checkpoint.open(recipe.path(recipe.model)) as checkpoint:
        shape, config = recipe.adapter_shape, checkpoint.config
        adapter = None if shape is None else Adapter.fresh(shape, config, recipe.training.seed)
        trainee = Trainee(config, dict(checkpoint.load_weights(dtype)), adapter, dtype)
        return Trainer(recipe, trainee, *load_data(recipe, checkpoint))


def weights_of(base: Base) -> list[torch.Tensor]:
    return [*base.weights.values(), *(fused.weight for fused in base.fused.values())]


@pytest.mark.parametrize("lora", [{"rank": 4}, None], ids=["adapter", "all weights"])
def test_what_is_trained_stays_in_float32_under_bfloat16(tmp_path: Path, lora: Any) -> None:
    trainer = trainer_of(workplace(tmp_path, training__dtype="bfloat16", lora=lora))
    trainer.step()
    trainee = trainer.trainee
    assert {parameter.dtype for parameter in trainee.parameters()} == {torch.float32}
    assert {weight.dtype for weight in weights_of(trainee.base)} == {torch.bfloat16}
    assert trainee.model().blocks[0].query_key_value(torch.ones(1, 24).bfloat16()).dtype == torch.bfloat16
    states = trainer.optimizer.state.values()
    assert len(states) == len(trainee.parameters())
    for state in states:
        assert {state[name].dtype for name in ("exp_avg", "exp_avg_sq")} == {torch.float32}


def test_a_step_smaller_than_bfloat16_can_hold_is_kept(tmp_path: Path) -> None:
    trainer = trainer_of(
        workplace(tmp_path, training__dtype="bfloat16", training__rate=1e-6, training__warmup=0, lora=None)
    )
    before = [parameter.detach().clone() for parameter in trainer.trainee.parameters()]
    trainer.step()
    moved = [
        float((now.detach() - old).abs().max())
        for old, now in zip(before, trainer.trainee.parameters(), strict=True)
    ]
    assert all(0 < distance < 1e-5 for distance in moved)


def test_the_base_never_changes(tmp_path: Path) -> None:
    trainer = trainer_of(workplace(tmp_path))
    weights = weights_of(trainer.trainee.base)
    before = [weight.clone() for weight in weights]
    for _ in range(3):
        trainer.step()
    assert all(map(torch.equal, before, weights))
    assert not any(weight.requires_grad for weight in weights)


def recipe(**training: Any) -> Recipe:
    return Recipe(model="", data=Data(files=("a",)), training=Training(**training))


def test_the_rate_warms_up_and_falls_along_half_a_cosine() -> None:
    plan = recipe(steps=110, rate=0.1, warmup=10, final_rate=0.2)
    assert [round(rate_at(step, plan), 6) for step in (1, 5, 10)] == [0.01, 0.05, 0.1]
    assert rate_at(60, plan) == pytest.approx(0.1 * (0.2 + 0.8 / 2))
    assert rate_at(110, plan) == pytest.approx(0.02)
    rates = [rate_at(step, plan) for step in range(10, 111)]
    assert rates == sorted(rates, reverse=True)


@given(st.integers(1, 50), st.integers(0, 60), st.floats(0, 1))
def test_no_rate_is_above_the_recipes(steps: int, warmup: int, final: float) -> None:
    plan = recipe(steps=steps, rate=0.1, warmup=warmup, final_rate=final)
    rates = [rate_at(step, plan) for step in range(1, steps + 1)]
    assert all(0 <= rate <= 0.1 * (1 + 1e-9) and math.isfinite(rate) for rate in rates)


def random_adapter(config: Arch, size: float) -> Adapter:
    generator = torch.Generator().manual_seed(1)
    fresh = Adapter.fresh(LoraConfig(3, 6.0), config, 1)
    pairs = {
        name: Pair(pair.a, size * torch.randn(pair.b.shape, generator=generator))
        for name, pair in fresh.pairs.items()
    }
    return Adapter(fresh.config, pairs)


TEXT = make_pack([Conversation((), tuple(range(30, 60)), (False, *[True] * 29), general=True)])


def test_a_model_that_has_learnt_nothing_does_not_diverge(config: Arch) -> None:
    base = random_weights(config)
    fresh = adapted(Base.of(config, base), Adapter.fresh(LoraConfig(3, 6.0), config, 1))
    assert abs(float(divergence(fresh, assembled(config, base), TEXT))) < 1e-5
    changed = adapted(Base.of(config, base), random_adapter(config, 0.1))
    assert float(divergence(changed, assembled(config, base), TEXT)) > 0.1


def test_the_divergence_is_that_of_the_distributions(config: Arch) -> None:
    base = assembled(config, random_weights(config))
    changed = adapted(Base.of(config, random_weights(config)), random_adapter(config, 0.1))
    kept, now = (learnt_logits(model, TEXT).softmax(dim=-1) for model in (base, changed))
    expected = (kept * (kept / now).log()).sum()
    torch.testing.assert_close(divergence(changed, base, TEXT), expected, atol=1e-3, rtol=1e-3)


def test_the_divergence_pulls_a_model_back_to_its_base(config: Arch) -> None:
    base, adapter = random_weights(config), random_adapter(config, 0.1)
    parameters = [parameter.requires_grad_() for parameter in adapter.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    found: list[float] = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = divergence(adapted(Base.of(config, base), adapter), assembled(config, base), TEXT)
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    assert found[-1] < 0.1 * found[0]


def test_general_text_keeps_a_training_nearer_to_its_base(tmp_path: Path) -> None:
    kept: list[float] = []
    for weight in (0.0, 20.0):
        trainer = trainer_of(
            workplace(
                tmp_path / str(weight), data__general=["general.jsonl"], data__general_share=0.5,
                training__steps=40, training__general_weight=weight, training__step_tokens=300,
            )
        )  # fmt: skip
        steps = [trainer.step() for _ in range(40)]
        assert steps[0].kept == pytest.approx(0.0, abs=1e-5)
        kept.append(sum(step.kept or 0.0 for step in steps[-10:]))
    assert kept[1] < 0.5 * kept[0]


def test_every_learnt_token_counts_the_same_however_it_is_packed(tmp_path: Path) -> None:
    norms: list[float] = []
    for tokens in (20_000, 60):
        trainer = trainer_of(workplace(tmp_path / str(tokens), training__pack_tokens=tokens))
        epoch = packed(trainer_data(tmp_path / str(tokens)), tokens, Random(0))
        trainer._next_packs = lambda epoch=epoch: [make_pack(group) for group in epoch]
        norms.append(trainer.step().norm)
        assert len(epoch) == 1 or tokens == 60
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def trainer_data(folder: Path) -> list[Conversation]:
    with Checkpoint.open(folder / "model") as checkpoint:
        return load_data(read_recipe(folder / "recipe.toml"), checkpoint)[0]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"state\.pt is no checkpoint of a training"):
        load_state(tmp_path / "state.pt")


@given(st.floats(1e-6, 1e3), st.integers(0, 100))
def test_packing_an_adapter_rounds_by_less_than_a_two_hundredth_of_a_row(size: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    fresh = Adapter.fresh(LoraConfig(3, 6.0), QWEN2, seed)
    pairs = {
        name: Pair(
            size * torch.randn(pair.a.shape, generator=generator),
            size * torch.randn(pair.b.shape, generator=generator),
        )
        for name, pair in fresh.pairs.items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adapter.safetensors"
        save_packed(Adapter(fresh.config, pairs), path, {"name": "x"})
        back, card = load_packed(path, QWEN2)
    assert (back.config, card) == (fresh.config, {"name": "x"})
    for name, pair in pairs.items():
        for exact, found in ((pair.a, back.pairs[name].a), (pair.b.T, back.pairs[name].b.T)):
            largest = exact.abs().amax(dim=1, keepdim=True)
            # half a step of 1/127, and the rounding of the scale to float16
            assert bool(((exact - found).abs() <= largest * (0.5 / 127 + 1e-3) + 6e-8 * 127).all())


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    save_packed(random_adapter(LLAMA, 0.1), path, {})
    with pytest.raises(CheckpointError, match="a model of another shape"):
        load_packed(path, dataclasses.replace(LLAMA, width=28))
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="cut cannot be read"):
        load_packed(tmp_path / "cut", LLAMA)


def test_a_step_that_overflows_float16_is_skipped_and_noted_as_json(tmp_path: Path) -> None:
    trainer = trainer_of(workplace(tmp_path, training__steps=4), dtype="float16")
    trainer.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, backoff_factor=2.0**-30)
    before = [parameter.detach().clone() for parameter in trainer.trainee.parameters()]
    same: list[bool] = []

    def watch(_step: object) -> None:
        pairs = zip(before, trainer.trainee.parameters(), strict=True)
        same.append(all(torch.equal(old, now) for old, now in pairs))

    run(trainer, tmp_path / "out", watch=watch)
    assert same == [True, False, False, False]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = (tmp_path / "out/metrics.jsonl").read_text()
    rows = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
    assert (rows[0]["norm"], rows[0]["skipped"]) == (None, True)
    assert all(row["loss"] > 0 for row in rows)
    assert all(row["norm"] > 0 and "skipped" not in row for row in rows[1:])


def test_a_share_of_an_empty_file_of_general_text_is_refused(tmp_path: Path) -> None:
    path = workplace(tmp_path, data__general=["general.jsonl", "none.jsonl"], data__general_share=0.5)
    write_rows(tmp_path / "none.jsonl", [])
    with pytest.raises(DataError, match=r"none\.jsonl: no row of general text"):
        trainer_of(path)
    path.write_text(path.read_text().replace("general_share = 0.5", "general_share = 0.0"))
    assert trainer_of(path).step().kept is None
