"""How much memory a training needs, by arithmetic, before it starts.

The parts are those of the ZeRO paper (Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward
Training Trillion Parameter Models", section 3): parameters, gradients, the optimizer's states, and what
is left, of which activations are most. Here parameters are there more than once, because the trainer
mostly joins what it learns into a copy of the weights (see `trained`), and the gradients of that copy wait
until the whole pack has been gone through backward. Activations follow `forward` line by line: they are what
autograd keeps for the backward pass, in torch 2.13 on a processor (a GPU's fused RMSNorm keeps less).

`benchmarks/training_memory.py` compares this with the memory that trainings really took. All figures
are bytes; what Python and torch take themselves, about `LIBRARIES`, and the data come on top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

import torch

from agentkit_local_models.arch import Arch
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.precision import DTYPES, Precision
from agentkit_local_models.training.loss import ROWS
from agentkit_local_models.training.packs import Conversation, Pack, packed
from agentkit_local_models.training.recipe import Recipe
from agentkit_local_models.training.trained import Names, fused_layers
from agentkit_local_models.weights import weight_shapes

Stage = Literal[0, 1, 2, 3]
"""How much ZeRO divides among the devices: nothing; states; gradients too; parameters too."""

LIBRARIES = 430_000_000
"""Bytes that Python, torch and its kernels take, whatever is trained."""

HOLES = 0.15
"""What freed memory that is not used again adds to the peak, as a share, with glibc: measured 0.05 to 0.25.

Its allocator hands out blocks under 32 MiB from a heap that shrinks only at its end. With the environment's
`MALLOC_MMAP_THRESHOLD_=65536` there are no holes, and training is slower."""

_SIZES: Mapping[Precision, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
_FLOAT, _LONG = 4, 8  # bytes of a number in float32 and int64


@dataclass(frozen=True, slots=True)
class PackShape:
    """The sizes of a pack, in tokens.

    Attributes:
        prefix: P, tokens that its conversations share.
        count: N, conversations.
        length: L, tokens of the longest of them.
        learnt: M, tokens that have a loss.
        general: whether its loss is the divergence from the base.
    """

    prefix: int
    count: int
    length: int
    learnt: int
    general: bool = False

    @property
    def tokens(self) -> int:
        """T, how many tokens are computed."""
        return self.prefix + self.count * self.length

    @classmethod
    def filled(cls, tokens: int) -> PackShape:
        """One conversation of so many tokens, all learnt: no pack of as many tokens needs more."""
        return cls(prefix=0, count=1, length=tokens, learnt=tokens)

    @classmethod
    def of(cls, pack: Pack) -> PackShape:
        """The shape of a pack."""
        count, length = pack.ids.shape
        return cls(pack.prefix.numel(), count, length, pack.targets.numel(), pack.general)

    @classmethod
    def of_group(cls, group: Iterable[Conversation]) -> PackShape:
        """The shape of the pack that some conversations would make."""
        members = list(group)
        return cls(
            prefix=len(members[0].prefix),
            count=len(members),
            length=max(len(member.ids) for member in members),
            learnt=sum(sum(member.learn) for member in members),
            general=members[0].general,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """What a training keeps in memory, in bytes, on one device.

    Attributes:
        base: the weights before training, in the dtype of the computation.
        trained: what the optimizer changes, in float32.
        states: of AdamW: two numbers in float32 for each that is trained.
        gradients: of what is trained, in float32.
        joined: the copy of the weights that the forward pass sees, what is trained joined into it.
        joining: what making it needs for a moment beside the copy of the pack before.
        dense_gradients: of the copy, where autograd holds them until the pack is gone through.
        activations: what autograd keeps of one pack for the backward pass, without the loss.
        block: the activations of one block, a part of `activations`.
        working: the most that is there at once in the backward pass of one block, `block` included.
        logits: the most that logits, and what the loss makes of them, take at once.
        mixed: whether the computation has another dtype than what is trained.
    """

    base: int
    trained: int
    states: int
    gradients: int
    joined: int
    joining: int
    dense_gradients: int
    activations: int
    block: int
    working: int
    logits: int
    mixed: bool

    @property
    def total(self) -> int:
        """All parts together; they are never there at the same moment."""
        lasting = self.base + self.trained + self.states + self.gradients
        return lasting + self.joined + self.dense_gradients + self.activations + self.logits

    @property
    def moments(self) -> dict[str, int]:
        """What is in memory at each moment of a step that can be its fullest.

        They are those of a pack that is not a step's first: the gradients of the packs before it are
        there, and while its weights are made, so may be those of the pack before.
        """
        lasting = self.base + self.trained + self.states + self.gradients
        during = lasting + self.joined
        return {
            "joining the weights": during + self.joining,
            "the loss": during + self.activations + self.logits,
            "the last block, backward": during + self.activations - self.block + self.working,
            "the first block, backward": during + self.dense_gradients + self.working,
        }

    @property
    def peak(self) -> int:
        """The most that is in use at once."""
        return max(self.moments.values())

    @property
    def resident(self) -> int:
        """The most that the process is expected to hold: the peak, and holes in the heap."""
        return round(self.peak * (1 + HOLES))

    def on(self, devices: int, stage: Stage) -> Memory:
        """What each of several devices keeps with ZeRO, each going through packs of its own.

        Rajbhandari et al. 2020, section 5: stage 1 divides the optimizer's states by the number of
        devices, among them the float32 copy of the parameters where the computation has another dtype;
        stage 2 gradients too; stage 3 parameters too. The block that is computed, which stage 3 gathers
        whole, is not counted.

        Raises:
            ValueError: fewer than one device.
        """
        if devices < 1:
            raise ValueError(f"{devices} devices; there must be at least 1")

        def share(part: int, since: int) -> int:
            return math.ceil(part / devices) if stage >= since else part

        return replace(
            self,
            states=share(self.states, 1),
            trained=share(self.trained, 1 if self.mixed else 3),
            gradients=share(self.gradients, 2),
            dense_gradients=share(self.dense_gradients, 2),
            base=share(self.base, 3),
            joined=share(self.joined, 3),
            joining=share(self.joining, 3),
        )


def estimate(config: Arch, shape: PackShape, lora: LoraConfig | None, dtype: Precision) -> Memory:
    """The memory of a training whose fullest pack has a shape.

    Args:
        config: of the decoder.
        shape: of the pack.
        lora: of the adapter; without it every weight is trained.
        dtype: of the computation.
    """
    size, mixed = _SIZES[dtype], dtype != "float32"
    shapes = weight_shapes(config)
    every = sum(math.prod(dimensions) for dimensions in shapes.values())
    if lora is None:
        trained = every
        stacked = _numbers(config, lambda names: len(names) > 1)
        # all are cast, if they must be, and those that lie on top of each other are copied once more
        joined, joining = (every, stacked + every) if mixed else (stacked, stacked)
        dense = every if mixed else stacked
    else:
        trained = sum(lora.rank * sum(shapes[name]) for name in lora.names(config))
        deltas = _side_by_side(config, lora)
        joined, joining, dense = deltas, deltas, 0
        if lora.is_joined:
            joined += _numbers(config, lambda names: not set(names).isdisjoint(lora.targets))
    block, activations = _activations(config, shape, lora, DTYPES[dtype])
    return Memory(
        base=size * every,
        trained=_FLOAT * trained,
        states=2 * _FLOAT * trained,
        gradients=_FLOAT * trained,
        joined=size * joined,
        joining=size * joining,
        dense_gradients=size * dense,
        activations=activations,
        block=block,
        working=block + _working(config, shape, size),
        logits=_logits(config, shape, lora, size),
        mixed=mixed,
    )


def pack_shapes(conversations: Iterable[Conversation], most_tokens: int, seed: int = 0) -> set[PackShape]:
    """The shapes of the packs of one epoch."""
    groups = packed(conversations, most_tokens, Random(seed))  # noqa: S311 - an order, not a secret
    return {PackShape.of_group(group) for group in groups}


def told(
    config: Arch,
    recipe: Recipe,
    *,
    adapted: LoraConfig | None = None,
    shapes: Iterable[PackShape] = (),
    devices: int = 1,
) -> list[str]:
    """The lines that tell what a training will need, to be printed before it starts.

    Args:
        config: of the decoder.
        recipe: of the training.
        adapted: the adapter's shape, where it is not the recipe's own.
        shapes: of the packs, as `pack_shapes` finds them; without them, the most that
            `training.pack_tokens` allow is told.
        devices: with more than one, what ZeRO would leave on each is told too.
    """
    need = needed(config, recipe, adapted=adapted, shapes=shapes)
    fullest = max(need.moments, key=lambda moment: need.moments[moment])
    beside = f"{_amount(LIBRARIES)} for Python and torch, and the data"
    lines = [
        f"memory: about {_amount(need.resident)}, and {beside}",
        f"  in use at once {_amount(need.peak)}, most in {fullest}",
        f"  weights {_amount(need.base)}, joined with what is trained {_amount(need.joined)}",
        f"  gradients of the joined weights {_amount(need.dense_gradients)}",
        f"  trained {_amount(need.trained)}, its gradients {_amount(need.gradients)}",
        f"  states of AdamW {_amount(need.states)}",
        f"  activations of a pack {_amount(need.activations)}, logits {_amount(need.logits)}",
    ]
    if devices > 1:
        stages: tuple[Stage, ...] = (1, 2, 3)
        each = ", ".join(f"ZeRO-{stage} {_amount(need.on(devices, stage).peak)}" for stage in stages)
        lines.append(f"  on each of {devices} devices in use: {each}")
    return lines


def needed(
    config: Arch,
    recipe: Recipe,
    *,
    adapted: LoraConfig | None = None,
    shapes: Iterable[PackShape] = (),
) -> Memory:
    """What the fullest pack of a recipe needs; the arguments are those of `told`."""
    filled = PackShape.filled(recipe.training.pack_tokens)
    worst = [filled, replace(filled, general=True)] if recipe.data.general_share else [filled]
    lora = adapted or recipe.adapter_shape
    each = [estimate(config, shape, lora, recipe.training.precision) for shape in set(shapes) or worst]
    return max(each, key=lambda memory: memory.peak)


def _amount(count: int) -> str:
    """Bytes for a person.

    >>> _amount(2_345_678_901), _amount(269_000_000), _amount(40_000)
    ('2.3 GB', '269 MB', '0.04 MB')
    """
    if count >= 10**9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 10**6 else f"{count / 1e6:.2f} MB"


def _numbers(config: Arch, counts: Callable[[Names], bool]) -> int:
    """How many numbers the linear layers have that lie on top of each other as `counts` says."""
    shapes = weight_shapes(config)
    each = [
        math.prod(shapes[f"layers.0.{name}.{part}"])
        for names in fused_layers(config)
        if counts(names)
        for name in names
        for part in ("weight", "bias")
        if f"layers.0.{name}.{part}" in shapes
    ]
    return config.layers * sum(each)


def _scores(config: Arch, shape: PackShape) -> tuple[int, int]:
    """How many attention scores a block has: of the conversations, and of the prefix."""
    own = shape.count * config.heads * shape.length * (shape.prefix + shape.length)
    return own, config.heads * shape.prefix**2


def _activations(
    config: Arch, shape: PackShape, lora: LoraConfig | None, dtype: torch.dtype
) -> tuple[int, int]:
    """Bytes that autograd keeps of one block, and of all of a pack up to the last hidden states."""
    size = dtype.itemsize
    tokens, width, hidden = shape.tokens, config.width, config.feed_forward_width
    query, key = config.heads * config.head_width, config.kv_heads * config.head_width
    ins = (width, query, width, hidden)  # of the linear layers
    norm = _norm(config, tokens, width, size, trained=lora is None)
    # the first one has nothing to pass a gradient to unless the embedding is trained
    each = 2 + (2 if config.post_norms else 0) - (1 if config.parallel == "one" else 0)
    norms = each * config.layers + (1 if lora is None else 0)
    layers = fused_layers(config)
    linear = tokens * sum(_kept(columns, parts, lora) for columns, parts in zip(ins, layers, strict=True))
    # the gate with the values it gates, and the activated gate; or what is activated alone
    activated = tokens * (3 if config.gated else 1) * hidden
    per_block = size * (linear + activated + _attention(config, shape, query, key))
    if config.query_key_norm:  # as RMSNorm of what is as wide as all heads
        per_block += _FLOAT * tokens * (query + key) * (2 if lora is None else 1)
    rotation = size * tokens * config.head_width if config.position == "rope" else 0
    if config.position == "alibi":  # each head's penalties, the same in all layers
        rotation += size * sum(_scores(config, shape))
    picked = size * shape.learnt * width if lora is None else 0  # the head's input
    total = config.layers * per_block + norms * norm + rotation + picked
    return per_block + each * norm, total


def _norm(config: Arch, tokens: int, width: int, size: int, *, trained: bool) -> int:
    """Bytes that a norm keeps of its input.

    LayerNorm keeps it as it is, with a mean and a deviation. RMSNorm keeps it and one over the root mean
    square in float32, and where its weight is trained what that multiplies.
    """
    if config.norm == "layer":
        return tokens * (size * width + 2 * _FLOAT)
    return _FLOAT * tokens * (width * (2 if trained else 1) + 1)


def _side_by_side(config: Arch, lora: LoraConfig) -> int:
    """How many numbers the deltas of fused weights have as one: B is block-diagonal, zeros and all."""
    shapes = weight_shapes(config)
    numbers = 0
    for parts in fused_layers(config):
        rows, columns = zip(*(shapes[f"layers.0.{part}.weight"] for part in parts), strict=True)
        ranks = lora.rank * sum(part in lora.targets for part in parts)
        numbers += ranks * (columns[0] + sum(rows))
    return config.layers * numbers


def _kept(columns: int, parts: Names, lora: LoraConfig | None) -> int:
    """How many numbers a linear layer keeps of each token's input."""
    if lora is None:
        return columns
    deltas = sum(part in lora.targets for part in parts)
    if not deltas:
        return 0
    if not lora.dropout:
        return columns
    return 2 * columns + lora.rank * deltas  # what is left, what is dropped, and A of what is left


def _attention(config: Arch, shape: PackShape, query: int, key: int) -> int:
    """How many numbers attention keeps in a block."""
    own = shape.count * shape.length
    kept = sum(_scores(config, shape)) * (2 if config.attention_cap else 1)  # after the softmax, and tanh
    kept += 2 * shape.count * (shape.prefix + shape.length) * key  # the prefix is repeated
    grouped = config.heads != config.kv_heads  # else the queries of one conversation are not copied
    if grouped or shape.count > 1:
        kept += own * query
    if shape.prefix and grouped:
        kept += shape.prefix * query
    if shape.prefix:  # its values are a view of what was projected
        kept += shape.tokens * (query + 2 * key)
    if shape.prefix or not (grouped or shape.count > 1):  # keys or queries, a view of what was turned
        kept += shape.tokens * (query + key)
    return kept


def _working(config: Arch, shape: PackShape, size: int) -> int:
    """What the backward pass of a block makes, less what it has let go of by then."""
    hidden = shape.tokens * config.feed_forward_width
    # the gradients of scores before and after the softmax, when the feed-forward layer is done
    attention = 2 * max(_scores(config, shape)) - 4 * hidden
    return size * max(2 * hidden, attention)


def _logits(config: Arch, shape: PackShape, lora: LoraConfig | None, size: int) -> int:
    """The most that the loss takes at once.

    Of some rows at a time there are the logits, what the softmax makes of them, and their gradient; for a
    divergence also those of the base, and the difference. Of all learnt tokens, the states and their
    gradient; and where the head is trained, its gradient and what a few rows add to it.
    """
    rows = _FLOAT * min(ROWS, shape.learnt) * config.vocabulary_size * (6 if shape.general else 3)
    head = (_FLOAT + size) * config.vocabulary_size * config.width if lora is None else 0
    return rows + 2 * size * shape.learnt * config.width + head
