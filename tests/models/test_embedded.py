"""What a local model is called, and what is loaded for it."""

import asyncio
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from agentkit.core.errors import BadRequest, UnknownModel
from agentkit.core.messages import UserMessage
from agentkit.core.protocols import Answer, ModelRequest
from agentkit.evaluation.facts import placed
from agentkit.models.embedded import MANNERS, adapter_file, load_local, parts_of, place_of, require_local
from agentkit.models.local import LocalModel
from agentkit.models.local_options import LocalOptions
from agentkit_local_models.catalogue import SMOLLM2, find, path_of
from agentkit_local_models.engine import Engine
from agentkit_local_models.training.session import train

from ..local_models.training.tiny import workplace  # noqa: TID252


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        ("smollm2", ("smollm2", "")),
        ("smollm2-base+own", ("smollm2-base", "own")),
        ("smollm2+a+b", ("smollm2", "a+b")),
        ("model", ("model", "")),
        ("model+own", ("model", "own")),
        ("a+b", ("a+b", "")),
        ("a+b+own+1", ("a+b", "own+1")),
        ("none+own", ("none+own", "")),
    ],
)
def test_an_adapter_begins_where_what_is_there_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rest: str, parts: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "a+b").write_text("x")
    assert parts_of(rest) == parts


def test_an_adapter_goes_with_a_checkpoint_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(workplace(tmp_path, training__steps=20), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    bare, joined = (load_local(f"local:{rest}", rest) for rest in ("model", "model+out/adapter.safetensors"))
    assert joined.name == f"local:{tmp_path}/model+{tmp_path}/out/adapter.safetensors"
    assert not torch.allclose(bare._engine.logits([1, 2, 3]), joined._engine.logits([1, 2, 3]), atol=1e-2)
    monkeypatch.chdir("/")
    again = load_local(joined.name, joined.name.removeprefix("local:"))
    assert torch.equal(again._engine.logits([1, 2, 3]), joined._engine.logits([1, 2, 3]))
    with pytest.raises(UnknownModel, match="there is no adapter none"):
        load_local("", f"{tmp_path}/model+none")


def test_a_model_is_loaded_in_the_precision_that_its_name_ends_with() -> None:
    plain, eight = (load_local(f"local:{rest}", rest) for rest in ("smollm2", "smollm2?precision=int8"))
    assert eight.name == "local:smollm2?precision=int8"
    adapter = adapter_file(MANNERS["smollm2"].adapter)
    asked = Engine.load(path_of(SMOLLM2), precision="int8")
    asked.load_adapter("own", adapter)
    told = eight._engine.logits([1, 2, 3])
    assert torch.equal(told, asked.using("own").logits([1, 2, 3]))
    assert not torch.equal(told, plain._engine.logits([1, 2, 3]))


async def test_two_models_with_two_adapters_share_one_engine() -> None:
    """And their answers, written together, are those that each gets alone."""
    tuned, bare = (load_local(f"local:{name}", name) for name in ("smollm2", "smollm2-base"))
    first, second = tuned._engine, bare._engine
    assert (first._model, first._pool, first._loop) == (second._model, second._pool, second._loop)
    assert first.adapter != second.adapter
    loaded = first.adapters
    assert load_local("local:smollm2", "smollm2")._engine.adapters == loaded
    alone = [await said(tuned), await said(bare)]
    assert await asyncio.gather(said(tuned), said(bare)) == alone
    assert not torch.equal(first.logits([1, 2, 3]), second.logits([1, 2, 3]))


async def said(model: LocalModel) -> str:
    request = ModelRequest((UserMessage("Name three rivers of Europe."),), max_tokens=12)
    async for event in model.stream(request):
        if isinstance(event, Answer):
            return event.message.text
    raise AssertionError


def test_a_precision_goes_with_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert placed("local:model?precision=int4") == (
        f"local:{tmp_path}/model?precision=int4",
        (tmp_path / "model",),
    )


def test_an_unknown_precision_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UnknownModel, match="no precision 'int5'; auto, float32, bfloat16, float16, int8"):
        require_local("local:smollm2?precision=int5", "smollm2?precision=int5")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("device=gpu", "no device 'gpu'; cpu, cuda and cuda:NUMBER are"),
        ("precision=int8&device=cuda&device=cpu", "says its device twice"),
        ("device=cuda&size=3", "no option 'size'; precision, device, compile, cache, draft, threads are"),
        ("cache=int4", "cache is 'int4'; float and int8 work"),
        ("draft=nobody", "no draft model 'nobody'; a path or an embedded one works"),
        ("compile=maybe", "compile is 'maybe'; yes and no work"),
        ("threads=0", "threads is '0'; 1 to 999 work"),
        ("threads=-1", "threads is '-1'; 1 to 999 work"),
    ],
)
def test_an_option_that_is_none_is_refused_before_anything_is_loaded(options: str, why: str) -> None:
    with pytest.raises(UnknownModel, match=why):
        require_local(f"local:smollm2?{options}", f"smollm2?{options}")


def test_a_device_that_is_not_there_is_told_and_the_processor_is() -> None:
    with pytest.raises(BadRequest, match=r"cuda:99 is not there: torch .* sees \d+ GPUs; device='cpu' works"):
        load_local("local:smollm2?device=cuda:99", "smollm2?device=cuda:99")
    here = load_local("local:smollm2?device=cpu", "smollm2?device=cpu")
    assert here.engine.whole is load_local("local:smollm2", "smollm2").engine.whole


def test_options_reach_the_engine() -> None:
    kept = load_local("local:smollm2?cache=int8", "smollm2?cache=int8").engine
    assert kept.whole is not load_local("local:smollm2", "smollm2").engine.whole
    assert kept._pool.form == "int8"
    with pytest.raises(BadRequest, match="has weights in floats, not in int8"):
        load_local("local:smollm2?x", "smollm2?precision=int8&compile=yes")
    guessed = load_local("local:smollm2-base", "smollm2-base?draft=smollm2").engine
    assert guessed.draft is not None


def test_threads_are_as_many_as_are_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        for count in (1, 2):
            engine = load_local(f"local:smollm2?threads={count}", f"smollm2?threads={count}").engine
            assert torch.get_num_threads() == count
            assert engine._model._workers.count == count
    finally:
        torch.set_num_threads(before)


def test_a_device_goes_with_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    draft = place_of("local:model?draft=model", "model?draft=model")
    assert (
        draft.name == placed("local:model?draft=model")[0] == f"local:{tmp_path}/model?draft={tmp_path}/model"
    )
    assert draft.options.of_engine["draft"] == Path("model")
    rest = "model?precision=int4&device=cuda:1"
    place = place_of(f"local:{rest}", rest)
    assert (place.path, place.options) == (Path("model"), LocalOptions("int4", "cuda:1"))
    assert place.name == placed(f"local:{rest}")[0] == f"local:{tmp_path}/{rest}"


@pytest.mark.parametrize("name", ["smollm2", "smollm2-base"])
def test_weights_stay_as_they_lie_with_an_adapter_and_without(name: str) -> None:
    model = load_local(f"local:{name}?precision=file", f"{name}?precision=file")
    assert model.name == f"local:{name}?precision=file"


MOST_BYTES = {"smollm2": 9_000_000, "qwen2.5-coder:1.5b": 20_000_000}


def test_every_model_with_an_adapter_is_looked_at() -> None:
    assert {name for name, manner in MANNERS.items() if manner.adapter} == MOST_BYTES.keys()


@pytest.mark.parametrize("name", MOST_BYTES)
def test_an_adapter_that_ships_is_small_and_says_what_it_is_of_and_what_it_reaches(name: str) -> None:
    path = adapter_file(MANNERS[name].adapter)
    assert path.stat().st_size <= MOST_BYTES[name]
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["base_sha256"] == find(name).sha256
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["card"]) == card
    assert all(0 < each["reached"] <= each["cases"] for each in card["figures"])
    assert card["limits"]


def test_the_bare_models_have_the_weights_of_those_with_an_adapter() -> None:
    assert {manner.weights for manner in MANNERS.values() if manner.weights} == MOST_BYTES.keys()
