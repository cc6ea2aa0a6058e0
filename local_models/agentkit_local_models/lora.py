"""Low-rank adapters (LoRA, Hu et al. 2021): what is learnt, and how it joins the weights.

A weight W [out, in] becomes W + (alpha / rank) · B A, with A [rank, in] and B [out, rank]. A begins
random and B zero, so that training begins at the base model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.linear import Weight
from agentkit_local_models.matrices import Adapted
from agentkit_local_models.weights import weight_shapes

KINDS = (
    "attention.query",
    "attention.key",
    "attention.value",
    "attention.output",
    "feed_forward.gate",
    "feed_forward.up",
    "feed_forward.down",
)
"""The linear layers of a block, in canonical names."""


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """The shape of an adapter.

    Attributes:
        rank: the rows of A.
        alpha: the delta is scaled by alpha / rank.
        dropout: the share of a layer's input that the delta does not see in training.
        targets: which linear layers have a delta, out of `KINDS`.
        joined: whether training joins the delta into the weights, which dropout forbids.
    """

    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.0
    targets: tuple[str, ...] = KINDS
    joined: bool = True

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"the rank is {self.rank}; it must be at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"the dropout is {self.dropout}; it must be at least 0 and less than 1")
        if unknown := [target for target in self.targets if target not in KINDS]:
            raise ValueError(f"unknown targets {', '.join(unknown)}; known: {', '.join(KINDS)}")

    @property
    def scale(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / self.rank

    @property
    def is_joined(self) -> bool:
        """Whether training makes weights with the delta in them."""
        return self.joined and not self.dropout

    def names(self, config: Arch) -> tuple[str, ...]:
        """The canonical names of the weights that have a delta."""
        return tuple(
            f"layers.{layer}.{kind}.weight"
            for layer in range(config.layers)
            for kind in self.targets
            if config.gated or kind != "feed_forward.gate"
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """One delta: A [rank, in] and B [out, rank], both float32."""

    a: Tensor
    b: Tensor


@dataclass(frozen=True, slots=True)
class Adapter:
    """A pair for each weight that has a delta, by canonical name."""

    config: LoraConfig
    pairs: Mapping[str, Pair]

    @classmethod
    def fresh(cls, lora: LoraConfig, model: Arch, seed: int) -> Adapter:
        """An adapter that changes nothing yet.

        A is drawn as `torch.nn.Linear` draws its weight (Kaiming uniform with a = √5), as PEFT does.
        """
        shapes = weight_shapes(model)
        generator = torch.Generator().manual_seed(seed)
        pairs: dict[str, Pair] = {}
        for name in lora.names(model):
            rows, columns = shapes[name]
            bound = 1 / math.sqrt(columns)
            a = torch.empty(lora.rank, columns).uniform_(-bound, bound, generator=generator)
            pairs[name] = Pair(a, torch.zeros(rows, lora.rank))
        return cls(lora, pairs)

    def parameters(self) -> list[Tensor]:
        """Every A and B, in a fixed order."""
        return [tensor for pair in self.pairs.values() for tensor in (pair.a, pair.b)]

    def to(self, device: torch.device) -> Adapter:
        """The adapter on a device."""
        moved = {name: Pair(pair.a.to(device), pair.b.to(device)) for name, pair in self.pairs.items()}
        return Adapter(self.config, moved)

    def joined(self, name: str, weight: Tensor) -> Tensor:
        """`weight` with its delta, in the weight's dtype; the weight itself where there is none.

        Sums are accumulated in float32 and rounded once, in training and in use alike.
        """
        pair = self.pairs.get(name)
        if pair is None:
            return weight
        kind = weight.dtype
        return torch.addmm(weight, pair.b.to(kind), pair.a.to(kind), alpha=self.config.scale)

    def laid_beside(self, weights: Iterable[tuple[str, Weight]]) -> Iterable[tuple[str, Weight]]:
        """Named weights: quantised matrices with their delta beside them, others with it joined into them."""
        for name, weight in weights:
            if isinstance(weight, Tensor):
                yield name, self.joined(name, weight)
            elif (pair := self.pairs.get(name)) is not None:
                yield name, Adapted(weight, pair.a, pair.b, self.config.scale)
            else:
                yield name, weight

    def joined_weights(self, weights: Iterable[tuple[str, Tensor]]) -> Iterable[tuple[str, Tensor]]:
        """Named weights, each with its delta."""
        for name, weight in weights:
            yield name, self.joined(name, weight)
