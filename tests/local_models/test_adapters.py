"""Several adapters beside one model: each answer of a step can have its own."""

import dataclasses
import gc
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from agentkit_local_models.adapter_file import load_peft, save_packed, save_peft
from agentkit_local_models.answer import Completion
from agentkit_local_models.arch import Arch
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.deltas import Deltas
from agentkit_local_models.engine import Engine
from agentkit_local_models.engines import Asked, Engines
from agentkit_local_models.errors import AdapterInUse, CheckpointError, UnknownAdapter, UnsupportedCheckpoint
from agentkit_local_models.families import hub_names
from agentkit_local_models.families.glm import FAMILIES
from agentkit_local_models.families.llama import NAMES
from agentkit_local_models.hub_weights import places_in
from agentkit_local_models.lora import KINDS, Adapter, LoraConfig, Pair
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagedCache, PagePool
from agentkit_local_models.prefix_folder import load_prefix
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.variants import Variant

from .oracle import random_weights
from .tiny import tiny_arch, tiny_checkpoint

ARCH = tiny_arch(context=96)
FLOAT = torch.float32
WEIGHTS = random_weights(ARCH)
LORAS = (
    LoraConfig(3, 6.0),
    LoraConfig(5, 4.0, targets=("attention.query", "attention.value", "feed_forward.down")),
)


def random_adapter(arch: Arch, lora: LoraConfig, seed: int) -> Adapter:
    """One that changes a good deal."""
    generator = torch.Generator().manual_seed(seed)
    fresh = Adapter.fresh(lora, arch, seed)
    pairs = {
        name: Pair(pair.a, 0.3 * torch.randn(pair.b.shape, generator=generator))
        for name, pair in fresh.pairs.items()
    }
    return Adapter(lora, pairs)


def joined(adapter: Adapter | None, weights: Mapping[str, Tensor] = WEIGHTS, arch: Arch = ARCH) -> Model:
    """A model with the adapter in its weights."""
    given = weights.items() if adapter is None else adapter.joined_weights(weights.items())
    return Model(arch, ((name, weight.double()) for name, weight in given), torch.float64)


@pytest.mark.parametrize(
    "changes",
    [{}, {"gated": False}, {"parallel": "one"}, {"qkv_bias": True}],
    ids=["gated", "plain", "parallel", "biased"],
)
def test_each_row_of_a_batch_has_its_own_adapter(changes: dict[str, object]) -> None:
    arch = tiny_arch(context=96, **changes)
    weights = {name: weight.double() for name, weight in random_weights(arch).items()}
    kinds = KINDS if arch.gated else tuple(kind for kind in KINDS if not kind.endswith("gate"))
    adapters = [
        None,
        *(
            random_adapter(
                arch, dataclasses.replace(lora, targets=tuple(set(lora.targets) & set(kinds))), seed
            )
            for seed, lora in enumerate(LORAS)
        ),
    ]
    base = Model(arch, weights.items(), torch.float64)
    pool = PagePool(arch, torch.float64, 60)
    variants = [
        Variant(str(place), None if one is None else Deltas.of(one, arch, torch.float64))
        for place, one in enumerate(adapters)
    ]
    order = [1, 0, 2, 1, 2]  # those of one adapter are not all neighbours
    mixed = [PagedCache(pool, arch.context, variants[place]) for place in order]
    alone = [joined(adapters[place], weights, arch) for place in order]
    caches = [model.new_cache() for model in alone]
    for step in ([5, 6, 7], [8], [9, 10]):
        found = base.hidden([([token + row for token in step], cache) for row, cache in enumerate(mixed)])
        expected = torch.cat(
            [
                model.hidden([([token + row for token in step], cache)])
                for row, (model, cache) in enumerate(zip(alone, caches, strict=True))
            ]
        )
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


@pytest.fixture(scope="module")
def checkpoint(smollm2_path: Path) -> Checkpoint:
    """SmolLM2's tokenizer and a config of a few thousand weights."""
    return tiny_checkpoint(smollm2_path, context=160)


@pytest.fixture(scope="module")
def files(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An adapter as a packed file, and another in PEFT's layout."""
    folder = tmp_path_factory.mktemp("adapters")
    packed, folded = (random_adapter(checkpoint.config, lora, seed) for seed, lora in enumerate(LORAS))
    save_packed(packed, folder / "packed.safetensors", {})
    save_peft(folded, folder / "folded", "base", checkpoint.config)
    return {"packed": folder / "packed.safetensors", "folded": folder / "folded"}


@pytest.fixture
def engine(checkpoint: Checkpoint, files: Mapping[str, Path]) -> Engine:
    """With both loaded."""
    weights = random_weights(checkpoint.config)
    engine = Engine(checkpoint, Model(checkpoint.config, weights.items(), torch.float32))
    for name, path in files.items():
        engine.load_adapter(name, path)
    return engine


PROMPT = list(range(20, 60))


def written(engine: Engine, prompt: list[int] = PROMPT, most: int = 12) -> Completion:
    *_, done = engine.generate(prompt, Sampling(max_tokens=most))
    assert isinstance(done, Completion)
    return done


def test_answers_of_several_adapters_are_written_together(
    engine: Engine, checkpoint: Checkpoint, files: Mapping[str, Path]
) -> None:
    names = ["", "packed", "folded", "packed"]
    writing = [engine.using(name).generate(PROMPT, Sampling(max_tokens=12)) for name in names]
    found: list[Completion | None] = [None] * len(names)
    while None in found:
        for place, one in enumerate(writing):
            if found[place] is None and isinstance(event := next(one), Completion):
                found[place] = event
    answers = [done.token_ids for done in found if done is not None]
    assert answers[1] == answers[3]
    assert len(set(answers)) == 3
    for name, ids in zip(names, answers, strict=True):
        fresh = Engine(checkpoint, engine._model)
        if name:
            fresh.load_adapter(name, files[name])
        assert written(fresh.using(name)).token_ids == ids


def test_what_was_computed_with_an_adapter_is_reused_with_it_alone(engine: Engine) -> None:
    assert written(engine.using("packed")).reused_tokens == 0
    assert written(engine.using("folded")).reused_tokens == 0
    assert written(engine).reused_tokens == 0
    assert written(engine.using("packed")).reused_tokens == len(PROMPT) - 1


def test_sessions_and_beams_and_logits_have_the_adapter_too(engine: Engine) -> None:
    tuned = engine.using("packed")
    session = tuned.session(PROMPT)
    *_, done = session.generate(Sampling(max_tokens=5))
    assert isinstance(done, Completion)
    assert done.token_ids == written(tuned, most=5).token_ids
    (best,) = tuned.beams(PROMPT, width=1, max_tokens=5)
    assert best.ids[:5] == done.token_ids
    assert int(tuned.logits(PROMPT)[-1].argmax()) == done.token_ids[0]
    assert not torch.allclose(tuned.logits(PROMPT), engine.logits(PROMPT))


def test_an_adapter_in_use_cannot_be_unloaded(engine: Engine) -> None:
    writing = engine.using("packed").generate(PROMPT, Sampling(max_tokens=12))
    next(writing)
    with pytest.raises(AdapterInUse, match="'packed' is in use by 1 request;"):
        engine.unload_adapter("packed")
    writing.close()
    engine.unload_adapter("packed")
    assert engine.adapters == ("folded",)


def test_what_an_unloaded_adapter_computed_is_forgotten(engine: Engine, files: Mapping[str, Path]) -> None:
    tuned = engine.using("packed")
    before = engine._pool.available
    first = written(tuned)
    assert engine._pool.available < before
    engine.unload_adapter("packed")
    assert engine._pool.available == before
    for ask in (lambda: tuned.generate(PROMPT, Sampling()), lambda: engine.using("packed")):
        with pytest.raises(UnknownAdapter, match="no adapter 'packed' is loaded; loaded: folded"):
            ask()
    engine.load_adapter("packed", files["folded"])
    assert written(tuned).reused_tokens == 0
    assert written(tuned).token_ids != first.token_ids


def test_a_name_that_is_taken_is_refused(engine: Engine, files: Mapping[str, Path]) -> None:
    with pytest.raises(ValueError, match="'folded' is loaded already; loaded: packed, folded"):
        engine.load_adapter("folded", files["packed"])
    with pytest.raises(ValueError, match="needs a name"):
        engine.load_adapter("", files["packed"])


def test_beside_weights_that_have_an_adapter_in_them_no_other_is_loaded(
    engine: Engine, files: Mapping[str, Path]
) -> None:
    having = Engine(engine.checkpoint, engine._model, adapter="own.safetensors")
    with pytest.raises(ValueError, match=r"own\.safetensors is part of these weights"):
        having.load_adapter("packed", files["packed"])


def test_an_adapter_of_another_model_is_refused_with_all_that_does_not_fit(
    engine: Engine, tmp_path: Path
) -> None:
    other = dataclasses.replace(engine.config, width=48, layers=3)
    save_peft(random_adapter(other, LORAS[1], 1), tmp_path, "their/base", other)
    with pytest.raises(CheckpointError) as caught:
        engine.load_adapter("other", tmp_path)
    for part in (
        "made for their/base",
        "the delta of model.layers.0.self_attn.q_proj.weight is 32 x 48, not 32 x 32",
        "the model has nothing for base_model.model.model.layers.2.",
        "more",
    ):
        assert part in str(caught.value)
    assert engine.adapters == ("packed", "folded")


def configured(folder: Path, changes: Mapping[str, object]) -> Path:
    """An adapter in PEFT's layout whose configuration says something else."""
    save_peft(random_adapter(ARCH, LORAS[0], 1), folder, "base", ARCH)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"use_dora": True}, "only plain LoRA is read; found LORA, bias none, use_dora"),
        ({"alora_invocation_tokens": [1]}, "found LORA, bias none, alora_invocation_tokens"),
        ({"init_lora_weights": "pissa_niter_4"}, "found LORA, bias none, init_lora_weights pissa_niter_4"),
        ({"r": 4}, "has rank 3 and 3, and the configuration says 4"),
        ({"r": None}, "r is None and lora_alpha 6.0; a positive whole number and a number work"),
        ({"lora_alpha": "high"}, "lora_alpha 'high'"),
    ],
)
def test_an_adapter_that_would_be_read_as_another_is_refused(
    tmp_path: Path, changes: Mapping[str, object], why: str
) -> None:
    with pytest.raises(CheckpointError, match=why):
        load_peft(configured(tmp_path, changes), ARCH)


def test_how_an_adapter_began_does_not_matter_where_its_base_stayed(tmp_path: Path) -> None:
    assert load_peft(configured(tmp_path, {"init_lora_weights": "gaussian"}), ARCH).pairs


def prefix_folder(folder: Path, arch: Arch, tensors: Mapping[str, Tensor] | None = None) -> Path:
    """As ChatGLM's P-tuning writes it: seven places."""
    numbers = arch.layers * 2 * arch.kv_heads * arch.head_width
    rows = torch.randn(7, numbers, generator=torch.Generator().manual_seed(4))
    folder.mkdir()
    named = tensors or {"embedding.weight": rows}
    torch.save({f"transformer.prefix_encoder.{name}": one for name, one in named.items()},
               folder / "pytorch_model.bin")  # fmt: skip
    return folder


def test_a_tuned_prefix_is_an_adapter_like_any_other(engine: Engine, tmp_path: Path) -> None:
    engine.load_adapter("prefix", prefix_folder(tmp_path / "prefix", engine.config))
    tuned = engine.using("prefix")
    first = written(tuned)
    again = written(tuned)
    assert (first.reused_tokens, again.reused_tokens) == (0, len(PROMPT) - 1)
    assert first.token_ids == again.token_ids
    assert first.token_ids != written(engine).token_ids
    chosen = [int(row.argmax()) for row in tuned.logits([*PROMPT, *first.token_ids])[len(PROMPT) - 1 : -1]]
    assert chosen == list(first.token_ids)
    with pytest.raises(ValueError, match="'prefix' has nothing that can be merged"):
        engine.merge_adapter("prefix")


def test_a_prefix_with_a_projection_is_projected(engine: Engine, tmp_path: Path) -> None:
    arch, generator = engine.config, torch.Generator().manual_seed(5)
    numbers = arch.layers * 2 * arch.kv_heads * arch.head_width
    shapes = {
        "embedding.weight": (7, 12), "trans.0.weight": (9, 12), "trans.0.bias": (9,),
        "trans.2.weight": (numbers, 9), "trans.2.bias": (numbers,),
    }  # fmt: skip
    tensors = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    embedding, first, first_bias, second, second_bias = tensors.values()
    rows = torch.tanh(embedding @ first.T + first_bias) @ second.T + second_bias
    found, expected = (
        load_prefix(prefix_folder(tmp_path / name, arch, given), arch, NAMES, FLOAT)
        for name, given in (("whole", tensors), ("rows", {"embedding.weight": rows}))
    )
    for one, other in zip(found.layers, expected.layers, strict=True):
        torch.testing.assert_close(one, other)


def test_a_prefix_that_does_not_fit_is_refused(engine: Engine, tmp_path: Path) -> None:
    other = dataclasses.replace(engine.config, layers=3)
    with pytest.raises(CheckpointError, match=r"96 numbers a place; a model of 2 layers .* needs 64"):
        engine.load_adapter("wide", prefix_folder(tmp_path / "wide", other))
    with pytest.raises(CheckpointError, match=r"no tuned prefix: .* is missing; found transformer"):
        engine.load_adapter("none", prefix_folder(tmp_path / "none", other, {"x": torch.zeros(1)}))
    with pytest.raises(UnsupportedCheckpoint, match="this one has ALiBi"):
        load_prefix(tmp_path / "wide", tiny_arch(position="alibi"), NAMES, FLOAT)


def test_a_merged_adapter_is_in_the_weights_and_out_again_to_the_bit(engine: Engine) -> None:
    tuned = engine.using("packed")
    base, beside = engine.logits(PROMPT), tuned.logits(PROMPT)
    engine.merge_adapter("packed")
    torch.testing.assert_close(tuned.logits(PROMPT), beside, atol=1e-4, rtol=0)
    for ask in (lambda: engine.logits(PROMPT), lambda: engine.using("folded")):
        with pytest.raises(UnknownAdapter, match="'packed' is merged into the weights; until"):
            ask()
    with pytest.raises(AdapterInUse, match="merged into the weights; unmerge it first"):
        engine.unload_adapter("packed")
    tuned.unmerge_adapter()
    assert torch.equal(engine.logits(PROMPT), base)
    assert torch.equal(tuned.logits(PROMPT), beside)


def test_weights_that_are_in_use_or_no_floats_are_not_merged_into(engine: Engine) -> None:
    writing = engine.generate(PROMPT, Sampling(max_tokens=12))
    next(writing)
    with pytest.raises(AdapterInUse, match="while 1 answers are written"):
        engine.merge_adapter("packed")
    writing.close()
    for name in ("", "folded"):
        weights = random_weights(engine.config)
        eight = Engine(engine.checkpoint, Model(engine.config, weights.items(), FLOAT, "int8"))
        eight._variants = engine._variants
        with pytest.raises((ValueError, UnsupportedCheckpoint), match=r"nothing that can|is Int8Rows, and"):
            eight.merge_adapter(name)
        assert eight.using(name).logits(PROMPT).shape == (len(PROMPT), engine.config.vocabulary_size)


def test_who_asks_for_a_loaded_model_gets_it_with_another_adapter(
    checkpoint: Checkpoint, files: Mapping[str, Path], tmp_path: Path
) -> None:
    made: list[Path] = []

    def load(path: Path, asked: Asked) -> Engine:
        made.append(path)
        return Engine(checkpoint, Model(checkpoint.config, random_weights(checkpoint.config).items(), FLOAT))

    base = tmp_path / "model.gguf"
    base.touch()
    engines = Engines(load)
    first, second = (engines.get(base, adapter=files[name]) for name in ("packed", "folded"))
    again = engines.get(base, adapter=files["packed"])
    assert len(made) == 1
    assert first._pool is second._pool
    assert again.adapters == second.adapters
    assert len(again.adapters) == 2
    assert written(first).token_ids != written(second).token_ids
    os.utime(files["packed"], ns=(1, 1))  # written anew
    assert engines.get(base, adapter=files["packed"]).adapter not in (first.adapter, second.adapter)
    engines.get(base, precision="int8")
    assert len(made) == 2
    engines.get(base, device="cuda:1")
    assert len(made) == 3
    engines.get(base, compiled=True)
    assert len(made) == 4
    del first, second, again
    gc.collect()
    engines.get(base)
    assert len(made) == 5  # nobody had it any more
    with pytest.raises(CheckpointError, match="none cannot be read: No such file"):
        engines.get(base, adapter=tmp_path / "none")


def test_an_adapter_of_matrices_that_files_fuse_is_taken_apart(tmp_path: Path) -> None:
    """PEFT names ChatGLM's `query_key_value`; the engine has its parts, in another order of rows."""
    names = FAMILIES["ChatGLMModel"].names(ARCH)
    generator = torch.Generator().manual_seed(3)
    fused = (ARCH.heads + 2 * ARCH.kv_heads) * ARCH.head_width
    a = torch.randn(3, ARCH.width, generator=generator)
    b = torch.randn(fused, 3, generator=generator)
    weight = torch.randn(fused, ARCH.width, generator=generator)
    whole = Pair(a, torch.zeros(ARCH.heads * ARCH.head_width, 3))
    adapter = Adapter(LoraConfig(3, 3.0), {"layers.0.attention.query.weight": whole})
    save_peft(adapter, tmp_path, "base", ARCH)
    stem = "base_model.model.transformer.encoder.layers.0.self_attention.query_key_value"
    save_file(
        {f"{stem}.lora_A.weight": a, f"{stem}.lora_B.weight": b}, tmp_path / "adapter_model.safetensors"
    )
    found = load_peft(tmp_path, ARCH, names)
    places = places_in(ARCH, names, {})
    for part in ("query", "key", "value"):
        name = f"layers.0.attention.{part}.weight"
        changed = places[name].take(weight + b @ a)
        torch.testing.assert_close(found.joined(name, places[name].take(weight)), changed)


@pytest.mark.parametrize(
    ("family", "module"),
    [
        ("chatglm", "transformer.encoder.layers.0.self_attention.query_key_value"),
        ("phi3", "model.layers.0.self_attn.qkv_proj"),
        ("qwen3", "model.layers.0.self_attn.q_proj"),
    ],
)
def test_adapters_of_a_gguf_file_name_modules_as_its_hub_folder_does(family: str, module: str) -> None:
    arch = tiny_arch(family=family)
    place = places_in(arch, hub_names(arch), {})["layers.0.attention.query.weight"]
    assert place.name == f"{module}.weight"
