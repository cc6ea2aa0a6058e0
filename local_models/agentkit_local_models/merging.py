"""An adapter in a model's weights, where it costs nothing, and out again to the bit."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from agentkit_local_models.deltas import Delta, Deltas
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.layers import Layer
from agentkit_local_models.linear import Linear
from agentkit_local_models.matrices import Floats


class HasLayers(Protocol):
    """A model whose matrices can be reached."""

    @property
    def layers(self) -> list[Layer]:
        """From the first to the last."""
        ...


class Merge:
    """Weights with an adapter in them, in place, so that whatever points at them has it too."""

    def __init__(self, model: HasLayers, deltas: Deltas) -> None:
        """Merge; what the weights were is kept beside them.

        Raises:
            UnsupportedCheckpoint: a matrix is not floats; none has changed then.
        """
        places: list[tuple[Tensor, Delta]] = []
        for number, (layer, beside) in enumerate(zip(model.layers, deltas.layers, strict=True)):
            for stack, delta in beside.items():
                linear: Linear = getattr(layer, stack)
                if not isinstance(linear.matrix, Floats):
                    raise UnsupportedCheckpoint(
                        f"{stack} of layer {number} is {type(linear.matrix).__name__}, and an adapter is "
                        "merged into floats; load the model with precision float32, bfloat16 or float16"
                    )
                places.append((linear.matrix.weight, delta))
        # taking the delta off again would leave its roundings behind
        self._before = [(weight, weight.clone()) for weight, _ in places]
        with torch.inference_mode():
            for weight, delta in places:
                weight.addmm_(delta.b.to(weight.dtype), delta.a.to(weight.dtype), alpha=delta.scale)

    @torch.inference_mode()
    def undo(self) -> None:
        """The weights as they were."""
        for weight, before in self._before:
            weight.copy_(before)
