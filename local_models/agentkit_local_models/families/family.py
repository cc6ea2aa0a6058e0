"""What a family of models is: how its config is read, and how its files name and lay out weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from agentkit_local_models.arch import Arch
from agentkit_local_models.hub_settings import Settings

QKV = ("attention.query", "attention.key", "attention.value")
GATE_UP = ("feed_forward.gate", "feed_forward.up")
"""What files fuse, in canonical parts."""


@dataclass(frozen=True, slots=True)
class Fused:
    """One matrix of a file that holds the rows of several weights.

    Attributes:
        parts: the canonical parts, in order.
        layout: `stacked`: all rows of one part after the other; `grouped`: for each key head the rows of its
            queries, of its key and of its value.
    """

    parts: tuple[str, ...]
    layout: Literal["stacked", "grouped"] = "stacked"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a family's weights in hub folders.

    Attributes:
        tops: canonical stems outside the layers to the file's.
        layers: what stands before a layer's number.
        parts: canonical parts of a layer to the file's.
        fused: the file's parts that hold several.
        optional: a beginning of names that some files leave out.
        unused: endings of tensors that are no weights.
        neighbours: rotary embedding turns neighbouring numbers of a head against each other; the engine turns
            its halves, so the rows of queries and keys are put in that order.
        normed_head: the rows of the output head are set to length 1 (Baichuan 2).
    """

    tops: Mapping[str, str]
    layers: str
    parts: Mapping[str, str]
    fused: Mapping[str, Fused] = field(default_factory=dict[str, Fused])
    optional: str = ""
    unused: tuple[str, ...] = (".rotary_emb.inv_freq", ".rotary_pos_emb.inv_freq")
    neighbours: bool = False
    normed_head: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models.

    Attributes:
        arch: reads the config.
        names: of the weights of a model with this arch, whose forms may differ within a family.
    """

    arch: Callable[[Settings], Arch]
    names: Callable[[Arch], Names]
