"""The weights of a hub folder under canonical names, whatever the family calls and fuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.arch import Arch
from agentkit_local_models.families.family import Fused, Names
from agentkit_local_models.linear import Weight
from agentkit_local_models.tensor_folder import TensorFolder
from agentkit_local_models.weights import Shape, check_weights, unpermute, weight_shapes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a canonical weight lies.

    Attributes:
        name: the tensor's name in the files.
        shape: of the whole tensor.
        take: its numbers out of it, in the engine's order.
        normed: whether its rows are set to length 1 when it is read (Baichuan 2's head).
    """

    name: str
    shape: Shape
    take: Callable[[Tensor], Tensor]
    normed: bool = False

    def read(self, whole: Tensor) -> Tensor:
        """The weight out of the whole tensor, as it is computed with."""
        rows = self.take(whole)
        return F.normalize(rows.float()).to(rows.dtype) if self.normed else rows

    def put(self, weight: Tensor, whole: Tensor) -> None:
        """Put a weight into the whole tensor, where `take` finds it."""
        whole[self.take(torch.arange(len(whole)))] = weight.to(whole.dtype)  # it takes whole rows


@dataclass(frozen=True, slots=True)
class HubWeights:
    """The weights of a hub folder."""

    folder: TensorFolder
    places: Mapping[str, Place]

    def load(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
        """The weights of the canonical names, in their order."""
        last, tensor = "", torch.empty(0)
        with self.folder.reading() as read:
            for name in names:
                place = self.places[name]
                if place.name != last:  # the parts of a fused matrix follow each other
                    tensor = torch.empty(0)  # the one before goes first: the largest are a tenth of a model
                    last, tensor = place.name, read(place.name, dtype)
                yield name, place.read(tensor)

    def load_stored(self, names: tuple[str, ...], dtype: torch.dtype) -> Iterator[tuple[str, Weight]]:
        """The same: nothing in a hub folder is quantised."""
        return self.load(names, dtype)

    def close(self) -> None:
        """Nothing stays open between loads."""


def find_weights(path: Path, arch: Arch, names: Names, folder: TensorFolder) -> HubWeights:
    """The weights of a folder, each accounted for.

    Raises:
        CheckpointError: one message with all that is missing, extra or misshapen.
    """
    places = places_in(arch, names, folder.shapes)
    head = f"{names.tops['head']}.weight"
    extras = [
        name
        for name in folder.shapes
        # a copy of the embedding some tied checkpoints carry
        if (arch.tied_head and name == head) or name.endswith(names.unused)
    ]
    check_weights(path, {place.name: place.shape for place in places.values()}, folder.shapes, extras)
    return HubWeights(folder, places)


def places_in(arch: Arch, names: Names, found: Mapping[str, Shape]) -> dict[str, Place]:
    """Where each canonical weight lies among the tensors that were found.

    Args:
        arch: of the model.
        names: of its family.
        found: names and shapes; they tell whether the optional beginning of names is there.
    """
    without = names.optional and not any(name.startswith(names.optional) for name in found)
    whole = {part: (fused, place) for fused, place in names.fused.items() for part in place.parts}
    shapes = weight_shapes(arch)
    places: dict[str, Place] = {}
    for name, shape in shapes.items():
        stem, _, leaf = name.rpartition(".")
        finish = partial(in_order, arch, names, stem)
        if not stem.startswith("layers."):
            their, place = names.tops[stem], Place("", shape, finish)
        else:
            _, layer, part = stem.split(".", 2)
            if part in whole:
                fused, layout = whole[part]
                at = f"layers.{layer}"
                place = _part_of(arch, shapes, at, layout, part, leaf, finish)
            else:
                fused, place = names.parts[part], Place("", shape, finish)
            their = f"{names.layers}.{layer}.{fused}"
        if without:
            their = their.removeprefix(names.optional)
        places[name] = Place(
            f"{their}.{leaf}", place.shape, place.take, normed=names.normed_head and stem == "head"
        )
    return places


def _part_of(
    arch: Arch,
    shapes: Mapping[str, Shape],
    at: str,
    fused: Fused,
    part: str,
    leaf: str,
    finish: Callable[[Tensor], Tensor],
) -> Place:
    """The rows of one part of a fused matrix."""
    every = [shapes[f"{at}.{one}.{leaf}"] for one in fused.parts]
    number = fused.parts.index(part)
    total = (sum(shape[0] for shape in every), *every[0][1:])
    if fused.layout == "stacked":
        start = sum(shape[0] for shape in every[:number])
        return Place("", total, lambda whole: finish(whole[start : start + every[number][0]]))
    queries = arch.heads // arch.kv_heads
    first, count = ((0, queries), (queries, 1), (queries + 1, 1))[number]

    def take(whole: Tensor) -> Tensor:
        groups = whole.view(arch.kv_heads, queries + 2, arch.head_width, *whole.shape[1:])
        return finish(groups[:, first : first + count].reshape(every[number][0], *whole.shape[1:]))

    return Place("", total, take)


def in_order(arch: Arch, names: Names, stem: str, rows: Tensor) -> Tensor:
    """The rows of a weight, or of what is made of it, in the engine's order."""
    heads = {"query": arch.heads, "key": arch.kv_heads}.get(stem.rpartition(".")[2])
    if heads is not None and names.neighbours:
        return unpermute(rows, heads, arch.rotated)
    if heads is not None and arch.position == "rope-2d":
        return _two_as_one(rows, heads)
    return rows


def _two_as_one(rows: Tensor, heads: int) -> Tensor:
    """Order rows whose two halves are each rotated half against half, so that the whole is.

    A head's quarters a, a', b, b' (a turned against a', b against b') become a, b, a', b'.
    """
    quarters = rows.view(heads, 4, -1, *rows.shape[1:])
    return quarters[:, (0, 2, 1, 3)].reshape(rows.shape)
