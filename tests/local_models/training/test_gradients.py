"""Gradients and losses against transformers and PEFT on the same conversations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.adapter_file import load_peft, save_peft
from agentkit_local_models.arch import Arch
from agentkit_local_models.lora import KINDS, Adapter, LoraConfig, Pair
from agentkit_local_models.training.loss import cross_entropy
from agentkit_local_models.training.packs import Conversation, make_pack
from agentkit_local_models.training.trained import Base, adapted, assembled
from agentkit_local_models.weights import hub_name

from ..oracle import random_weights, transformers_model  # noqa: TID252
from .tiny import CONFIGS, learnt_logits

# PEFT asks transformers for it under its old name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")

TARGETS = {
    "all": KINDS,
    "attention": ("attention.query", "attention.value"),
    "one": ("feed_forward.down",),
}
PREFIX = tuple(range(40, 52))


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> Arch:
    return request.param


def conversations(prefix: Sequence[int] = PREFIX) -> list[Conversation]:
    """Five of different lengths; some tokens of each are to be learnt, the first ones too."""
    generator = torch.Generator().manual_seed(5)
    made: list[Conversation] = []
    for length in (3, 9, 7, 14, 5):
        ids = torch.randint(0, 256, (length,), generator=generator).tolist()
        learn = (torch.rand(length, generator=generator) < 0.5).tolist()
        learn[0], learn[-1] = bool(prefix) and length == 9, True
        made.append(Conversation(tuple(prefix), tuple(ids), tuple(learn)))
    return made


def random_adapter(config: Arch, lora: LoraConfig, seed: int = 1) -> Adapter:
    """One whose B is not zero, so that A has gradients too."""
    generator = torch.Generator().manual_seed(seed)
    pairs = {
        name: Pair(pair.a, 0.1 * torch.randn(pair.b.shape, generator=generator))
        for name, pair in Adapter.fresh(lora, config, seed).pairs.items()
    }
    return Adapter(lora, pairs)


def peft_model(config: Arch, base: dict[str, Tensor], adapter: Adapter) -> Any:
    """The same adapter on transformers' model, built by PEFT."""
    theirs = peft.get_peft_model(
        transformers_model(config, base),
        peft.LoraConfig(
            r=adapter.config.rank,
            lora_alpha=adapter.config.alpha,
            target_modules=[module(kind) for kind in adapter.config.targets],
            task_type="CAUSAL_LM",
        ),
    )
    parameters = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, pair in adapter.pairs.items():
            for part, values in (("A", pair.a), ("B", pair.b)):
                parameters[peft_name(name, part)].copy_(values)
    return theirs.eval()


def module(kind: str) -> str:
    return hub_name(f"layers.0.{kind}.weight").split(".")[-2]


def peft_name(name: str, part: str) -> str:
    return f"base_model.model.{hub_name(name).removesuffix('.weight')}.lora_{part}.default.weight"


def their_loss(model: Any, group: Sequence[Conversation]) -> Tensor:
    """The summed cross entropy, one conversation at a time, as transformers computes it."""
    losses: list[Tensor] = []
    for conversation in group:
        ids = torch.tensor([conversation.prefix + conversation.ids])
        marks = (False,) * len(conversation.prefix) + conversation.learn
        labels = ids.masked_fill(~torch.tensor([marks]), -100)
        count = int((labels[:, 1:] != -100).sum())
        losses.append(model(input_ids=ids, labels=labels).loss * count)
    return torch.stack(losses).sum()


def leaves(adapter: Adapter) -> Iterator[tuple[str, str, Tensor]]:
    for name, pair in adapter.pairs.items():
        yield name, "A", pair.a
        yield name, "B", pair.b


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("prefix", [PREFIX, ()], ids=["shared prefix", "no prefix"])
@pytest.mark.parametrize("path", ["joined", "beside", "beside, with dropout"])
def test_the_gradients_of_an_adapter_are_those_of_peft(
    config: Arch, targets: tuple[str, ...], prefix: tuple[int, ...], path: str
) -> None:
    base = random_weights(config)
    # the least dropout there is drops nothing
    dropout = 1e-30 if "dropout" in path else 0.0
    lora = LoraConfig(rank=3, alpha=6.0, dropout=dropout, joined=path == "joined", targets=targets)
    adapter = random_adapter(config, lora)
    theirs = peft_model(config, base, adapter)
    group = conversations(prefix)
    for parameter in adapter.parameters():
        parameter.requires_grad_()
    loss = cross_entropy(adapted(Base.of(config, base), adapter), make_pack(group))
    expected = their_loss(theirs, group)
    torch.testing.assert_close(loss, expected, atol=1e-3, rtol=1e-5)
    loss.backward()
    expected.backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert adapter.config.is_joined == (path == "joined")
    for name, part, values in leaves(adapter):
        torch.testing.assert_close(values.grad, gradients[peft_name(name, part)], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS.keys())
def test_a_delta_learns_as_if_all_of_the_joined_weights_had_gradients(
    config: Arch, targets: tuple[str, ...]
) -> None:
    base, pack = random_weights(config), make_pack(conversations())
    adapter = random_adapter(config, LoraConfig(3, 6.0, targets=targets))
    for parameter in adapter.parameters():
        parameter.requires_grad_()
    thin = cross_entropy(adapted(Base.of(config, base), adapter), pack)
    whole = cross_entropy(
        assembled(config, {name: adapter.joined(name, weight) for name, weight in base.items()}), pack
    )
    torch.testing.assert_close(thin, whole)
    for mine, other in zip(
        torch.autograd.grad(thin, adapter.parameters()),
        torch.autograd.grad(whole, adapter.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("prefix", [PREFIX, ()], ids=["shared prefix", "no prefix"])
def test_the_gradients_of_all_weights_are_those_of_transformers(
    config: Arch, prefix: tuple[int, ...]
) -> None:
    weights = {name: weight.requires_grad_() for name, weight in random_weights(config).items()}
    theirs = transformers_model(config, {name: weight.detach() for name, weight in weights.items()})
    group = conversations(prefix)
    cross_entropy(assembled(config, weights), make_pack(group)).backward()
    their_loss(theirs.requires_grad_(), group).backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert {hub_name(name) for name in weights} == set(gradients)
    for name, weight in weights.items():
        torch.testing.assert_close(weight.grad, gradients[hub_name(name)], atol=1e-4, rtol=1e-4)


def test_dropout_gives_the_undropped_gradients_on_average(config: Arch) -> None:
    base = random_weights(config)
    pack = make_pack(conversations())

    def logits(dropout: float) -> Tensor:
        # the last block's down projection alone: what it adds is linear in what is not dropped
        lora = LoraConfig(3, 6.0, dropout, ("feed_forward.down",))
        adapter = random_adapter(config, lora)
        kept = {name: pair for name, pair in adapter.pairs.items() if name.startswith("layers.1")}
        return learnt_logits(adapted(Base.of(config, base), Adapter(lora, kept)), pack)

    torch.manual_seed(0)
    exact = logits(0.0)
    drawn = torch.stack([logits(0.3) for _ in range(400)])
    assert not torch.allclose(drawn[0], drawn[1])
    unadapted = learnt_logits(assembled(config, base), pack)
    off = (drawn.mean(dim=0) - exact).norm()
    assert off < 0.1 * (exact - unadapted).norm()


def test_dropout_is_decided_by_the_seed(config: Arch) -> None:
    adapter = random_adapter(config, LoraConfig(3, 6.0, 0.3))
    base, pack = random_weights(config), make_pack(conversations())
    losses = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        losses.append(float(cross_entropy(adapted(Base.of(config, base), adapter), pack)))
    assert losses[0] == losses[2] != losses[1]


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS.keys())
def test_an_adapter_in_the_layout_of_peft_is_read_by_peft(
    tmp_path: Path, config: Arch, targets: tuple[str, ...]
) -> None:
    base = random_weights(config)
    adapter = random_adapter(config, LoraConfig(3, 6.0, targets=targets))
    save_peft(adapter, tmp_path / "peft", "base", config)
    theirs = peft.PeftModel.from_pretrained(transformers_model(config, base), tmp_path / "peft").eval()
    ids = torch.randint(0, 256, (1, 30), generator=torch.Generator().manual_seed(2))
    everything = Conversation((), tuple(ids[0].tolist()), (False, *[True] * 29))
    with torch.inference_mode():
        expected = theirs(ids).logits[0, :-1]
        found = learnt_logits(adapted(Base.of(config, base), adapter), make_pack([everything]))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    back = load_peft(tmp_path / "peft", config)
    assert back.config == adapter.config
    for name, part, values in leaves(adapter):
        pair = back.pairs[name]
        assert torch.equal(pair.a if part == "A" else pair.b, values)


def test_an_adapter_that_peft_wrote_is_read(tmp_path: Path, config: Arch) -> None:
    base = random_weights(config)
    adapter = random_adapter(config, LoraConfig(3, 6.0))
    peft_model(config, base, adapter).save_pretrained(tmp_path / "theirs")
    back = load_peft(tmp_path / "theirs", config)
    assert set(back.pairs) == set(adapter.pairs)
    for name, part, values in leaves(adapter):
        pair = back.pairs[name]
        assert torch.equal(pair.a if part == "A" else pair.b, values)


def test_the_loss_is_that_of_a_softmax_over_the_marked_tokens() -> None:
    config = CONFIGS["llama"]
    base = random_weights(config)
    group = conversations()
    theirs = transformers_model(config, base)
    total = 0.0
    with torch.inference_mode():
        for conversation in group:
            ids = conversation.prefix + conversation.ids
            logs = F.log_softmax(theirs(torch.tensor([ids])).logits[0], dim=-1)
            for place, learn in enumerate(conversation.learn, len(conversation.prefix)):
                if learn:
                    total -= float(logs[place - 1, ids[place]])
        found = float(cross_entropy(assembled(config, base), make_pack(group)))
    assert abs(found - total) < 1e-3
