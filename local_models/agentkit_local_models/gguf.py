"""Read GGUF files: a header of typed metadata, then aligned tensor data.

The file is mapped, never loaded: opening a file reads its header only, and no torch is imported.
The header is untrusted. Every count, length, type and offset is checked against the file's size
and the limits below *before* anything is allocated, so a hostile file costs one `CheckpointError`.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little endian).
"""

from __future__ import annotations

import itertools
import math
import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint

MAGIC = b"GGUF"
VERSIONS = (2, 3)

# Real files stay far below these; they bound the time and memory a hostile header can cost.
MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 16
MAX_KEY_BYTES = 1 << 16
MAX_NAME_BYTES = 1 << 10
MAX_STRING_BYTES = 1 << 24
MAX_ARRAY_VALUES = 1 << 23  # over all arrays of a file; a large vocabulary with merges has 10^6
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1 << 16
DEFAULT_ALIGNMENT = 32

Scalar = bool | int | float | str
MetadataValue = Scalar | tuple[Scalar, ...]


class TensorKind(IntEnum):
    """How a tensor's values are stored; the numbers are those of ggml.

    Q8_1 and Q8_K are left out: ggml computes with them and never stores them.
    """

    F32 = 0
    F16 = 1
    Q4_0 = 2
    Q4_1 = 3
    Q5_0 = 6
    Q5_1 = 7
    Q8_0 = 8
    Q2_K = 10
    Q3_K = 11
    Q4_K = 12
    Q5_K = 13
    Q6_K = 14
    IQ2_XXS = 16
    IQ2_XS = 17
    IQ3_XXS = 18
    IQ1_S = 19
    IQ4_NL = 20
    IQ3_S = 21
    IQ2_S = 22
    IQ4_XS = 23
    I8 = 24
    I16 = 25
    I32 = 26
    I64 = 27
    F64 = 28
    IQ1_M = 29
    BF16 = 30

    @property
    def block_values(self) -> int:
        """How many values share one block."""
        return _BLOCKS[self][0]

    @property
    def block_bytes(self) -> int:
        """How many bytes one block takes."""
        return _BLOCKS[self][1]


# Values and bytes of one block (ggml-common.h).
_BLOCKS: Mapping[TensorKind, tuple[int, int]] = {
    TensorKind.F32: (1, 4),
    TensorKind.F16: (1, 2),
    TensorKind.Q4_0: (32, 18),
    TensorKind.Q4_1: (32, 20),
    TensorKind.Q5_0: (32, 22),
    TensorKind.Q5_1: (32, 24),
    TensorKind.Q8_0: (32, 34),
    TensorKind.Q2_K: (256, 84),
    TensorKind.Q3_K: (256, 110),
    TensorKind.Q4_K: (256, 144),
    TensorKind.Q5_K: (256, 176),
    TensorKind.Q6_K: (256, 210),
    TensorKind.IQ2_XXS: (256, 66),
    TensorKind.IQ2_XS: (256, 74),
    TensorKind.IQ3_XXS: (256, 98),
    TensorKind.IQ1_S: (256, 50),
    TensorKind.IQ4_NL: (32, 18),
    TensorKind.IQ3_S: (256, 110),
    TensorKind.IQ2_S: (256, 82),
    TensorKind.IQ4_XS: (256, 136),
    TensorKind.I8: (1, 1),
    TensorKind.I16: (1, 2),
    TensorKind.I32: (1, 4),
    TensorKind.I64: (1, 8),
    TensorKind.F64: (1, 8),
    TensorKind.IQ1_M: (256, 56),
    TensorKind.BF16: (1, 2),
}


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Where a tensor lies and how it is stored.

    Attributes:
        name: the name in the file, e.g. `blk.0.attn_q.weight`.
        shape: outermost dimension first, as torch has it (the file stores the reverse).
        kind: the storage of its values.
        offset: bytes from the start of the file.
        nbytes: bytes of its data.
    """

    name: str
    shape: tuple[int, ...]
    kind: TensorKind
    offset: int
    nbytes: int


class GGUFFile:
    """An open GGUF file: its metadata, its tensors' places, and their raw bytes.

    Holds a mapping of the file until closed. A view from `raw` keeps the mapping alive by itself.
    """

    def __init__(
        self,
        path: Path,
        mapping: mmap.mmap,
        metadata: Mapping[str, MetadataValue],
        tensors: Mapping[str, TensorInfo],
        metadata_end: int,
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.tensors = tensors
        self._mapping = mapping
        self._metadata_end = metadata_end

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map `path` and read its header.

        Raises:
            CheckpointError: the file is missing, cut, damaged or hostile.
            UnsupportedCheckpoint: a big-endian file, or a version other than 2 and 3.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size == 0:
                    raise CheckpointError(f"{path}: an empty file, not a GGUF file")
                # Private pages: torch wants writable memory, and no write may reach the file.
                mapping = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be opened: {error.strerror or error}") from error
        try:
            header = _Header(path, mapping, size)
            metadata, tensors = header.read()
        except CheckpointError:
            mapping.close()
            raise
        return cls(path, mapping, MappingProxyType(metadata), MappingProxyType(tensors), header.metadata_end)

    def without_tensors(self) -> bytes:
        """A GGUF file with this one's metadata and no tensors."""
        start = self._mapping[: self._metadata_end]
        count = struct.calcsize("<4sI")  # of tensors: eight bytes after the magic number and the version
        return start[:count] + bytes(8) + start[count + 8 :]

    def raw(self, name: str) -> memoryview:
        """The stored bytes of one tensor, not copied.

        Raises:
            CheckpointError: the file has no such tensor.
        """
        info = self.tensors.get(name)
        if info is None:
            raise CheckpointError(f"{self.path}: no tensor {name!r} among its {len(self.tensors)} tensors")
        return memoryview(self._mapping)[info.offset : info.offset + info.nbytes]

    def text(self, key: str) -> str:
        """The string under `key`; `CheckpointError` when it is missing or not a string."""
        value = self._required(key)
        if not isinstance(value, str):
            raise self._wrong_type(key, value, "a string")
        return value

    def integer(self, key: str) -> int:
        """The whole number under `key`; `CheckpointError` when it is missing or not one."""
        value = self._required(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong_type(key, value, "a whole number")
        return value

    def number(self, key: str) -> float:
        """The finite number under `key`; `CheckpointError` when it is missing or not one."""
        value = self._required(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong_type(key, value, "a finite number")
        return float(value)

    def _required(self, key: str) -> MetadataValue:
        if key not in self.metadata:
            raise CheckpointError(f"{self.path}: the metadata has no {key!r}")
        return self.metadata[key]

    def _wrong_type(self, key: str, value: MetadataValue, wanted: str) -> CheckpointError:
        shown = f"an array of {len(value)}" if isinstance(value, tuple) else repr(value)[:80]
        return CheckpointError(f"{self.path}: {key!r} should be {wanted}, found {shown}")

    def close(self) -> None:
        """Let go of the mapping; while a view from `raw` lives, its end does that instead."""
        try:
            self._mapping.close()
        except BufferError:
            # A view still exports these pages. Python unmaps them when the last view goes.
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_STRING, _ARRAY, _BOOL = 8, 9, 7
# struct code of each fixed-size metadata type, by its number in the file.
_CODES: Mapping[int, str] = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}


class _Header:
    """A cursor over an untrusted header: no step passes the end of the file."""

    def __init__(self, path: Path, data: mmap.mmap, size: int) -> None:
        self.path = path
        self.data = data
        self.size = size
        self.at = 0
        self.metadata_end = 0
        self.array_values = 0

    def read(self) -> tuple[dict[str, MetadataValue], dict[str, TensorInfo]]:
        """The metadata and the tensors, each checked."""
        if (magic := self.take(4, "the magic number")) != MAGIC:
            raise CheckpointError(f"{self.path}: starts with {magic!r}; a GGUF file with {MAGIC!r}")
        version = self.u32("the version")
        if version not in VERSIONS:
            found = f"GGUF version {version}"
            if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
                found = "a big-endian GGUF file"
            raise UnsupportedCheckpoint(f"{self.path}: {found}; versions 2 and 3, little endian, work")
        tensor_count = self.count("tensors", MAX_TENSORS)
        key_count = self.count("metadata keys", MAX_KEYS)
        metadata: dict[str, MetadataValue] = {}
        for _ in range(key_count):
            key = self.string("a metadata key", MAX_KEY_BYTES)
            if key in metadata:
                raise CheckpointError(f"{self.path}: the metadata key {key!r} appears twice")
            metadata[key] = self.value(key)
        self.metadata_end = self.at
        alignment = self.alignment(metadata)
        relative: list[tuple[str, tuple[int, ...], TensorKind, int]] = [
            self.tensor() for _ in range(tensor_count)
        ]
        start = -(-self.at // alignment) * alignment
        return metadata, self.place(relative, start, alignment)

    def take(self, count: int, what: str) -> bytes:
        self.need(count, what)
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def need(self, count: int, what: str) -> None:
        """Refuse to read `count` bytes that are not there."""
        if count > self.size - self.at:
            raise CheckpointError(
                f"{self.path}: cut short: {what} at byte {self.at} needs {count} bytes, "
                f"{self.size - self.at} are left; download the file again"
            )

    def u32(self, what: str) -> int:
        self.need(4, what)
        (value,) = _U32.unpack_from(self.data, self.at)
        self.at += 4
        return int(value)

    def u64(self, what: str) -> int:
        self.need(8, what)
        (value,) = _U64.unpack_from(self.data, self.at)
        self.at += 8
        return int(value)

    def count(self, what: str, limit: int) -> int:
        value = self.u64(f"the number of {what}")
        if value > limit:
            raise CheckpointError(f"{self.path}: claims {value} {what}; at most {limit} are accepted")
        return value

    def string(self, what: str, limit: int) -> str:
        length = self.u64(f"the length of {what}")
        if length > limit:
            raise CheckpointError(
                f"{self.path}: {what} at byte {self.at} claims {length} bytes; at most {limit}"
            )
        try:
            return self.take(length, what).decode()
        except UnicodeDecodeError as error:
            raise CheckpointError(f"{self.path}: {what} is not UTF-8: {error.reason}") from error

    def value(self, key: str) -> MetadataValue:
        kind = self.u32(f"the type of {key!r}")
        if kind == _STRING:
            return self.string(f"the value of {key!r}", MAX_STRING_BYTES)
        if kind == _ARRAY:
            return self.array(key)
        return self.fixed(key, kind, 1)[0]

    def array(self, key: str) -> tuple[Scalar, ...]:
        kind = self.u32(f"the element type of {key!r}")
        if kind == _ARRAY:
            raise CheckpointError(f"{self.path}: {key!r} is an array of arrays; none is accepted")
        count = self.u64(f"the length of {key!r}")
        self.array_values += count
        if self.array_values > MAX_ARRAY_VALUES:
            raise CheckpointError(
                f"{self.path}: {key!r} claims {count} values; "
                f"at most {MAX_ARRAY_VALUES} are accepted over all arrays"
            )
        if kind != _STRING:
            return self.fixed(key, kind, count)
        self.need(8 * count, f"the array {key!r}")  # each string has at least its length
        if (found := self.plain_strings(count)) is not None:
            return found
        what = f"a string of {key!r}"  # one by one, until the one that is wrong
        return tuple([self.string(what, MAX_STRING_BYTES) for _ in range(count)])

    def plain_strings(self, count: int) -> tuple[str, ...] | None:
        """So many strings, as vocabularies have, or `None` where one is not as it should be."""
        data, at, size, length_at = self.data, self.at, self.size, _U64.unpack_from
        found: list[str] = []
        for _ in range(count):
            first = at + _U64.size
            if first > size:
                return None
            at = first + length_at(data, at)[0]
            if at > size or at - first > MAX_STRING_BYTES:
                return None
            try:
                found.append(data[first:at].decode())
            except UnicodeDecodeError:
                return None
        self.at = at
        return tuple(found)

    def fixed(self, key: str, kind: int, count: int) -> tuple[Scalar, ...]:
        """`count` values of one fixed-size type."""
        code = _CODES.get(kind)
        if code is None:
            raise CheckpointError(f"{self.path}: {key!r} has the unknown metadata type {kind}")
        if kind == _BOOL:
            # struct reads any byte but 0 as True; the format allows 0 and 1.
            raw = self.take(count, f"the value of {key!r}")
            if raw.strip(b"\x00\x01"):
                raise CheckpointError(f"{self.path}: {key!r} has a boolean that is neither 0 nor 1")
            return tuple(byte == 1 for byte in raw)
        layout = struct.Struct(f"<{count}{code}")
        self.need(layout.size, f"the value of {key!r}")
        values = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return values

    def alignment(self, metadata: Mapping[str, MetadataValue]) -> int:
        value = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not 8 <= value <= MAX_ALIGNMENT
            or value & (value - 1)
        ):
            raise CheckpointError(
                f"{self.path}: general.alignment is {value!r:.80}; "
                f"a power of two from 8 to {MAX_ALIGNMENT} works"
            )
        return value

    def tensor(self) -> tuple[str, tuple[int, ...], TensorKind, int]:
        """One tensor's name, shape, kind, and offset from the start of the data."""
        name = self.string("a tensor name", MAX_NAME_BYTES)
        dimensions = self.u32(f"the rank of {name!r}")
        if not 1 <= dimensions <= MAX_DIMENSIONS:
            raise CheckpointError(
                f"{self.path}: {name!r} claims {dimensions} dimensions; 1 to {MAX_DIMENSIONS} work"
            )
        shape = tuple(self.u64(f"the shape of {name!r}") for _ in range(dimensions))[::-1]
        number = self.u32(f"the kind of {name!r}")
        try:
            kind = TensorKind(number)
        except ValueError as error:
            raise UnsupportedCheckpoint(
                f"{self.path}: {name!r} has the unknown tensor kind {number}"
            ) from error
        return name, shape, kind, self.u64(f"the offset of {name!r}")

    def place(
        self,
        relative: list[tuple[str, tuple[int, ...], TensorKind, int]],
        start: int,
        alignment: int,
    ) -> dict[str, TensorInfo]:
        """The tensors at their places in the file, in bounds and apart from each other."""
        tensors: dict[str, TensorInfo] = {}
        for name, shape, kind, offset in relative:
            if name in tensors:
                raise CheckpointError(f"{self.path}: the tensor {name!r} appears twice")
            if 0 in shape or shape[-1] % kind.block_values:
                raise CheckpointError(
                    f"{self.path}: {name!r} has the shape {shape}; {kind.name} needs dimensions "
                    f"of at least 1, the last a multiple of {kind.block_values}"
                )
            if offset % alignment:
                raise CheckpointError(
                    f"{self.path}: {name!r} lies at offset {offset}, not a multiple of {alignment}"
                )
            nbytes = math.prod(shape) // kind.block_values * kind.block_bytes
            if start + offset + nbytes > self.size:
                raise CheckpointError(
                    f"{self.path}: cut short or damaged: {name!r} ends at byte "
                    f"{start + offset + nbytes}, the file at {self.size}; download the file again"
                )
            tensors[name] = TensorInfo(name, shape, kind, start + offset, nbytes)
        in_order = sorted(tensors.values(), key=lambda tensor: tensor.offset)
        for before, after in itertools.pairwise(in_order):
            if before.offset + before.nbytes > after.offset:
                raise CheckpointError(f"{self.path}: {before.name!r} and {after.name!r} overlap")
        return tensors
