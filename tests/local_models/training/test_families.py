"""Every family learns as its makers' own class does: losses, and gradients in a direction of all weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from agentkit_local_models.arch import Arch, PrefixLM
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.families import read_family
from agentkit_local_models.hub_weights import HubWeights, find_weights
from agentkit_local_models.lora import Adapter, LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.safetensors_file import open_safetensors
from agentkit_local_models.training.conversations import DataError
from agentkit_local_models.training.hub_folder import require_writable
from agentkit_local_models.training.loss import cross_entropy, divergence
from agentkit_local_models.training.packs import Conversation, make_pack
from agentkit_local_models.training.recipe import RecipeError
from agentkit_local_models.training.session import train
from agentkit_local_models.training.trained import Base, adapted, assembled

from ..test_checkpoint import hub_folder  # noqa: TID252
from ..test_families import KINDS, VOCABULARY, theirs  # noqa: TID252
from ..test_gguf_families import PUBLISHED, gguf_of  # noqa: TID252
from ..tiny import random_weights  # noqa: TID252
from .test_gradients import random_adapter, their_loss
from .tiny import LLAMA, RECIPE, TEMPLATE, changed, learnt_logits, recipe_text, write, write_rows

# PEFT asks transformers for it under its old name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")

PREFIX = tuple(range(40, 60))


def conversations(prefix: tuple[int, ...] = PREFIX) -> list[Conversation]:
    """Three of different lengths, one of them longer than the windows of the families that have one."""
    generator = torch.Generator().manual_seed(5)
    made: list[Conversation] = []
    for length in (9, 30, 5):
        # not token 0, to whose embedding transformers gives no gradient: it is their padding
        ids = torch.randint(1, VOCABULARY, (length,), generator=generator).tolist()
        made.append(Conversation(prefix, tuple(ids), (False, *[True] * (length - 1))))
    return made


def canonical(model: Any, folder: Path) -> tuple[Arch, dict[str, Tensor]]:
    """What is read of a model of transformers, under canonical names."""
    model.save_pretrained(folder)
    arch, names = read_family(folder / "config.json")
    weights = find_weights(folder, arch, names, open_safetensors(folder))
    return arch, dict(weights.load(tuple(weights.places), torch.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    model = theirs(kind)
    arch, weights = canonical(model, tmp_path / "here")
    expected = their_loss(model, conversations())
    expected.backward()
    towards = 0.0
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                step = torch.randn(parameter.shape, generator=generator) * 0.1
                towards += float((parameter.grad.double() * step.double()).sum())
                parameter.add_(step)
    _, moved = canonical(model, tmp_path / "there")  # how weights are read is linear
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    loss = cross_entropy(assembled(arch, leaves), make_pack(conversations()))
    torch.testing.assert_close(loss, expected, atol=1e-3, rtol=1e-5)
    loss.backward()
    found = sum(
        float((leaf.grad.double() * (moved[name] - weights[name]).double()).sum())
        for name, leaf in leaves.items()
        if leaf.grad is not None
    )
    assert found == pytest.approx(towards, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("kind", ["gemma 2", "gemma 3", "glm 4", "falcon 40b", "mpt", "qwen3"])
@pytest.mark.parametrize("joined", [True, False], ids=["joined", "beside"])
def test_an_adapter_learns_as_if_its_weights_were_the_models_own(
    kind: str, joined: bool, tmp_path: Path
) -> None:
    arch, base = canonical(theirs(kind), tmp_path)
    adapter = random_adapter(arch, LoraConfig(rank=3, alpha=6.0, joined=joined))
    for parameter in adapter.parameters():
        parameter.requires_grad_()
    pack = make_pack(conversations())
    found = cross_entropy(adapted(Base.of(arch, base), adapter), pack)
    whole = cross_entropy(assembled(arch, {n: adapter.joined(n, w) for n, w in base.items()}), pack)
    torch.testing.assert_close(found, whole, atol=1e-3, rtol=1e-5)
    gradients = torch.autograd.grad(found, adapter.parameters())
    expected = torch.autograd.grad(whole, adapter.parameters())
    for ours, autograd in zip(gradients, expected, strict=True):
        torch.testing.assert_close(ours, autograd, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", ["gemma 2", "gemma 3", "bloom", "falcon 7b", "phi 3"])
def test_in_bfloat16_it_sees_what_the_engine_computes_with(kind: str, tmp_path: Path) -> None:
    arch, weights = canonical(theirs(kind), tmp_path)
    exact = weights.copy()
    rounded = {name: weight.bfloat16() for name, weight in weights.items()}
    (conversation,) = group = conversations(())[1:2]
    pack = make_pack(group)
    tokens = list(conversation.ids)
    engine = Model(arch, rounded.items(), torch.bfloat16)
    engines = engine.logits(tokens, engine.new_cache(), every=True)[:-1]
    true = Model(arch, exact.items(), torch.float32)
    expected = true.logits(tokens, true.new_cache(), every=True)[:-1]
    found = learnt_logits(assembled(arch, rounded), pack).float()
    if arch.logit_cap:
        found = arch.logit_cap * torch.tanh(found / arch.logit_cap)
    assert float((found - expected).norm()) < 1.5 * float((engines - expected).norm())


def test_a_model_whose_logits_have_a_cap_does_not_diverge_from_itself(tmp_path: Path) -> None:
    arch, weights = canonical(theirs("gemma 2", final_logit_softcapping=3.0), tmp_path)
    base = assembled(arch, weights)
    fresh = adapted(Base.of(arch, weights), Adapter.fresh(LoraConfig(3, 6.0), arch, 1))
    assert arch.logit_cap == 3
    pack = make_pack(conversations())
    assert abs(float(divergence(fresh, base, pack))) < 1e-4
    changed = adapted(Base.of(arch, weights), random_adapter(arch, LoraConfig(3, 6.0)))
    assert float(divergence(changed, base, pack)) > 0.01


# one of each layout: as LLaMA's, stacked, grouped by key heads, neighbours turned, biases
LAYOUTS = ["gemma 3", "qwen3", "phi 3", "glm 4", "bloom", "falcon 40b", "mpt", "mistral"]


def served(folder: Path, kind: str, **changes: Any) -> tuple[Any, Path]:
    """A model of transformers whose folder can be trained, and the recipe's."""
    model = theirs(kind, vocab_size=260, eos_token_id=257, **changes)
    hub_folder(folder / "model", model)
    write(folder / "model/tokenizer_config.json", {"chat_template": TEMPLATE, "eos_token": "<|end|>"})
    write_rows(folder / "train.jsonl", [{"text": "Tea is brewed."}, {"text": "The cat sat on a mat."}])
    return model, folder / "recipe.toml"


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_folder_that_was_trained_whole_is_read_by_transformers(kind: str, tmp_path: Path) -> None:
    before, recipe = served(tmp_path, kind)
    recipe.write_text(recipe_text(changed(RECIPE, lora=None, training__steps=2)))
    folder = train(recipe, tmp_path / "out").result
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    after = type(before).from_pretrained(folder, attn_implementation=before.config._attn_implementation)
    with torch.inference_mode():
        old, expected = (model(torch.tensor([ids])).logits[0] for model in (before, after.eval()))
    found = Engine.load(folder, dtype="float32").logits(ids)
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())
    assert float((expected - old).abs().max()) > 1e-3


@pytest.mark.parametrize("kind", LAYOUTS)
def test_an_adapter_in_pefts_layout_is_read_by_peft(kind: str, tmp_path: Path) -> None:
    before, recipe = served(tmp_path, kind)
    recipe.write_text(recipe_text(changed(RECIPE, training__steps=2)))
    packed = train(recipe, tmp_path / "out").result
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    with torch.inference_mode():
        old = before(torch.tensor([ids])).logits[0]
        after = PeftModel.from_pretrained(before, tmp_path / "out/peft").eval()
        expected = after(torch.tensor([ids])).logits[0]
    exact, rounded = (
        Engine.load(tmp_path / "model", dtype="float32", adapter=path).logits(ids)
        for path in (tmp_path / "out/peft", packed)
    )
    assert float((exact - expected).abs().max()) <= 1e-5 * float(expected.abs().max())
    moved = float((expected - old).abs().max())
    assert float((rounded - expected).abs().max()) < 0.1 * moved
    assert moved > 1e-3


def test_a_conversation_that_would_be_rotated_otherwise_is_refused(tmp_path: Path) -> None:
    _, recipe = served(tmp_path, "phi 3, long", original_max_position_embeddings=32)
    write_rows(tmp_path / "train.jsonl", [{"text": "x" * 33}])
    recipe.write_text(recipe_text(RECIPE))
    with pytest.raises(DataError, match="line 1: it has 33 tokens; 2 to 32 are trained on"):
        train(recipe, tmp_path / "out")


def test_all_weights_of_a_file_of_another_family_cannot_be_written(tmp_path: Path) -> None:
    model = theirs("gemma", vocab_size=258)
    arch, _ = canonical(model, tmp_path / "hub")
    gguf_of(tmp_path / "model.gguf", "gemma", model, arch, **{"tokenizer.chat_template": TEMPLATE})
    write_rows(tmp_path / "train.jsonl", [{"text": "Tea is brewed."}])
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text(changed(RECIPE, model="model.gguf", lora=None)))
    with pytest.raises(CheckpointError, match="of its folder from the hub"):
        train(recipe, tmp_path / "out")


@pytest.mark.parametrize("kind", ["gemma", "gemma 2", "gemma 3", "qwen3", "phi 3"])
def test_an_adapter_of_a_file_is_named_as_the_makers_name_its_weights(kind: str, tmp_path: Path) -> None:
    model = theirs(kind, vocab_size=258, **PUBLISHED.get(kind, {}))
    arch, _ = canonical(model, tmp_path / "hub")
    gguf_of(tmp_path / "model.gguf", kind, model, arch, **{"tokenizer.chat_template": TEMPLATE})
    write_rows(tmp_path / "train.jsonl", [{"text": "Tea is brewed."}])
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipe_text(changed(RECIPE, model="model.gguf", training__steps=2)))
    train(recipe, tmp_path / "out")
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    with torch.inference_mode():
        after = PeftModel.from_pretrained(model, tmp_path / "out/peft").eval()
        expected = after(torch.tensor([ids])).logits[0]
    found = Engine.load(tmp_path / "model.gguf", dtype="float32", adapter=tmp_path / "out/peft").logits(ids)
    assert float((found - expected).abs().max()) <= 1e-4 * float(expected.abs().max())


def test_a_head_that_is_normed_when_it_is_read_is_not_trained_freely(tmp_path: Path) -> None:
    served(tmp_path, "llama")
    with Checkpoint.open(tmp_path / "model") as checkpoint:
        source = checkpoint.source
        assert isinstance(source, HubWeights)
        require_writable(checkpoint)
        places = {**source.places, "head.weight": replace(source.places["head.weight"], normed=True)}
        with pytest.raises(CheckpointError, match="set to length 1"):
            require_writable(replace(checkpoint, source=replace(source, places=places)))


def test_layers_that_a_family_has_not_are_no_adapter(tmp_path: Path) -> None:
    _, recipe = served(tmp_path, "bloom")
    recipe.write_text(recipe_text(changed(RECIPE, lora={"rank": 4, "targets": ["feed_forward.gate"]})))
    with pytest.raises(RecipeError, match=r"bloom has none of the layers feed_forward\.gate"):
        train(recipe, tmp_path / "out")


def test_a_prompt_that_sees_itself_both_ways_is_refused() -> None:
    arch = Arch(**{name: getattr(LLAMA, name) for name in LLAMA.__slots__} | {"prefix": PrefixLM(1, (2,))})
    with pytest.raises(CheckpointError, match="in both directions"):
        assembled(arch, random_weights(LLAMA))
