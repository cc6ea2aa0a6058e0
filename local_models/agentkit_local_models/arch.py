"""What a decoder computes: one record that every family of models is written as.

A family is data: LLaMA and BLOOM differ by the values here and by the names of their weights
(`families/`), and one decoder (`model.py`) computes them all. The record says nothing of how a file
lays its weights out; that is undone when they are read.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from typing import Literal

from agentkit_local_models.errors import CheckpointError

# The largest sizes accepted; no model this engine can run comes near, and they bound allocation.
MAX_LAYERS = 1 << 10
MAX_WIDTH = 1 << 20
MAX_VOCABULARY = 1 << 22
MAX_CONTEXT = 1 << 27

Activation = Literal["silu", "gelu", "gelu-tanh"]


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """How rotary frequencies are changed for contexts longer than the model began with.

    Attributes:
        kind: `linear` (position interpolation, Chen et al. 2023), `llama3` (Llama 3.1), `yarn` (Peng et al.
            2023), or `factors`: one divisor a frequency (the short factors of LongRoPE, Ding et al. 2024).
        factor: by how much the context grew; 1 for `factors`.
        original_context: positions before.
        low: wavelengths longer than `original_context / low` are slowed wholly (`llama3`); the slowest
            rotations that are kept, in turns (`yarn`'s beta_slow).
        high: wavelengths shorter than `original_context / high` are kept (`llama3`); yarn's beta_fast.
        attention_factor: what cosines and sines are multiplied by.
        truncate: whether yarn's bounds are whole dimensions.
        factors: the divisors, rope_width / 2 of them.
        long_factors: those of sequences that are longer than `original_context`; empty for the same.
    """

    kind: Literal["linear", "llama3", "yarn", "factors", "dynamic"]
    factor: float = 1.0
    original_context: int = 0
    low: float = 1.0
    high: float = 1.0
    attention_factor: float = 1.0
    truncate: bool = True
    factors: tuple[float, ...] = ()
    long_factors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PrefixLM:
    """ChatGLM-6B's way: the prompt sees itself in both directions, and positions are of two kinds.

    Attributes:
        start: the token that begins the answer (`sop`); all before it is the prompt.
        masks: the tokens of which one stands where the answer belongs; their place is the first position
            of every token of the answer.
    """

    start: int
    masks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arch:
    """The sizes and constants of a decoder. The defaults are LLaMA's.

    Attributes:
        family: its name, for people.
        vocabulary_size: rows of the embedding, padding rows included.
        width: of the residual stream.
        layers: how many blocks.
        heads: query heads of each layer.
        kv_heads: key and value heads; divides `heads`.
        head_width: of one head.
        feed_forward_width: of the hidden layer of the feed-forward block.
        rope_base: the base of the rotary frequencies, `base ** (-2 i / rope_width)`.
        norm_epsilon: added to the mean square in RMSNorm, to the variance in LayerNorm.
        context: the most positions the model was trained for.
        tied_head: the output head is the embedding.
        qkv_bias: query, key and value have biases.

        position: rotary embedding; its 2-D form, in which the first half of the frequencies turns by the
            position and the second by the place in the answer (ChatGLM-6B); or a penalty on distance
            (ALiBi, Press et al. 2022).
        rope_width: numbers of a head that are rotated, from the first on; 0 for all.
        rope_scaling: how frequencies are changed, or None.
        window_rope_base: another base in the layers that see only a window, unscaled (Gemma 3); 0 for the
            same.
        alibi_max: the steepest slopes are powers of `2 ** (-alibi_max / heads)`.
        alibi_scaled: the penalty is multiplied by the attention's scale too (Falcon).
        attention_scale: of the scores; 0 for `head_width ** -0.5`.
        attention_cap: scores are squeezed into ±cap by tanh before the mask; 0 for no cap (Gemma 2).
        logit_cap: the same for the logits.
        window: how many positions a token sees, itself included, in the layers of `windowed`; 0 for all.
        windowed: for each layer whether it sees only the window; empty where all do.
        norm: RMSNorm, or LayerNorm.
        norm_bias: LayerNorm's biases.
        norm_offset: added to RMSNorm's weights (Gemma: 1).
        query_key_norm: RMSNorm over each head's query and key.
        post_norms: what attention and feed-forward block return is normed before it is added.
        embed_norm: the embedding is normed (BLOOM).
        embed_scale: what the embedding is multiplied by.
        activation: of the feed-forward block.
        gated: the hidden layer is a product of an activated gate and values (GLU, Shazeer 2020).
        output_bias: the projection after attention has a bias.
        feed_forward_bias: the projections of the feed-forward block have biases.
        parallel: attention and feed-forward block read the same input: `one` norm, or `two` (Falcon).
        normed_residual: what is added to is the normed input times this (ChatGLM-6B); 0 for the input.
        prefix: how the prompt is seen, or None where every token sees only those before it.
    """

    family: str
    vocabulary_size: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    feed_forward_width: int
    rope_base: float
    norm_epsilon: float
    context: int
    tied_head: bool
    qkv_bias: bool

    position: Literal["rope", "rope-2d", "alibi"] = "rope"
    rope_width: int = 0
    rope_scaling: RopeScaling | None = None
    window_rope_base: float = 0.0
    alibi_max: float = 8.0
    alibi_scaled: bool = False
    attention_scale: float = 0.0
    attention_cap: float = 0.0
    logit_cap: float = 0.0
    window: int = 0
    windowed: tuple[bool, ...] = ()
    norm: Literal["rms", "layer"] = "rms"
    norm_bias: bool = False
    norm_offset: float = 0.0
    query_key_norm: bool = False
    post_norms: bool = False
    embed_norm: bool = False
    embed_scale: float = 1.0
    activation: Activation = "silu"
    gated: bool = True
    output_bias: bool = False
    feed_forward_bias: bool = False
    parallel: Literal["no", "one", "two"] = "no"
    normed_residual: float = 0.0
    prefix: PrefixLM | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that no decoder can have.

        Raises:
            CheckpointError: a size out of range, or heads that do not group or rotate.
        """
        limits = {"layers": MAX_LAYERS, "vocabulary_size": MAX_VOCABULARY, "context": MAX_CONTEXT}
        for field in fields(self):
            value: object = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int):
                continue
            limit = MAX_CONTEXT if field.name == "window" else limits.get(field.name, MAX_WIDTH)
            least = 0 if field.default == 0 else 1
            if not least <= value <= limit:
                raise CheckpointError(f"{field.name} is {value}; {least} to {limit} works")
        if self.heads % self.kv_heads:
            raise CheckpointError(f"{self.heads} heads do not divide into {self.kv_heads} groups")
        if self.position != "alibi" and (self.rotated % 2 or self.rotated > self.head_width):
            raise CheckpointError(
                f"{self.rotated} of a head's {self.head_width} numbers are rotated; an even number works"
                if self.rope_width
                else f"head_width is {self.head_width}; RoPE needs an even one"
            )
        if self.windowed and len(self.windowed) != self.layers:
            raise CheckpointError(f"{len(self.windowed)} layers have a window or none, of {self.layers}")
        for name, number in (("rope_base", self.rope_base), ("norm_epsilon", self.norm_epsilon)):
            if not (math.isfinite(number) and number > 0):
                raise CheckpointError(f"{name} is {number}; a positive number works")

    @property
    def rotated(self) -> int:
        """How many numbers of a head are rotated."""
        return self.rope_width or self.head_width

    @property
    def stages(self) -> tuple[int, ...]:
        """Up to which lengths sequences are rotated by which frequencies, in order; the last is the context.

        Most models have one stage. What was rotated in one is of no use in another, so a sequence that comes
        to the next is computed anew, once. LongRoPE (Ding et al. 2024) has two. Dynamic NTK scaling has other
        frequencies for each length; here each doubling has those of its greatest length, by which a key hangs
        on its tokens and its stage, and not on the pieces that they came in.
        """
        scaling = self.rope_scaling
        if scaling is None or not (scaling.long_factors or scaling.kind == "dynamic"):
            return (self.context,)
        found: list[int] = []
        length = scaling.original_context
        while length < self.context:
            found.append(length)
            length = 2 * length if scaling.kind == "dynamic" else self.context
        return (*found, self.context)

    @property
    def plain(self) -> bool:
        """Whether the readable reference (`decoder.py`) computes it: LLaMA and Qwen2."""
        return all(
            getattr(self, field.name) == field.default
            for field in fields(self)
            if field.default is not MISSING
        )

    def window_of(self, layer: int) -> int:
        """How many positions a token sees in a layer, itself included; 0 for all."""
        return self.window if not self.windowed or self.windowed[layer] else 0
