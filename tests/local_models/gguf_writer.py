"""Writes small GGUF files for tests, right or wrong on purpose."""

import struct

from agentkit_local_models.gguf import TensorKind
from agentkit_local_models.tokenizer import BYTES
from agentkit_local_models.weights import GGUF_PARTS, GGUF_TOPS


def gguf_name(name: str) -> str:
    """The name in a GGUF file of a canonical weight that lies there by itself."""
    stem, _, leaf = name.rpartition(".")
    if stem in GGUF_TOPS:
        return f"{GGUF_TOPS[stem]}.{leaf}"
    _, layer, part = stem.split(".", 2)
    return f"blk.{layer}.{GGUF_PARTS[part]}.{leaf}"


def text(value: str | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(value) -> bytes:
    """A metadata value after its type number."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if value and isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    if value and isinstance(value[0], float):
        return struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
    return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)


def raw_gguf(keys: list[bytes], tensors: list[bytes], data: bytes, version=3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    head += b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def tensor_entry(name, shape, kind, offset) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


def gguf_bytes(metadata, tensors, version=3) -> bytes:
    """A sound file; `tensors` maps names to (shape, kind, raw)."""
    entries, data = [], b""
    for name, (shape, kind, raw) in tensors.items():
        entries.append(tensor_entry(name, shape, kind, len(data)))
        data += raw + bytes(-len(raw) % 32)
    return raw_gguf([text(k) + typed(v) for k, v in metadata.items()], entries, data, version)


def float_tensor(values) -> tuple[tuple[int, ...], TensorKind, bytes]:
    """A torch tensor as a stored F32 tensor."""
    return tuple(values.shape), TensorKind.F32, values.float().contiguous().numpy().tobytes()


def byte_level_metadata(pre: str) -> dict:
    """A tokenizer of the 256 bytes, one merge and one control token."""
    first = next(iter(BYTES))
    tokens = (*BYTES, first + first, "<|end|>")
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": (1,) * 257 + (3,),
        "tokenizer.ggml.merges": (f"{first} {first}",),
        "tokenizer.ggml.eos_token_id": 257,
    }
