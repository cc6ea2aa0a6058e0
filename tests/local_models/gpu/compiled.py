"""Compiles the kernels of decoding for an H100, down to its machine code, on a machine that has none.

Prints a line of JSON for each. Run without TRITON_INTERPRET: what is interpreted is never compiled.
"""

import json
import sys
import warnings
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from agentkit_local_models.gpu import draw_kernels, norm_kernels, projection_kernels

H100 = GPUTarget("cuda", 90, 32)
# pointers to what a matrix is kept as: floats, int8 rows, int4 groups
MATRICES = (("*bf16", "*bf16"), ("*i8", "*fp32"), ("*u8", "*fp16"))
BF16 = ("x", "added", "normed", "total", "whole", "query", "pages", "result")
FP32 = ("weight", "bias", "cosines", "sines", "query_norm", "key_norm", "logits")
INT32 = ("slots", "draws", "masks")
KINDS = {
    **dict.fromkeys(BF16, "*bf16"),
    **dict.fromkeys(FP32, "*fp32"),
    **dict.fromkeys(INT32, "*i32"),
    "tokens": "*i64",
    "epsilon": "fp32",
    "kept": "fp32",
}


def compiled(kernel: Any, warps: int, matrix: tuple[str, str] = MATRICES[0], **constants: Any) -> None:
    """Compile a kernel whose other arguments are numbers."""
    kinds = {**KINDS, "matrix": matrix[0], "scales": matrix[1], "lows": matrix[1]}
    signature = {
        name: "constexpr" if name in constants else kinds.get(name, "i32") for name in kernel.arg_names
    }
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    binary = triton.compile(source, target=H100, options={"num_warps": warps})
    row = {"kernel": kernel.__name__, "bytes": len(binary.asm["cubin"]), "shared": binary.metadata.shared}
    print(json.dumps({**row, **constants}), flush=True)


def few() -> None:
    """Every kernel once."""
    compiled(norm_kernels.add_norm, 8, rows=1, padded=4096, adds=True, biased=True, layer=True, keeps=True)
    compiled(draw_kernels.draw, 8, tile=1024)
    products(MATRICES[2], 2, 16)
    heads = {"width": 128, "rotated": 64, "padded": 64, "normed": True, "token_tile": 1}
    compiled(projection_kernels.turn, 1, **heads)
    compiled(projection_kernels.activate, 4, activation="gelu", gated=True, token_tile=1, tile=1024)


def products(matrix: tuple[str, str], form: int, tokens: int) -> None:
    """The two kernels that multiply, by a form of matrix and a number of tokens."""
    one = {"form": form, "biased": True, "token_tile": tokens, "exact": False}
    depth = 512 if tokens == 1 else 128
    planes = {"width": 128, "rotated": 128, "planes": 8, "blocks": 8, "depth_tile": depth}
    compiled(
        projection_kernels.project,
        4,
        matrix,
        activation="silu",
        gated=True,
        row_tile=32,
        depth_tile=depth,
        **one,
    )
    compiled(projection_kernels.query_key_value, 4, matrix, **planes, **one)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    few()
    if "--all" in sys.argv:
        for form, matrix in enumerate(MATRICES):
            for tokens in (1, 16, 64):
                products(matrix, form, tokens)
