"""Model files to measure on: decoders of some sizes, of random weights, or a file's weights in other bits."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

from agentkit_local_models.tokenizer import BYTES

KINDS: Final = {
    "bf16": GGMLQuantizationType.BF16,
    "q8_0": GGMLQuantizationType.Q8_0,
    "q4_0": GGMLQuantizationType.Q4_0,
    "q4_1": GGMLQuantizationType.Q4_1,
}
VOCABULARY: Final = 32_000
CONTEXT: Final = 2_048


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a LLaMA decoder with a vocabulary of `VOCABULARY`."""

    name: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward_width: int
    tied_head: bool

    def matrices(self) -> Iterator[tuple[str, int, int]]:
        """The names that GGUF has for its matrices, with rows and columns."""
        narrow = self.width // self.heads * self.kv_heads
        yield "token_embd", VOCABULARY, self.width
        if not self.tied_head:
            yield "output", VOCABULARY, self.width
        for number in range(self.layers):
            for name, rows, columns in (
                ("attn_q", self.width, self.width),
                ("attn_k", narrow, self.width),
                ("attn_v", narrow, self.width),
                ("attn_output", self.width, self.width),
                ("ffn_gate", self.feed_forward_width, self.width),
                ("ffn_up", self.feed_forward_width, self.width),
                ("ffn_down", self.width, self.feed_forward_width),
            ):
                yield f"blk.{number}.{name}", rows, columns


SHAPES: Final = (
    Shape("15M", 256, 8, 4, 2, 768, True),
    Shape("125M", 768, 16, 12, 4, 2_048, True),
    Shape("1.1B", 2_048, 22, 32, 4, 5_632, False),  # TinyLlama's
)


def random_file(shape: Shape, kind: str, folder: Path) -> Path:
    """A GGUF file of this shape with normal weights of deviation 0.02, the same in every kind."""
    path = folder / f"{shape.name}-{kind}.gguf"
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward_width)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(shape.width // shape.heads)
    _add_tokenizer(writer)
    numbers = np.random.default_rng(0)
    for name, rows, columns in shape.matrices():
        weights = numbers.standard_normal((rows, columns), dtype=np.float32) * np.float32(0.02)
        writer.add_tensor(f"{name}.weight", quants.quantize(weights, KINDS[kind]), raw_dtype=KINDS[kind])
    ones = np.ones(shape.width, dtype=np.float32)
    parts = ("attn_norm", "ffn_norm")
    norms = [f"blk.{number}.{part}" for number in range(shape.layers) for part in parts]
    for name in (*norms, "output_norm"):
        writer.add_tensor(f"{name}.weight", ones)
    return _written(writer, path)


def in_other_bits(source: Path, kind: str, folder: Path) -> Path:
    """A GGUF file with the settings of another, and its matrices rounded to another kind."""
    path = folder / f"{source.stem}-{kind}.gguf"
    reader: Any = GGUFReader(source)
    writer = _with_settings(reader, path, {})
    for tensor in reader.tensors:
        values = quants.dequantize(tensor.data, tensor.tensor_type)
        if values.ndim == 1:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, quants.quantize(values, KINDS[kind]), raw_dtype=KINDS[kind])
    return _written(writer, path)


def with_other_weights(
    source: Path, weights: Mapping[str, np.ndarray], settings: Mapping[str, Any], path: Path
) -> Path:
    """A GGUF file with the settings of another, but for some, and with weights in float32."""
    writer = _with_settings(GGUFReader(source), path, settings)
    for name, values in weights.items():
        writer.add_tensor(name, values)
    return _written(writer, path)


def streamed_bytes(path: Path) -> int:
    """What a step of one sequence reads of a file: all matrices, but of an untied embedding only a row."""
    reader: Any = GGUFReader(path)
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in reader.tensors if len(tensor.shape) > 1}
    untied = "output.weight" in sizes
    return sum(size for name, size in sizes.items() if not (untied and name == "token_embd.weight"))


def _with_settings(reader: Any, path: Path, changed: Mapping[str, Any]) -> GGUFWriter:
    """A file that has the settings of another, but for those that are changed, and no weights yet."""
    writer = GGUFWriter(path, reader.get_field("general.architecture").contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        value = changed.get(field.name, field.contents())
        writer.add_key_value(field.name, value, field.types[0], sub_type=inner)
    return writer


def _add_tokenizer(writer: GGUFWriter) -> None:
    """The 256 bytes, and names for the rest: nobody reads what random weights say."""
    single = list(BYTES)
    rest = VOCABULARY - len(single) - 1
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([*single, single[0] * 2, *(f"<|{number}|>" for number in range(rest))])
    writer.add_token_types([1] * (len(single) + 1) + [3] * rest)
    writer.add_token_merges([f"{single[0]} {single[0]}"])
    writer.add_eos_token_id(len(single) + 1)


def _written(writer: GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.sync()  # what is still being written is not measured with
    return path
