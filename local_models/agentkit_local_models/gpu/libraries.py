"""Attention by other libraries, where they are installed and asked for, in the words of ours.

Neither knows everything that a token may see here. What one does not know is refused, never computed
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import torch
from torch import Tensor

from agentkit_local_models.attention import Sight
from agentkit_local_models.gpu.backends import NoBackend
from agentkit_local_models.gpu.paged import PagedRows
from agentkit_local_models.gpu.varlen import Packed
from agentkit_local_models.pages import PAGE

_WORKSPACE: Final = 128 << 20
"""Bytes that FlashInfer asks for to put parts together in, as its manual recommends."""


def by_flash_attn(
    function: Callable[..., Tensor] | None = None,
) -> Callable[[Tensor, Tensor, Tensor, Packed, Sight], Tensor]:
    """Attention of packed sequences, with its gradient, by flash-attn 2 (`flash_attn_varlen_func`).

    Args:
        function: theirs; None imports it.

    Returns:
        A function like `flash.flash_attention`; it raises `NoBackend` for a prefix that is seen both ways.
    """
    compute: Callable[..., Tensor] = function or import_module("flash_attn").flash_attn_varlen_func

    def attend(query: Tensor, key: Tensor, value: Tensor, packed: Packed, sight: Sight) -> Tensor:
        if sight.prefix or packed.prefixes is not None:
            raise NoBackend("flash-attn knows no prefix that is seen both ways; torch and triton do")
        return compute(
            query,
            key,
            value,
            packed.query_starts,
            packed.key_starts,
            packed.most_queries,
            packed.most_keys,
            softmax_scale=sight.scale,
            causal=True,
            window_size=(sight.window - 1, 0) if sight.window else (-1, -1),
            softcap=sight.cap,
            alibi_slopes=None if sight.slopes is None else sight.slopes.to(query.device, torch.float32),
        )

    return attend


def by_flashinfer(
    wrapper: Callable[[Tensor, str], Any] | None = None,
) -> Callable[[Tensor, Tensor, PagedRows, Sight], Tensor]:
    """Attention over pages by FlashInfer (`BatchPrefillWithPagedKVCacheWrapper`).

    Args:
        wrapper: theirs, given memory to work in and the order of a page's dimensions; None imports it.

    Returns:
        A function like `paged.paged_attention`; it raises `NoBackend` for penalties of distance (theirs are
        not ours for a number of heads that is no power of two) and for a prefix that is seen both ways.
    """
    make = wrapper or _flashinfer
    made: dict[str, Any] = {}
    # A plan serves all layers of a step that see the same.
    planned: dict[str, tuple[PagedRows, Sight]] = {}

    def attend(query: Tensor, pages: Tensor, rows: PagedRows, sight: Sight) -> Tensor:
        if sight.slopes is not None or sight.prefix or rows.prefixes is not None:
            raise NoBackend(
                "FlashInfer is used neither for penalties of distance (ALiBi) nor for a prefix that is seen "
                "both ways; torch and triton compute both"
            )
        place = str(query.device)
        if place not in made:
            made[place] = make(query.new_empty(_WORKSPACE, dtype=torch.uint8), "HND")
        kv_heads = pages.shape[1] // 2
        # keys before values, each [K, 16, D]: FlashInfer's own order
        paired = pages.view(pages.shape[0], 2, kv_heads, *pages.shape[2:])
        rows_before, sight_before = planned.get(place, (None, None))
        if rows_before is rows and sight_before == sight:
            return made[place].run(query, paired)
        filled = (rows.lengths + PAGE - 1) // PAGE
        starts = filled.new_zeros(filled.numel() + 1)
        starts[1:] = filled.cumsum(0)
        held = filled.new_ones(rows.tables.shape).cumsum(1) <= filled[:, None]
        made[place].plan(
            rows.query_starts,
            starts,
            rows.tables[held],
            (rows.lengths - 1) % PAGE + 1,
            query.shape[1],
            kv_heads,
            query.shape[2],
            PAGE,
            causal=True,
            sm_scale=sight.scale,
            window_left=sight.window - 1,
            logits_soft_cap=sight.cap or None,
            q_data_type=query.dtype,
        )
        planned[place] = (rows, sight)
        return made[place].run(query, paired)

    return attend


def _flashinfer(memory: Tensor, order: str) -> Any:
    """FlashInfer's own wrapper; imported when it is first used."""
    return import_module("flashinfer").BatchPrefillWithPagedKVCacheWrapper(memory, order)
