"""How a `config.json` tells of rotary embedding: as transformers 5 writes it, and as earlier ones did."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agentkit_local_models.arch import RopeScaling
from agentkit_local_models.errors import UnsupportedCheckpoint
from agentkit_local_models.hub_settings import Settings


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary embedding, read.

    Attributes:
        base: of the frequencies.
        scaling: how they are changed, or None.
        part: the share of a head that is rotated.
        context: the longest sequence that these frequencies are for.
    """

    base: float
    scaling: RopeScaling | None
    part: float
    context: int

    def width(self, head_width: int) -> int:
        """How many numbers of a head are rotated: 0 for all, as `Arch.rope_width`."""
        return 0 if self.part == 1 else int(head_width * self.part)


def read_rope(settings: Settings, *, layers: str = "", context: int) -> Rope:
    """The rotary embedding of a model, or of its layers of one kind.

    Args:
        settings: the config.
        layers: the kind's key in `rope_parameters`, where there are several.
        context: the positions that the config says the model has.

    Raises:
        CheckpointError: a value is missing or of the wrong type.
        UnsupportedCheckpoint: a way of scaling that is not built.
    """
    given = settings.inside("rope_parameters")
    if layers and layers in given:
        given = given.inside(layers)
    if not given.values:
        given = settings.inside("rope_scaling")
    base = given.number("rope_theta", settings.number("rope_theta", 10_000.0))
    part = given.number("partial_rotary_factor", settings.number("partial_rotary_factor", 1.0))
    kind = given.text("rope_type", given.text("type", "default"))
    if kind == "default":
        return Rope(base, None, part, context)
    original = int(
        given.number(
            "original_max_position_embeddings",
            settings.number("original_max_position_embeddings", float(context)),
        )
    )
    if kind == "linear":
        return Rope(base, RopeScaling("linear", given.number("factor")), part, context)
    if kind == "llama3":
        scaling = RopeScaling(
            "llama3",
            given.number("factor"),
            original,
            low=given.number("low_freq_factor"),
            high=given.number("high_freq_factor"),
        )
        return Rope(base, scaling, part, context)
    if kind == "yarn":
        return Rope(base, _yarn(given, original), part, context)
    if kind == "dynamic":
        factor = given.number("factor")
        return Rope(base, RopeScaling("dynamic", factor, original), part, int(factor * original))
    if kind in ("longrope", "su"):
        scaling = RopeScaling(
            "factors",
            original_context=original,
            attention_factor=_longrope_attention(given, context, original),
            factors=given.numbers("short_factor"),
            long_factors=given.numbers("long_factor"),
        )
        return Rope(base, scaling, part, context)
    raise UnsupportedCheckpoint(
        f"{settings.path}: rotary embedding of the kind {kind!r} is not built; "
        "default, linear, llama3, yarn, longrope and dynamic are"
    )


def _yarn(given: Settings, original: int) -> RopeScaling:
    factor = given.number("factor")

    def scale(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0

    if "attention_factor" in given:
        attention = given.number("attention_factor")
    elif "mscale" in given and "mscale_all_dim" in given:
        attention = scale(given.number("mscale")) / scale(given.number("mscale_all_dim"))
    else:
        attention = scale(1.0)
    return RopeScaling(
        "yarn",
        factor,
        original,
        low=given.number("beta_slow", 1.0),
        high=given.number("beta_fast", 32.0),
        attention_factor=attention,
        truncate=given.boolean("truncate", default=True),
    )


def _longrope_attention(given: Settings, context: int, original: int) -> float:
    if "attention_factor" in given:
        return given.number("attention_factor")
    factor = given.number("factor", context / original)
    return 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
