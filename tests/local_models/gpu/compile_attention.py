"""Compile the kernels of attention for a GPU of compute capability 9.0 (H100), which need not be here.

Run as a program, without the interpreter: prints a JSON object a kernel.
"""

import json
import sys
from typing import Any

import torch
from triton import compiler
from triton.backends.compiler import GPUTarget

from agentkit_local_models.gpu import flash_backward, flash_forward, paged_kernels
from agentkit_local_models.gpu.tiles import FUSED, Tile, paged_tile, tiles_for

NUMBERS = {"query", "key", "value", "mixed", "gradient", "to_key", "to_value", "to_query", "pages"}
SUMS = {"logs", "sums", "slopes", "parts", "result"}
PLACES = {"query_starts", "key_starts", "prefixes", "lengths", "tables"}
FLAGS = ("windowed", "prefixed", "penalised", "capped")


def compiled(kernel: Any, constants: dict[str, Any], dtype: str, warps: int, stages: int) -> Any:
    """The kernel, as it is launched for contiguous tensors."""
    signature: dict[str, str] = {}
    for name in kernel.arg_names:
        if name in constants:
            signature[name] = "constexpr"
        elif name in NUMBERS:
            signature[name] = f"*{dtype}"
        elif name in SUMS:
            signature[name] = "*fp32"
        elif name in PLACES:
            signature[name] = "*i32"
        else:
            signature[name] = "fp32" if name in {"inner", "outer", "scale"} else "i32"
    # as a launch finds it: pointers and steps are multiples of 16
    even = [
        place
        for place, name in enumerate(kernel.arg_names)
        if signature[name].startswith("*") or name.endswith(("_row", "_head", "_step"))
    ]
    attributes = {(place,): [["tt.divisibility", 16]] for place in even}
    source = compiler.ASTSource(
        kernel,
        signature,
        {(kernel.arg_names.index(name),): constants[name] for name in constants},
        attributes,
    )
    options = {"num_warps": warps, "num_stages": stages, **FUSED}
    return compiler.compile(source, target=GPUTarget("cuda", 90, 32), options=options)


def main(dtype: str, width: int, flags: set[str]) -> None:
    kind = {"bf16": torch.bfloat16, "fp32": torch.float32}[dtype]
    padded = max(64, 1 << (width - 1).bit_length())
    seen = {"exact": False, **{flag: flag in flags for flag in FLAGS}}
    heads = {"group": 4, "width": width, "padded": padded, **seen}
    paging = {"kv_heads": 8, "page": 16}
    tiles = tiles_for(width, kind)
    answers, chunks = paged_tile(width, kind, 4), paged_tile(width, kind, 2048)

    def cut(tile: Tile) -> dict[str, int]:
        return {"query_tile": tile.queries, "key_tile": tile.keys}

    def over(tile: Tile, splits: int) -> dict[str, int]:
        return {"tile": tile.queries, "key_tile": tile.keys, "splits": splits}

    rows: list[tuple[str, Any, dict[str, Any], Tile]] = [
        ("forward", flash_forward.forward, {**heads, **cut(tiles.forward)}, tiles.forward),
        ("keys and values", flash_backward.keys_and_values, {**heads, **cut(tiles.keys)}, tiles.keys),
        ("queries", flash_backward.queries, {**heads, **cut(tiles.queries)}, tiles.queries),
        ("answers", paged_kernels.over_pages, {**heads, **paging, **over(answers, 4)}, answers),
        ("chunks", paged_kernels.over_pages, {**heads, **paging, **over(chunks, 1)}, chunks),
    ]
    sizes = {"width": width, "padded": padded}
    rows += [
        ("shares", flash_backward.shares, {**sizes, "tile": 64}, Tile(64, 64, 4, 3)),
        ("joined", paged_kernels.joined, {**sizes, "splits": 3, "padded_splits": 4}, Tile(64, 64, 4, 3)),
    ]
    for name, kernel, constants, tile in rows:
        result = compiled(kernel, constants, dtype, tile.warps, tile.stages)
        facts = {"kernel": name, "shared": result.metadata.shared, "wgmma": "wgmma" in result.asm["ptx"]}
        sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), set(sys.argv[3:]))
