"""Attention over the pages of many sequences at once: answers, drafts and chunks of prompts in one launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor

from agentkit_local_models.attention import Sight
from agentkit_local_models.gpu.flash import Call, base_two
from agentkit_local_models.gpu.tiles import FUSED, Tile, paged_tile
from agentkit_local_models.gpu.triton_here import require_triton
from agentkit_local_models.gpu.varlen import Packed
from agentkit_local_models.pages import PAGE, pages_for

# Programs a multiprocessor is given, if there are keys enough to split: more hide each other's waiting.
_WAVES: Final = 2
# Keys that are worth a program of their own, and the most parts that one program puts together.
_LEAST_KEYS: Final = 256
_MOST_SPLITS: Final = 64


@dataclass(frozen=True, slots=True)
class PagedRows:
    """The next tokens of many sequences, and the pages of each; their keys and values are stored already.

    Attributes:
        query_starts: int32 [B + 1], where each sequence's new tokens begin, and the end.
        lengths: int32 [B], tokens of each in all, the new ones too.
        tables: int32 [B, most pages], the numbers of each one's pages.
        prefixes: int32 [B], how many tokens of each are seen by all of it; None for what the sight says.
        queries: new tokens in all.
        most_queries: of a sequence.
        most_keys: of a sequence, or more; only splitting goes by it.
    """

    query_starts: Tensor
    lengths: Tensor
    tables: Tensor
    prefixes: Tensor | None
    queries: int
    most_queries: int
    most_keys: int

    @classmethod
    def of(
        cls,
        queries: Sequence[int],
        lengths: Sequence[int],
        pages: Sequence[Sequence[int]],
        *,
        prefixes: Sequence[int] | None = None,
        device: torch.device | str = "cpu",
    ) -> PagedRows:
        """Sequences of so many new tokens.

        Args:
            queries: new tokens of each.
            lengths: tokens of each in all.
            pages: of each, in the order of its tokens.
            prefixes: how many tokens of each see each other both ways.
            device: of the tensors.

        Raises:
            ValueError: as `Packed.of`, or pages that do not hold the tokens.
        """
        packed = Packed.of(queries, lengths, prefixes=prefixes, device=device)
        needed = [pages_for(length) for length in lengths]
        given = [len(own) for own in pages]
        if len(given) != len(needed) or any(own < most for own, most in zip(given, needed, strict=True)):
            raise ValueError(f"sequences of {list(lengths)} tokens lie in {needed} pages, not in {given}")
        most = max(1, *needed)
        table = [[*own[:count], *[0] * (most - count)] for own, count in zip(pages, needed, strict=True)]
        return cls(
            packed.query_starts,
            torch.tensor(list(lengths), dtype=torch.int32, device=device),
            torch.tensor(table, dtype=torch.int32, device=device),
            packed.prefixes,
            packed.queries,
            packed.most_queries,
            packed.most_keys,
        )


def paged_attention(
    query: Tensor,
    pages: Tensor,
    rows: PagedRows,
    sight: Sight,
    *,
    tile: Tile | None = None,
    splits: int | None = None,
) -> Tensor:
    """Scaled dot-product attention of each sequence's new tokens over all its pages.

    Args:
        query: [T, H, D], float32, float16 or bfloat16.
        pages: [P, 2 K, 16, D] of the same dtype, the heads of keys before those of values; see `pages`.
        rows: whose tokens they are, and where the rest is.
        sight: what each token sees.
        tile: instead of that of the table.
        splits: among how many programs the keys of a block are split; None goes by the GPU and the batch. A
            sum in parts has other last bits, so a fixed number keeps them the same in every batch.

    Returns:
        [T, H, D], in the dtype of the query.

    Raises:
        NoTriton: Triton is not here, or there is neither a GPU nor its interpreter.
        ValueError: shapes or dtypes that do not fit.
    """
    _check(query, pages, rows)
    require_triton(query.device)
    from agentkit_local_models.gpu import paged_kernels

    kernels = cast("Any", paged_kernels)  # what Triton makes of its functions
    count, heads, width = query.shape
    kv_heads, sequences = pages.shape[1] // 2, rows.lengths.numel()
    group = heads // kv_heads
    tile = tile or paged_tile(width, query.dtype, rows.most_queries * group)
    size = max(tile.queries, 1 << (group - 1).bit_length())
    # one block more for each sequence: see `paged_kernels`
    programs = count // (size // group) + sequences
    if splits is None:
        splits = splits_for(programs * kv_heads, rows.most_keys, _processors(query.device))
    query = query if query.stride(-1) == 1 else query.contiguous()
    mixed = torch.empty(count, heads, width, dtype=query.dtype, device=query.device)
    if not count:
        return mixed
    parts, logs = mixed, mixed
    if splits > 1:
        parts = torch.empty(splits, count, heads, width, dtype=torch.float32, device=query.device)
        logs = torch.empty(splits, count, heads, dtype=torch.float32, device=query.device)
    prefixes = rows.prefixes
    if prefixes is None and sight.prefix:
        prefixes = torch.full_like(rows.lengths, sight.prefix)
    call = Call.of(query, kv_heads, base_two(sight.slopes, query.device), prefixes, sight)
    part_steps = parts.stride()[:3] if splits > 1 else (0, 0, 0)
    log_steps = logs.stride()[:2] if splits > 1 else (0, 0)
    kernels.over_pages[(programs, kv_heads, splits)](
        query, pages, mixed, parts, logs,
        call.slopes, rows.query_starts, rows.lengths, rows.tables, call.prefixes,
        *query.stride()[:2], *pages.stride()[:3], rows.tables.stride(0), *mixed.stride()[:2],
        *part_steps, *log_steps, sequences, call.inner, call.outer, sight.window,
        kv_heads=kv_heads, page=PAGE, splits=splits, tile=size, key_tile=tile.keys, **call.constants,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    if splits > 1:
        kernels.joined[(count, heads)](
            parts, logs, mixed, *part_steps, *log_steps, *mixed.stride()[:2],
            splits=splits, padded_splits=1 << (splits - 1).bit_length(),
            width=width, padded=call.constants["padded"], **FUSED,
        )  # fmt: skip
    return mixed


def splits_for(programs: int, most_keys: int, processors: int) -> int:
    """Among how many programs keys are split, a power of two: so many that no processor is left idle.

    Args:
        programs: of one split.
        most_keys: of a sequence.
        processors: that the GPU has.
    """
    wanted = min(-(-_WAVES * processors // programs), most_keys // _LEAST_KEYS, _MOST_SPLITS)
    return 1 << (max(1, wanted).bit_length() - 1)


def _processors(device: torch.device) -> int:
    """The multiprocessors of a GPU; the interpreter is one."""
    if device.type != "cuda":
        return 1
    card = cast("Any", torch.cuda.get_device_properties(device))  # pyright: ignore[reportUnknownMemberType]
    return card.multi_processor_count


def _check(query: Tensor, pages: Tensor, rows: PagedRows) -> None:
    if (
        query.dim() != 3
        or pages.dim() != 4
        or pages.shape[2:] != (PAGE, query.shape[2])
        or pages.shape[1] % 2
        or query.shape[1] % (pages.shape[1] // 2)
        or pages.stride(-1) != 1
    ):
        raise ValueError(
            f"query {list(query.shape)} and pages {list(pages.shape)}; [T, H, D] and [P, 2 K, {PAGE}, D], "
            "where H is a multiple of K, work"
        )
    if query.dtype != pages.dtype:
        raise ValueError(f"query is {query.dtype} and the pages are {pages.dtype}; the same dtype works")
    if query.shape[0] != rows.queries:
        raise ValueError(f"query {list(query.shape)}; the sequences have {rows.queries} new tokens")
