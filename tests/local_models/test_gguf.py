import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile, TensorInfo, TensorKind

from .gguf_writer import gguf_bytes, raw_gguf, struct, tensor_entry, text, typed

SOUND = gguf_bytes(
    {
        "general.architecture": "llama",
        "general.alignment": 32,
        "llama.block_count": 2,
        "llama.rope.freq_base": 10000.0,
        "llama.flag": True,
        "tokenizer.ggml.tokens": ("a", "é", "世"),
        "tokenizer.ggml.token_type": (1, 1, 3),
    },
    {
        "a": ((2, 32), TensorKind.Q8_0, bytes(range(68))),
        "b": ((3,), TensorKind.F32, struct.pack("<3f", 1, 2, 3)),
    },
)


def opened(folder, data: bytes) -> GGUFFile:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return GGUFFile.open(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gguf")


@pytest.mark.parametrize("version", [2, 3])
def test_a_sound_file_is_read(tmp_path, version) -> None:
    data = SOUND[:4] + struct.pack("<I", version) + SOUND[8:]
    with opened(tmp_path, data) as file:
        assert file.text("general.architecture") == "llama"
        assert file.integer("llama.block_count") == 2
        assert file.number("llama.rope.freq_base") == 10000.0
        assert file.metadata["llama.flag"] is True
        assert file.metadata["tokenizer.ggml.tokens"] == ("a", "é", "世")
        assert file.metadata["tokenizer.ggml.token_type"] == (1, 1, 3)
        at = file.tensors["a"].offset
        assert file.tensors["a"] == TensorInfo("a", (2, 32), TensorKind.Q8_0, at, 68)
        assert file.raw("a").tobytes() == bytes(range(68))
        assert struct.unpack("<3f", file.raw("b")) == (1, 2, 3)


def test_writing_to_the_mapping_leaves_the_file(tmp_path) -> None:
    with opened(tmp_path, SOUND) as file:
        file.raw("a")[:] = bytes(68)
    assert (tmp_path / "model.gguf").read_bytes() == SOUND


def test_a_view_outlives_the_file(tmp_path) -> None:
    file = opened(tmp_path, SOUND)
    view = file.raw("a")
    file.close()
    assert view[67] == 67


def test_the_header_is_read_without_torch(smollm2_path) -> None:
    program = (
        "import sys, pathlib; from agentkit_local_models.gguf import GGUFFile;"
        f"file = GGUFFile.open(pathlib.Path({str(smollm2_path)!r}));"
        "print(len(file.tensors), 'torch' in sys.modules or 'numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "272 False\n"


def test_every_tensor_of_smollm2_is_where_the_reference_reads_it(smollm2_path) -> None:
    from gguf import GGUFReader

    reference = GGUFReader(smollm2_path)
    with GGUFFile.open(smollm2_path) as file:
        assert len(file.tensors) == len(reference.tensors)
        for tensor in reference.tensors:
            info = file.tensors[tensor.name]
            assert (info.offset, info.nbytes) == (tensor.data_offset, tensor.n_bytes)
            assert info.shape == tuple(reversed(tensor.shape.tolist()))
        for key, field in reference.fields.items():
            if not key.startswith("GGUF."):
                value = file.metadata[key]
                assert (list(value) if isinstance(value, tuple) else value) == field.contents()


def test_block_sizes_are_those_of_the_reference() -> None:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    for kind in TensorKind:
        expected = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
        assert (kind.block_values, kind.block_bytes) == expected


def test_what_is_missing_or_of_another_type_is_named(tmp_path) -> None:
    with opened(tmp_path, SOUND) as file:
        with pytest.raises(CheckpointError, match="no tensor 'c' among its 2"):
            file.raw("c")
        with pytest.raises(CheckpointError, match="no 'x'"):
            file.text("x")
        with pytest.raises(CheckpointError, match=r"'llama\.flag' should be a whole number, found True"):
            file.integer("llama.flag")
        with pytest.raises(CheckpointError, match="should be a string, found an array of 3"):
            file.text("tokenizer.ggml.tokens")
        with pytest.raises(CheckpointError, match="should be a finite number, found 'llama'"):
            file.number("general.architecture")


def key(name, value_type, payload) -> bytes:
    return text(name) + struct.pack("<I", value_type) + payload


HUGE = 2**63
F32 = TensorKind.F32
HOSTILE = {
    "an empty file": (b"", "empty file"),
    "another format": (b"PK\x03\x04" + bytes(64), "starts with b'PK"),
    "a cut magic number": (b"GG", "cut short"),
    "version 1": (raw_gguf([], [], b"", version=1), "version 1; versions 2 and 3"),
    "version 4": (raw_gguf([], [], b"", version=4), "version 4; versions 2 and 3"),
    "big endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "2^63 tensors": (b"GGUF" + struct.pack("<IQQ", 3, HUGE, 0), "claims 9223372036854775808 tensors"),
    "2^63 keys": (b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE), "claims 9223372036854775808 metadata"),
    "a key of 2^63 bytes": (raw_gguf([struct.pack("<Q", HUGE)], [], b""), "claims 9223372036854775808 b"),
    "a key that is not UTF-8": (raw_gguf([text(b"\xff\xfe") + typed(1)], [], b""), "not UTF-8"),
    "a key twice": (raw_gguf([text("k") + typed(1)] * 2, [], b""), "'k' appears twice"),
    "an unknown type": (raw_gguf([key("k", 13, b"")], [], b""), "unknown metadata type 13"),
    "a boolean of 2": (raw_gguf([key("k", 7, b"\x02")], [], b""), "neither 0 nor 1"),
    "an array of 2^63 numbers": (
        raw_gguf([key("k", 9, struct.pack("<IQ", 4, HUGE))], [], b""),
        "claims 9223372036854775808 values",
    ),
    "an array of a million strings not there": (
        raw_gguf([key("k", 9, struct.pack("<IQ", 8, 10**6))], [], b""),
        "cut short",
    ),
    "an array of a million numbers not there": (
        raw_gguf([key("k", 9, struct.pack("<IQ", 12, 10**6))], [], b""),
        "cut short",
    ),
    "arrays in arrays": (
        raw_gguf([key("k", 9, struct.pack("<IQ", 9, 1) * 5000)], [], b""),
        "an array of arrays",
    ),
    "an alignment of 0": (
        raw_gguf([text("general.alignment") + typed(0)], [], b""),
        "general.alignment is 0; a power of two",
    ),
    "an alignment of 48": (
        raw_gguf([text("general.alignment") + typed(48)], [], b""),
        "general.alignment is 48",
    ),
    "an alignment in words": (
        raw_gguf([text("general.alignment") + typed("x" * 10**6)], [], b""),
        "general.alignment is 'xxx",
    ),
    "no dimensions": (raw_gguf([], [tensor_entry("t", (), F32, 0)], b""), "claims 0 dimensions"),
    "nine dimensions": (
        raw_gguf([], [tensor_entry("t", (1,) * 9, F32, 0)], b""),
        "claims 9 dimensions",
    ),
    "a dimension of 0": (raw_gguf([], [tensor_entry("t", (0, 4), F32, 0)], b""), r"shape \(0, 4\)"),
    "dimensions that overflow": (
        raw_gguf([], [tensor_entry("t", (2**32, 2**32), F32, 0)], bytes(64)),
        "cut short or damaged: 't' ends",
    ),
    "dimensions that overflow to 0": (
        raw_gguf([], [tensor_entry("t", (2**62, 4), F32, 0)], bytes(64)),
        "cut short or damaged: 't' ends",
    ),
    "a ragged block": (
        raw_gguf([], [tensor_entry("t", (2, 33), TensorKind.Q4_0, 0)], bytes(64)),
        "multiple of 32",
    ),
    "an unknown kind": (raw_gguf([], [tensor_entry("t", (1,), 4, 0)], bytes(64)), "unknown tensor kind 4"),
    "an offset of 2^64 - 32": (
        raw_gguf([], [tensor_entry("t", (1,), F32, 2**64 - 32)], bytes(64)),
        "cut short or damaged",
    ),
    "an unaligned offset": (
        raw_gguf([], [tensor_entry("t", (1,), F32, 4)], bytes(64)),
        "offset 4, not a multiple of 32",
    ),
    "tensors that overlap": (
        raw_gguf([], [tensor_entry("t", (16,), F32, 0), tensor_entry("u", (1,), F32, 32)], bytes(64)),
        "'t' and 'u' overlap",
    ),
    "two tensors at one place": (
        raw_gguf([], [tensor_entry("t", (1,), F32, 0), tensor_entry("u", (1,), F32, 0)], bytes(64)),
        "overlap",
    ),
    "a tensor twice": (
        raw_gguf([], [tensor_entry("t", (1,), F32, 0), tensor_entry("t", (1,), F32, 32)], bytes(64)),
        "'t' appears twice",
    ),
    "cut data": (SOUND[:-40], "download the file again"),
}


@pytest.mark.parametrize(("data", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_costs_one_clear_error(tmp_path, data, message) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match=message) as caught:
            GGUFFile.open(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 500 + len(str(path))


def test_a_missing_file_and_a_folder_are_named(tmp_path) -> None:
    with pytest.raises(CheckpointError, match=r"absent\.gguf: cannot be opened: No such file"):
        GGUFFile.open(tmp_path / "absent.gguf")
    with pytest.raises(CheckpointError, match="cannot be opened: Is a directory"):
        GGUFFile.open(tmp_path)


def test_a_file_cut_anywhere_is_refused(folder) -> None:
    whole = len(SOUND.rstrip(b"\0"))
    for end in range(whole):
        with pytest.raises(CheckpointError):
            opened(folder, SOUND[:end])


def survives(folder, data: bytes) -> None:
    """Open `data`: it is sound, or one `CheckpointError`; nothing else may happen."""
    try:
        with opened(folder, data) as file:
            assert sum(len(file.raw(name)) for name in file.tensors) <= len(data)
    except CheckpointError:
        pass


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_flipped_bytes_open_or_are_refused(folder, flips) -> None:
    data = bytearray(SOUND)
    for at, bits in flips:
        data[at] ^= bits
    survives(folder, bytes(data))


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, len(SOUND) - 8),
    st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 32]),
)
def test_extreme_numbers_anywhere_open_or_are_refused(folder, at, number) -> None:
    survives(folder, SOUND[:at] + struct.pack("<Q", number) + SOUND[at + 8 :])


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_after_the_magic_are_refused_or_opened(folder, data) -> None:
    survives(folder, b"GGUF\x03\0\0\0" + data)


def test_an_unsupported_file_is_told_from_a_damaged_one(tmp_path) -> None:
    with pytest.raises(UnsupportedCheckpoint):
        opened(tmp_path, HOSTILE["version 4"][0])
