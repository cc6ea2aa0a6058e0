"""A model rounded to 4 bits by a text: what it computes, how it is written, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from agentkit_local_models.adapter_file import save_packed
from agentkit_local_models.arch import PrefixLM
from agentkit_local_models.calibrating import calibrated, refuse
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.int4_folder import MANIFEST, TEXT, Manifest, read_manifest, write_int4_folder
from agentkit_local_models.linear import Weight
from agentkit_local_models.lora import Adapter, LoraConfig, Pair
from agentkit_local_models.matrices import Int4Groups
from agentkit_local_models.model import Model
from agentkit_local_models.parallel.launch import split_engine
from agentkit_local_models.precision import Form
from agentkit_local_models.rounding import CannotRound, pieces_of, round_checkpoint
from agentkit_local_models.training.hub_folder import save_hub

from .small_gguf import ARCH, OTHERS, SEEN, gguf_model, weights_of
from .tiny import tiny_arch


class Rounded(NamedTuple):
    """A model and what was made of it."""

    source: Path
    text: Path
    folder: Path
    others: list[int]
    weights: dict[str, Weight]
    told: list[tuple[int, int, float]]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Rounded:
    """Rounded by 1,024 tokens, once in memory and once as a folder."""
    place = tmp_path_factory.mktemp("rounding")
    source, text = gguf_model(place / "model.gguf"), place / "text.txt"
    text.write_text(SEEN)
    told: list[tuple[int, int, float]] = []
    round_checkpoint(source, text, place / "out", lambda *state: told.append(state), tokens=1_200)
    with Checkpoint.open(source) as checkpoint:
        ids = checkpoint.tokenizer.encode(SEEN)
        pieces = [ids[start : start + ARCH.context] for start in (0, 400, 800)]

        def load(names: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
            return checkpoint.source.load(names, torch.float32)

        weights = dict(calibrated(checkpoint.config, load, pieces, lambda *_: None))
        others = checkpoint.tokenizer.encode(OTHERS)
    return Rounded(source, text, place / "out", others, weights, told)


def logits(model: Model, ids: list[int]) -> Tensor:
    return model.logits(ids, model.new_cache(), every=True)


def opened(path: Path, form: Form) -> Model:
    with Checkpoint.open(path) as checkpoint:
        return Model.from_checkpoint(checkpoint, torch.float32, form)


def off(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def test_a_text_that_was_not_seen_comes_out_nearer_than_by_plain_rounding(made: Rounded) -> None:
    exact = logits(opened(made.source, "float"), made.others)
    plain = off(logits(opened(made.source, "int4"), made.others), exact)
    assert off(logits(opened(made.folder, "int4"), made.others), exact) < plain / 1.5


def test_what_is_written_is_loaded_to_the_bit(made: Rounded) -> None:
    in_memory = logits(Model(ARCH, made.weights.items(), torch.float32, "int4"), made.others)
    assert torch.equal(logits(opened(made.folder, "int4"), made.others), in_memory)
    as_it_lies = logits(opened(made.folder, "file"), made.others)
    torch.testing.assert_close(as_it_lies, in_memory, rtol=1e-4, atol=1e-4)
    values = {
        name: weight if isinstance(weight, Tensor) else weight.dense(torch.float32)
        for name, weight in made.weights.items()
    }
    floats = logits(Model(ARCH, values.items(), torch.float32), made.others)
    # of which the folder has the embedding in 8 bits
    assert off(logits(opened(made.folder, "float"), made.others), floats) < 0.05


def test_progress_is_told_after_each_block(made: Rounded) -> None:
    assert [(done, total) for done, total, _ in made.told] == [(1, 2), (2, 2)]
    assert all(0 < off < 0.5 for _, _, off in made.told)


def test_matrices_have_the_four_bits_of_int4_and_the_ends_eight(made: Rounded) -> None:
    model = opened(made.folder, "int4")
    assert isinstance(model.layers[1].query_key_value.matrix, Int4Groups)
    assert type(model.embed).__name__ == "Int8Rows"


@pytest.mark.parametrize("native", [False, True])
def test_an_engine_loads_the_folder_in_its_four_bits(made: Rounded, native: bool) -> None:
    engine = Engine.load(made.folder, native=native)
    assert bool(engine.native) == native
    few = logits(opened(made.folder, "int4"), made.others)
    assert off(engine.logits(made.others)[-1], few[-1]) < 0.05
    assert engine.checkpoint.chat_template == "{{ messages[0].content }}"


def test_an_adapter_lies_beside_the_four_bits_and_they_are_not_rounded_anew(
    made: Rounded, tmp_path: Path
) -> None:
    fresh = Adapter.fresh(LoraConfig(2, 4.0), ARCH, 0)
    generator = torch.Generator().manual_seed(3)
    pairs = {
        name: Pair(pair.a, 0.1 * torch.randn(pair.b.shape, generator=generator))
        for name, pair in fresh.pairs.items()
    }
    adapter = Adapter(fresh.config, pairs)
    save_packed(adapter, tmp_path / "adapter.safetensors", {})
    with Checkpoint.open(made.folder) as checkpoint:
        joined = dict(adapter.joined_weights(checkpoint.load_weights(torch.float32)))
    expected = logits(Model(ARCH, joined.items(), torch.float32), made.others)[-1]
    anew = logits(Model(ARCH, joined.items(), torch.float32, "int4"), made.others)[-1]
    engine = Engine.load(
        made.folder, dtype="float32", precision="int4", adapter=tmp_path / "adapter.safetensors", native=False
    )
    found = off(engine.logits(made.others)[-1], expected)
    assert found < off(anew, expected) / 3
    assert off(logits(opened(made.folder, "int4"), made.others)[-1], expected) > 10 * found


def test_a_hub_folder_gives_the_same_numbers_and_keeps_its_tokenizer(made: Rounded, tmp_path: Path) -> None:
    with Checkpoint.open(made.source) as checkpoint:
        save_hub(checkpoint, weights_of(ARCH), tmp_path / "hub", torch.float32, {})
    used = round_checkpoint(tmp_path / "hub", made.text, tmp_path / "out", lambda *_: None, tokens=1_200)
    assert used == 1_200
    assert (tmp_path / "out/tokenizer.json").is_file()
    assert not (tmp_path / "out" / TEXT).exists()
    assert not list((tmp_path / "out").glob("model*"))
    found = logits(opened(tmp_path / "out", "int4"), made.others)
    assert torch.equal(found, logits(opened(made.folder, "int4"), made.others))
    with Checkpoint.open(tmp_path / "out") as here, Checkpoint.open(made.folder) as other:
        assert here.tokenizer.encode(OTHERS) == other.tokenizer.encode(OTHERS) == made.others
        assert (here.stop_ids, here.chat_template) == (other.stop_ids, other.chat_template)


def test_the_folder_says_what_it_was_made_of(made: Rounded) -> None:
    said = read_manifest(made.folder)
    assert (said.source, said.text, said.tokens) == ("model.gguf", "text.txt", 1_200)
    assert said.arch == ARCH


def test_pieces_are_taken_from_all_of_a_text_and_begin_as_a_conversation_does() -> None:
    ids = list(range(10_000))
    pieces = pieces_of(Path("a.txt"), ids, 512, 2_048, [77])
    assert [piece[:2] for piece in pieces] == [[77, 0], [77, 4 * 511], [77, 9 * 511], [77, 14 * 511]]
    assert {len(piece) for piece in pieces} == {512}
    assert len(pieces_of(Path("a.txt"), ids, 512, 100_000, [])) == 10_000 // 512


@pytest.mark.parametrize(("count", "tokens"), [(900, 16_384), (10_000, 1_023)])
def test_too_few_tokens_are_refused(count: int, tokens: int) -> None:
    with pytest.raises(CannotRound, match=rf"a.txt has {count:,} tokens for this model, of which {tokens:,}"):
        pieces_of(Path("a.txt"), list(range(count)), 512, tokens, [])


def test_what_cannot_be_used_is_refused_by_name(made: Rounded, tmp_path: Path) -> None:
    def attempt(source: Path, text: Path, out: Path) -> None:
        round_checkpoint(source, text, out, lambda *_: None)

    with pytest.raises(CannotRound, match="out is there already; name a folder that is not"):
        attempt(made.source, made.text, made.folder)
    with pytest.raises(UnsupportedCheckpoint, match="out has 4 bits already; round what it was made of"):
        attempt(made.folder, made.text, tmp_path / "new")
    with pytest.raises(CannotRound, match=r"none\.txt: cannot be read: No such file"):
        attempt(made.source, tmp_path / "none.txt", tmp_path / "new")
    (tmp_path / "bytes.txt").write_bytes(b"ab\xff" * 1_000)
    with pytest.raises(CannotRound, match=r"bytes\.txt: not UTF-8: invalid start byte at byte 2"):
        attempt(made.source, tmp_path / "bytes.txt", tmp_path / "new")
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRound, match="file/new: cannot be written: "):
        attempt(made.source, made.text, tmp_path / "file/new")


def test_models_that_cannot_be_rounded_so_are_refused() -> None:
    with pytest.raises(UnsupportedCheckpoint, match="llama sees its prompt both ways"):
        refuse(tiny_arch(prefix=PrefixLM(3, (4,)), width=64))
    with pytest.raises(UnsupportedCheckpoint, match="rows of whole groups: 16 and 24 numbers"):
        refuse(tiny_arch())


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def breaking() -> Iterator[tuple[str, Weight]]:
        yield "embed.weight", torch.zeros(ARCH.vocabulary_size, ARCH.width)
        raise MemoryError

    with pytest.raises(MemoryError):
        write_int4_folder(tmp_path / "out", Manifest(1, ARCH, "a", "b", 1), breaking(), {})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder(made: Rounded, tmp_path: Path) -> Path:
    """A copy of the folder that may be damaged."""
    return Path(shutil.copytree(made.folder, tmp_path / "copy"))


def test_a_manifest_of_something_else_is_refused(folder: Path) -> None:
    said = json.loads((folder / MANIFEST).read_bytes())
    for changed, words in (
        (said | {"version": 2}, "version"),
        (said | {"more": 1}, "more"),
        (said | {"arch": said["arch"] | {"kv_heads": 3}}, "4 heads do not divide into 3 groups"),
    ):
        (folder / MANIFEST).write_text(json.dumps(changed))
        with pytest.raises(CheckpointError, match=rf"int4\.json: .*{words}"):
            Checkpoint.open(folder)
    (folder / MANIFEST).write_text("{")
    with pytest.raises(CheckpointError, match=r"int4\.json: "):
        Checkpoint.open(folder)


def test_weights_that_do_not_fit_are_refused(folder: Path) -> None:
    shard = folder / "int4-00001.safetensors"
    tensors = load_file(shard)
    name = "layers.0.attention.query.weight"
    save_file(tensors | {f"{name}.lows": tensors[f"{name}.lows"].float()}, shard)
    with pytest.raises(CheckpointError, match=rf"'{name}.lows' holds torch.float32; torch.float16 works"):
        opened(folder, "int4")
    del tensors[f"{name}.codes"]
    save_file(tensors, shard)
    with pytest.raises(CheckpointError, match=rf"missing {name}.codes \(64, 32\)"):
        Checkpoint.open(folder)


def test_splitting_it_would_round_it_anew_and_is_refused(made: Rounded) -> None:
    with pytest.raises(ValueError, match="4 bits by a text, which splitting would round once more"):
        split_engine(made.folder, 2, precision="int4").__enter__()
