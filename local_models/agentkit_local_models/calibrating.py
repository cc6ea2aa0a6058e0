"""A model's weights rounded to 4 bits by what they are multiplied by on some text, one block after another.

The text goes through the blocks twice, side by side: through the exact weights, and through what is rounded
already. Kept of each are only the hidden states between two blocks, and what the matrices of one block are
multiplied by; only one block's weights are in memory as floats.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.gptq import Moments, calibrated_int4
from agentkit_local_models.linear import Linear, Weight
from agentkit_local_models.matrices import Floats
from agentkit_local_models.model import Model
from agentkit_local_models.quantise import has_four_bits
from agentkit_local_models.weights import Shape, stack_of, weight_shapes

Load = Callable[[tuple[str, ...]], Iterator[tuple[str, Tensor]]]
"""Gives weights by their canonical names, as float32."""
Report = Callable[[int, int, float], None]
"""Told after each block: how many are done, of how many, and hidden states' error relative to their size."""

_STACKS = {
    "query_key_value": "attention.query",
    "output": "attention.output",
    "up": "feed_forward.up",
    "down": "feed_forward.down",
}
"""The matrices of a `Layer` in the order in which they are multiplied by, and a part of each."""


def refuse(arch: Arch) -> None:
    """Refuse a model that cannot be calibrated.

    Raises:
        UnsupportedCheckpoint: its prompt is seen both ways, or it has no matrix that int4 keeps in 4 bits.
    """
    if arch.prefix is not None:
        raise UnsupportedCheckpoint(
            f"{arch.family} sees its prompt both ways, and plain text is no prompt; "
            "rounding by text works with models that see what is before"
        )
    shapes = weight_shapes(arch)
    if not any(has_four_bits(name, shape[1]) for name, shape in shapes.items() if len(shape) == 2):
        raise UnsupportedCheckpoint(
            f"no matrix of this model has rows of whole groups: {arch.width} and {arch.feed_forward_width} "
            "numbers; multiples of 32 work"
        )


def calibrated(
    arch: Arch, load: Load, texts: Sequence[Sequence[int]], report: Report
) -> Iterator[tuple[str, Weight]]:
    """Each weight once: matrices that int4 keeps in 4 bits as `Int4Groups`, all others as float32.

    Args:
        arch: of the model; `refuse` has nothing against it.
        load: its weights.
        texts: ids that it is calibrated on, each a sequence of its own and no longer than the context.
        report: of the progress.
    """
    ends = tuple(name for name in weight_shapes(arch) if not name.startswith("layers."))
    below = tuple(name for name in ends if name.startswith("embed"))
    yield from load(below)
    exact = _embedded(arch, load, below, texts)
    states = exact
    for number in range(arch.layers):
        block = _Block.of(arch, number, load)
        inputs, exact = block.passed(exact)
        for stack in _STACKS:
            block.round(stack, states, inputs.pop(stack))
        states = [block.rounded.through_blocks(state) for state in states]
        yield from block.weights()
        report(number + 1, arch.layers, _off(states, exact))
    yield from load(tuple(name for name in ends if name not in below))


@dataclass(frozen=True, slots=True)
class _Watched(Linear):
    """A matrix that keeps what it is multiplied by."""

    seen: list[Tensor] = field(default_factory=list[Tensor])

    def __call__(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return Linear.__call__(self, x)


class _Enough(Exception):
    """What a pass was made for is there; what comes after it is not computed."""


@dataclass(frozen=True, slots=True)
class _Last(Linear):
    """A matrix that ends the pass with what it would have been multiplied by."""

    def __call__(self, x: Tensor) -> Tensor:
        raise _Enough(x)


@dataclass(frozen=True, slots=True)
class _Block:
    """One block, exact and rounded: models of one layer that share what is not rounded.

    Attributes:
        number: of the layer.
        shapes: of its weights, as layer 0.
        vectors: its weights that are no matrices, as layer 0.
        exact: as the checkpoint has it.
        rounded: with the matrices rounded that were rounded so far.
    """

    number: int
    shapes: Mapping[str, Shape]
    vectors: Mapping[str, Tensor]
    exact: Model
    rounded: Model

    @classmethod
    def of(cls, arch: Arch, number: int, load: Load) -> _Block:
        own = f"layers.{number}."
        names = tuple(name for name in weight_shapes(arch) if name.startswith(own))
        found = {name.replace(own, _OWN, 1): weight for name, weight in load(names)}
        vectors = {name: weight for name, weight in found.items() if weight.dim() == 1}
        alone = _alone(arch, number)
        shapes = {name: shape for name, shape in weight_shapes(alone).items() if name.startswith(_OWN)}
        exact = Model(alone, _with_ends(alone, found), torch.float32)
        rounded = copy.copy(exact)
        rounded.layers = list(exact.layers)
        return cls(number, shapes, vectors, exact, rounded)

    def passed(self, states: Sequence[Tensor]) -> tuple[dict[str, list[Tensor]], list[Tensor]]:
        """What each exact matrix is multiplied by for some sequences, and what the exact block returns."""
        layer = self.exact.layers[0]
        linears: dict[str, Linear] = {stack: getattr(layer, stack) for stack in _STACKS}
        watched = {stack: _Watched(linear.matrix, linear.bias) for stack, linear in linears.items()}
        self.exact.layers[0] = replace(layer, **watched)
        results = [self.exact.through_blocks(state) for state in states]
        self.exact.layers[0] = layer
        return {stack: one.seen for stack, one in watched.items()}, results

    def round(self, stack: str, states: Sequence[Tensor], wanted: Sequence[Tensor]) -> None:
        """Round a matrix by what it is multiplied by after those that were rounded before.

        Args:
            stack: which.
            states: what the block is given.
            wanted: what the exact matrix is multiplied by.
        """
        columns = wanted[0].shape[1]
        if not has_four_bits(self._names(stack)[0], columns):
            return
        moments, layer = Moments(columns), self.rounded.layers[0]
        linear: Linear = getattr(layer, stack)
        self.rounded.layers[0] = replace(layer, **{stack: _Last(linear.matrix)})
        for state, exact in zip(states, wanted, strict=True):
            try:
                self.rounded.through_blocks(state)
            except _Enough as enough:
                moments.add(enough.args[0], exact)
        found = calibrated_int4(linear.matrix.dense(torch.float32), moments)
        self.rounded.layers[0] = replace(layer, **{stack: Linear(found, linear.bias)})

    def weights(self) -> Iterator[tuple[str, Weight]]:
        """Each of the block's weights under its canonical name."""
        for name, vector in self.vectors.items():
            yield self._canonical(name), vector
        for stack in _STACKS:
            matrix = getattr(self.rounded.layers[0], stack).matrix
            above = 0
            for name in self._names(stack):
                rows = self.shapes[name][0]
                part = matrix[above : above + rows]
                yield self._canonical(name), part.weight if isinstance(part, Floats) else part
                above += rows

    def _names(self, stack: str) -> tuple[str, ...]:
        return stack_of(f"{_OWN}{_STACKS[stack]}.weight", self.shapes)

    def _canonical(self, name: str) -> str:
        return name.replace(_OWN, f"layers.{self.number}.", 1)


_OWN = "layers.0."


def _alone(arch: Arch, number: int) -> Arch:
    """A model of one of its blocks; the ends are as small as they can be."""
    return replace(
        arch,
        layers=1,
        windowed=(arch.windowed[number],) if arch.windowed else (),
        vocabulary_size=1,
        tied_head=True,
        embed_norm=False,
    )


def _with_ends(alone: Arch, weights: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The weights of one block, with ends of zeros, which nothing is computed with."""
    for name, shape in weight_shapes(alone).items():
        yield name, weights[name] if name in weights else torch.zeros(shape)


def _embedded(arch: Arch, load: Load, below: tuple[str, ...], texts: Sequence[Sequence[int]]) -> list[Tensor]:
    """What the first block is given: for each text [T, width]."""
    alone = replace(_alone(arch, 0), vocabulary_size=arch.vocabulary_size, embed_norm=arch.embed_norm)
    model = Model(alone, _with_ends(alone, dict(load(below))), torch.float32)
    return [model.embedded(torch.tensor(text, dtype=torch.long)) for text in texts]


def _off(found: Sequence[Tensor], exact: Sequence[Tensor]) -> float:
    """How far hidden states are off, relative to their size."""
    missed = sum(float((one - other).square().sum()) for one, other in zip(found, exact, strict=True))
    return (missed / max(sum(float(one.square().sum()) for one in exact), 1e-30)) ** 0.5
