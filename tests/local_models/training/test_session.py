"""A whole training, from a recipe to what is written."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from agentkit_local_models.adapter_file import load_packed, load_peft
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.training.conversations import DataError
from agentkit_local_models.training.memory import LIBRARIES, PackShape, needed, pack_shapes
from agentkit_local_models.training.recipe import RecipeError, read_recipe
from agentkit_local_models.training.session import Begun, Diverged, OutputRefused, Watch, train
from agentkit_local_models.training.trainer import Step, load_data

from .tiny import CONFIGS, SUMS, turns, workplace, write_rows


class Seen(Watch):
    """Notes what it is told, and ends the training after some steps."""

    def __init__(self, most: int = 1_000) -> None:
        self.steps: list[Step] = []
        self.needs: list[str] = []
        self.memory = 0
        self.beginnings: list[Begun] = []
        self._most = most

    def opened(self, needs: list[str], memory: int) -> None:
        self.needs, self.memory = needs, memory

    def begun(self, begun: Begun) -> None:
        self.beginnings.append(begun)

    def stepped(self, step: Step) -> None:
        self.steps.append(step)

    def is_stopped(self) -> bool:
        return len(self.steps) >= self._most


def losses(out: Path) -> list[tuple[int, float]]:
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [(row["step"], row["loss"]) for row in rows]


@pytest.mark.parametrize("family", CONFIGS)
def test_a_training_writes_an_adapter_that_the_engine_joins(tmp_path: Path, family: str) -> None:
    recipe = workplace(tmp_path, CONFIGS[family], training__steps=30)
    seen = Seen()
    trained = train(recipe, tmp_path / "out", watch=seen)
    assert trained.is_finished
    assert trained.result == tmp_path / "out/adapter.safetensors"
    assert [step.number for step in seen.steps] == list(range(1, 31))
    assert seen.beginnings[0].conversations == len(SUMS)
    assert trained.loss is not None
    assert trained.loss < 0.8 * (seen.steps[0].loss or 0)
    base = Engine.load(tmp_path / "model", dtype="float32")
    joined = Engine.load(tmp_path / "model", dtype="float32", adapter=trained.result)
    ids = list(range(20))
    assert not torch.allclose(base.logits(ids), joined.logits(ids), atol=1e-2)


def test_the_card_says_what_an_adapter_is_made_from(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    trained = train(recipe, tmp_path / "out")
    with safe_open(trained.result, "pt") as file:
        card = json.loads(file.metadata()["card"])
    assert card["base"]["name"] == "model"
    assert set(card["base"]["sha256"]) == {"model.safetensors"}
    assert set(card["data"]) == {"train.jsonl"}
    assert card["recipe"]["text"] == recipe.read_text()
    assert (card["seed"], card["steps"], card["of"]) == (3, 6, 6)
    assert card["versions"]["torch"] == torch.__version__
    assert card == json.loads((tmp_path / "out/card.json").read_text())


def test_both_forms_of_an_adapter_hold_the_same(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    train(recipe, tmp_path / "out")
    with Checkpoint.open(tmp_path / "model") as checkpoint:
        packed, _ = load_packed(tmp_path / "out/adapter.safetensors", checkpoint.config)
        exact = load_peft(tmp_path / "out/peft", checkpoint.config)
    for name, pair in exact.pairs.items():
        torch.testing.assert_close(packed.pairs[name].a, pair.a, atol=float(pair.a.abs().max()) / 200, rtol=0)
        torch.testing.assert_close(packed.pairs[name].b, pair.b, atol=float(pair.b.abs().max()) / 200, rtol=0)


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    first, second = (train(recipe, tmp_path / name).result.read_bytes() for name in ("one", "two"))
    assert first == second


@pytest.mark.parametrize("resumed", [1, 4])
def test_a_stopped_training_goes_on_as_if_it_had_not_been(tmp_path: Path, resumed: int) -> None:
    recipe = workplace(tmp_path, lora__dropout=0.2)
    train(recipe, tmp_path / "whole")
    cut = train(recipe, tmp_path / "cut", watch=Seen(resumed))
    assert (cut.done, cut.is_finished) == (resumed, False)
    assert (tmp_path / "cut/adapter.safetensors").exists()
    seen = Seen()
    train(recipe, tmp_path / "cut", resume=True, watch=seen)
    assert seen.beginnings[0].done == resumed
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
    assert (tmp_path / "cut/adapter.safetensors").read_bytes() == (
        tmp_path / "whole/adapter.safetensors"
    ).read_bytes()


def test_minutes_that_run_out_leave_a_checkpoint_and_an_adapter(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    trained = train(recipe, tmp_path / "out", minutes=0)
    assert (trained.done, trained.is_finished) == (1, False)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "state.pt", "metrics.jsonl", "card.json", "adapter.safetensors", "peft",
    }  # fmt: skip


RUN = """
import sys, torch
from pathlib import Path
from agentkit_local_models.training.session import Watch, train
torch.set_num_threads(1)
class Telling(Watch):
    def stepped(self, step): print(step.number, flush=True)
train(Path(sys.argv[1]), Path(sys.argv[2]), resume=True, watch=Telling())
"""


def start(recipe: Path, out: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", RUN, recipe, out], stdout=subprocess.PIPE, text=True)


def test_a_training_that_is_killed_goes_on_bit_by_bit(tmp_path: Path) -> None:
    recipe = workplace(
        tmp_path, training__steps=300, training__save_minutes=0.0005,
        data__general=["general.jsonl"], data__general_share=0.2,
    )  # fmt: skip
    unbroken = start(recipe, tmp_path / "unbroken")
    unbroken.communicate(timeout=60)
    for after in (40, 150):
        process = start(recipe, tmp_path / "killed")
        assert process.stdout is not None
        next(line for line in process.stdout if int(line) >= after)
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
        process.stdout.close()
        assert (tmp_path / "killed/state.pt").exists()
        assert not (tmp_path / "killed/adapter.safetensors").exists()
    last = start(recipe, tmp_path / "killed")
    last.communicate(timeout=60)
    assert last.returncode == unbroken.returncode == 0
    found, expected = (
        [
            {name: value for name, value in json.loads(line).items() if name != "seconds"}
            for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        ]
        for name in ("killed", "unbroken")
    )
    assert found == expected
    assert [row["step"] for row in found] == list(range(1, 301))
    assert (tmp_path / "killed/adapter.safetensors").read_bytes() == (
        tmp_path / "unbroken/adapter.safetensors"
    ).read_bytes()


def test_a_training_is_not_written_over(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    train(recipe, tmp_path / "out", minutes=0)
    before = (tmp_path / "out/state.pt").read_bytes()
    with pytest.raises(OutputRefused, match=r"holds a training already.*--resume"):
        train(recipe, tmp_path / "out")
    assert (tmp_path / "out/state.pt").read_bytes() == before
    (tmp_path / "out/state.pt").unlink()
    with pytest.raises(OutputRefused, match=r"holds adapter\.safetensors"):
        train(recipe, tmp_path / "out")


@pytest.mark.parametrize("out", ["model", "."])
def test_the_model_itself_is_not_written_over(tmp_path: Path, out: str) -> None:
    recipe = workplace(tmp_path, lora=None)
    before = (tmp_path / "model/model.safetensors").read_bytes()
    with pytest.raises(OutputRefused, match="where the model model lies"):
        train(recipe, tmp_path / out, resume=True)
    assert (tmp_path / "model/model.safetensors").read_bytes() == before


def test_one_training_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)

    class Second(Watch):
        def stepped(self, step: Step) -> None:
            with pytest.raises(OutputRefused, match="another training is at work"):
                train(recipe, tmp_path / "out", resume=True)

    train(recipe, tmp_path / "out", minutes=0, watch=Second())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    with pytest.raises(OutputRefused, match=r"train\.jsonl"):
        train(recipe, tmp_path / "train.jsonl")


def test_what_changed_since_a_training_began_is_refused(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    train(recipe, tmp_path / "out", minutes=0)
    text = recipe.read_text()
    recipe.write_text(text.replace("rate = 0.01", "rate = 0.02"))
    with pytest.raises(DataError, match="another recipe"):
        train(recipe, tmp_path / "out", resume=True)
    recipe.write_text(text)
    write_rows(tmp_path / "train.jsonl", SUMS[1:])
    with pytest.raises(DataError, match=r"train\.jsonl changed since"):
        train(recipe, tmp_path / "out", resume=True)


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    weights = load_file(tmp_path / "model/model.safetensors")
    save_file(
        {name: weight * torch.nan for name, weight in weights.items()}, tmp_path / "model/model.safetensors"
    )
    with pytest.raises(Diverged, match="the loss of step 1 is no number"):
        train(recipe, tmp_path / "out")


@pytest.mark.parametrize("folder", ["adapter.safetensors", "peft"])
def test_a_training_begins_from_an_adapter(tmp_path: Path, folder: str) -> None:
    recipe = workplace(tmp_path, training__steps=20)
    first = train(recipe, tmp_path / "first")
    text = recipe.read_text().replace('model = "model"', f'model = "model"\nstart = "first/{folder}"')
    recipe.write_text(text)
    seen = Seen()
    train(recipe, tmp_path / "second", watch=seen)
    assert first.loss is not None
    assert abs((seen.steps[0].loss or 0) - first.loss) < 0.5
    recipe.write_text(text.replace("rank = 4", "rank = 5"))
    with pytest.raises(RecipeError, match="has rank 4"):
        train(recipe, tmp_path / "third")


@pytest.mark.parametrize("family", CONFIGS)
def test_full_fine_tuning_writes_a_folder_that_the_engine_loads(tmp_path: Path, family: str) -> None:
    recipe = workplace(tmp_path, CONFIGS[family], lora=None, training__steps=30)
    seen = Seen()
    trained = train(recipe, tmp_path / "out", watch=seen)
    assert trained.result == tmp_path / "out/model"
    assert trained.loss is not None
    assert trained.loss < 0.8 * (seen.steps[0].loss or 0)
    before = Engine.load(tmp_path / "model", dtype="float32")
    after = Engine.load(trained.result, dtype="float32")
    assert not torch.allclose(before.logits([1, 2, 3]), after.logits([1, 2, 3]), atol=1e-2)
    assert after.checkpoint.chat_template == before.checkpoint.chat_template


def test_a_full_fine_tuning_is_resumed(tmp_path: Path) -> None:
    recipe = workplace(tmp_path, lora=None)
    train(recipe, tmp_path / "whole")
    train(recipe, tmp_path / "cut", watch=Seen(2))
    train(recipe, tmp_path / "cut", resume=True)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "nowhere"}, "no model 'nowhere'; known: smollm2"),
        ({"training__device": "cuda:77"}, "training.device 'cuda:77' cannot be used here"),
        ({"training__device": "abacus"}, "training.device 'abacus' cannot be used here"),
        ({"start": "none.safetensors"}, "none.safetensors cannot be read"),
        ({"data__files": ["gone.jsonl"]}, "gone.jsonl cannot be read"),
        ({"data__most_tokens": 8}, "train.jsonl, line 1: it has .* tokens; at most 8"),
    ],
)
def test_what_cannot_be_trained_is_said_before_it_begins(tmp_path: Path, changes: dict, said: str) -> None:
    recipe = workplace(tmp_path, **changes)
    with pytest.raises(LocalModelError, match=said):
        train(recipe, tmp_path / "out")


def test_a_model_without_weights_is_told_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", str(tmp_path / "models"))
    recipe = workplace(tmp_path, model="smollm2")
    with pytest.raises(RecipeError, match="run: agentkit models fetch smollm2"):
        train(recipe, tmp_path / "out")


def test_files_with_no_row_are_refused(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    write_rows(tmp_path / "train.jsonl", [])
    with pytest.raises(DataError, match="no row to train on"):
        train(recipe, tmp_path / "out")


def test_a_longer_conversation_than_a_pack_is_trained_alone(tmp_path: Path) -> None:
    recipe = workplace(tmp_path, training__pack_tokens=40, training__steps=3)
    write_rows(tmp_path / "train.jsonl", [{"turns": turns("a" * 60, "b" * 60)}, *SUMS[:4]])
    assert train(recipe, tmp_path / "out").is_finished


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("start", "files"),
    [
        ("adapter.safetensors", ["adapter.safetensors"]),
        ("peft", ["peft/adapter_config.json", "peft/adapter_model.safetensors"]),
    ],
)
def test_the_card_holds_the_hash_of_the_adapter_it_began_from(
    tmp_path: Path, start: str, files: list[str]
) -> None:
    recipe = workplace(tmp_path)
    train(recipe, tmp_path / "first", minutes=0)
    assert "start" not in json.loads((tmp_path / "first/card.json").read_text())
    recipe.write_text(f'start = "first/{start}"\n' + recipe.read_text())
    train(recipe, tmp_path / "second", minutes=0)
    path = tmp_path / "second/card.json"
    card = json.loads(path.read_text())
    expected = {Path(name).name: sha256(tmp_path / "first" / name) for name in files}
    assert card["start"] == {"name": f"first/{start}", "sha256": expected}
    path.write_text(json.dumps({key: value for key, value in card.items() if key != "start"}))
    train(recipe, tmp_path / "second", minutes=0, resume=True)  # it began before this was written down
    (tmp_path / "first" / files[-1]).write_bytes(b"another")
    with pytest.raises(DataError, match="`start` is not the one"):
        train(recipe, tmp_path / "second", resume=True)


def test_what_is_told_of_memory_is_of_the_packs_that_there_are(tmp_path: Path) -> None:
    path = workplace(tmp_path, training__pack_tokens=2000, training__steps=1)
    seen = Seen()
    train(path, tmp_path / "out", devices=4, watch=seen)
    recipe = read_recipe(path)
    with Checkpoint.open(tmp_path / "model") as checkpoint:
        task, _ = load_data(recipe, checkpoint)
        shapes = pack_shapes(task, 2000, recipe.training.seed)
        of_packs = needed(checkpoint.config, recipe, shapes=shapes)
        of_full_ones = needed(checkpoint.config, recipe, shapes=[PackShape.filled(2000)])
    assert seen.memory == of_packs.resident + LIBRARIES < of_full_ones.resident + LIBRARIES
    assert seen.needs[-1].startswith("  on each of 4 devices in use: ZeRO-1 ")


def test_steps_that_were_skipped_are_counted(tmp_path: Path) -> None:
    recipe = workplace(tmp_path)
    train(recipe, tmp_path / "out", watch=Seen(4))
    path = tmp_path / "out/metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    changed = [*rows[:-1], {**rows[-1], "norm": None, "loss": None, "skipped": True}]
    write_rows(path, changed)
    trained = train(recipe, tmp_path / "out", resume=True)
    assert (trained.done, trained.skipped) == (6, 1)
    assert trained.loss is not None
