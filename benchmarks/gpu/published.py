"""What others have published, to stand beside what is measured."""

from typing import Any

DECODING = (
    {
        "what": "Llama-3.1-8B, one stream, A100-80 of 330 W",
        "bf16": 93.9,
        "int8": 137.6,
        "by": "gpt-fast README",
    },
    {"what": "Llama-2-7B, the same", "bf16": 104.9, "int8": 155.6, "int4": 196.8, "by": "gpt-fast README"},
    {"what": "Llama-3-8B, one stream, A100-80", "bf16": 95.6, "int8": 153.0, "by": "torchao README"},
    {
        "what": "Llama-3.2-1B bf16, one stream, H100, share of bandwidth",
        "vLLM and SGLang, at most": 0.5,
        "megakernel": 0.78,
        "by": "HazyResearch, 2025-05-27",
    },
    {
        "what": "Llama-3.1-8B FP8, many at once, 1000 tokens in and out",
        "H100": 15_220,
        "H200": 17_744,
        "by": "TensorRT-LLM 1.0 performance overview",
    },
)
"""Tokens a second that others have published."""

FLASH_ATTENTION_2 = {512: 191, 1024: 260, 2048: 298, 4096: 319, 16_384: 335}
"""TFLOP/s of FlashAttention-2 by the length of the sequences: forwards, causal, 16 heads of 128 numbers, 16k
tokens in all, float16, on an H100 SXM5 (Shah et al. 2024, arXiv 2407.08608, figures)."""
TIMES_FLASH_ATTENTION_2 = 1.1
"""What our kernel is to reach."""


def beside_flash_attention_2(
    shape: tuple[int, int, int], length: int, way: str, tflops: float
) -> dict[str, Any]:
    """What a row of ours says more where FlashAttention-2 was measured on the same.

    Args:
        shape: query heads, key heads, numbers a head.
        length: of the sequences.
        way: forward or backward.
        tflops: that were measured.
    """
    if shape != (16, 16, 128) or way != "forward" or length not in FLASH_ATTENTION_2:
        return {}
    times = tflops / FLASH_ATTENTION_2[length]
    target = TIMES_FLASH_ATTENTION_2
    return {"times_flash_attention_2": round(times, 2), "target": target, "reached": times >= target}
