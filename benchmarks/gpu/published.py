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
    {"what": "Llama-3-8B bf16, one stream, GPU not named", "SGLang": 111, "by": "gist jerryzh168/caa3f3a8"},
    {
        "what": "Llama 8B of 4 bits, one stream, RTX 6000 Ada",
        "llama.cpp": 169,
        "by": "ggml-org/llama.cpp#19053",
    },
    *(
        {
            "what": f"Llama-3.1-8B FP8, many at once, {asked} tokens in and {made} out",
            "H100": h100,
            "H200": h200,
            "by": "TensorRT-LLM 1.0 performance overview",
        }
        for asked, made, h100, h200 in (
            (128, 128, 28_312, 27_911),
            (1000, 1000, 15_220, 17_744),
            (2048, 2048, 9_305, 12_194),
            (5000, 500, 3_459, 3_902),
        )
    ),
    {"what": "Llama-3.1-8B bf16, ShareGPT, GPU not named", "vLLM": 6_583, "by": "vllm-project/vllm#18566"},
)
"""Tokens a second that others have published."""

_ATTENTION = {
    512: (191, 146, 315, 292),
    1024: (260, 273, 410, 423),
    2048: (298, 323, 484, 521),
    4096: (319, 353, 518, 579),
    16_384: (335, 378, 539, 616),
}
# of 512, one reading of the figures has the last two the other way round
_WHO = ("FlashAttention-2", "Triton", "cuDNN", "FlashAttention-3")
ATTENTION = tuple(
    {
        "what": f"attention forwards, causal, heads of 128 numbers, {length} tokens, float16, H100 SXM5",
        **dict(zip(_WHO, figures, strict=True)),
        "by": "Shah et al. 2024, arXiv 2407.08608, figures",
    }
    for length, figures in _ATTENTION.items()
)
"""TFLOP/s that others have published, by the length of the sequences: 16 heads, 16k tokens in all."""
FLASH_ATTENTION_2 = {length: figures[0] for length, figures in _ATTENTION.items()}
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
