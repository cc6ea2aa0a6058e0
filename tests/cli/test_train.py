"""`agentkit train` as a person types it, on a tiny model of random weights."""

import json
import signal

import pytest

from ..local_models.training.tiny import workplace  # noqa: TID252
from .conftest import PATIENCE, Cli, without_colour


@pytest.fixture(autouse=True)
def one_thread(cli: Cli) -> None:
    """More would only wait for each other on so small a model."""
    cli.env["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def recipe(cli: Cli):
    return workplace(cli.workspace)


def test_a_training_ends_with_what_it_came_to_and_how_to_use_it(cli: Cli, recipe) -> None:
    done = cli("train", "recipe.toml")
    assert done.returncode == 0
    [line] = done.stdout.splitlines()
    assert line.startswith("6 of 6 steps, loss ")
    assert line.endswith("tokens/s: trained/recipe/adapter.safetensors")
    shown = done.stderr.splitlines()
    assert shown[0].startswith("memory: about ")
    told = next(line for line in shown if line.startswith("30 conversations, "))
    assert told.endswith(" numbers to train, from step 1 of 6")
    assert [line.split(",")[0] for line in shown[shown.index(told) + 1 :]] == ["step 1 of 6", "step 6 of 6"]


def test_full_fine_tuning_names_the_model_it_wrote(cli: Cli) -> None:
    workplace(cli.workspace, lora=None, training__steps=1)
    done = cli("train", "recipe.toml", "--out", "full")
    assert done.stdout.splitlines()[-1] == "use it: agentkit run --model local:full/model"


def test_a_training_out_of_time_says_how_to_go_on(cli: Cli, recipe) -> None:
    first = cli("train", "recipe.toml", "--minutes", "0", "--out", "a b")
    assert first.returncode == 0
    assert first.stdout.splitlines()[-1] == "go on:  agentkit train recipe.toml --out 'a b' --resume"
    refused = cli("train", "recipe.toml", "--out", "a b")
    assert refused.returncode == 2
    assert refused.stderr == (
        "agentkit: a b holds a training already; go on with it (--resume), or name another folder\n"
    )
    assert cli("train", "recipe.toml", "--out", "a b", "--resume").stdout.startswith("6 of 6 steps")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("rank = 4", "rnak = 4"), "recipe.toml, line 8: Object contains unknown field `rnak`"),
        (("train.jsonl", "gone.jsonl"), "gone.jsonl cannot be read: No such file or directory"),
        (("most_tokens = 200", "most_tokens = 9"), "train.jsonl, line 1: it has "),
        (('"model"', '"../nothing"'), "recipe.toml: no model '../nothing'; known: smollm2"),
    ],
)
def test_what_is_wrong_is_one_line(cli: Cli, recipe, change: tuple[str, str], said: str) -> None:
    recipe.write_text(recipe.read_text().replace(*change))
    done = cli("train", "recipe.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    line = done.stderr.splitlines()[-1]
    assert line.startswith("agentkit: ")
    assert said in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(cli: Cli, number: int) -> None:
    workplace(cli.workspace, training__steps=100_000)
    process = cli.start("train", "recipe.toml", "--out", "out")
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith(b"step 1 of"):
                break
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert b"ending after this step" in err
    assert out.splitlines()[-1] == b"go on:  agentkit train recipe.toml --out out --resume"
    rows = (cli.workspace / "out/metrics.jsonl").read_text().splitlines()
    last = json.loads(rows[-1])["step"]
    assert out.startswith(f"{last:,} of 100,000 steps".encode())
    more = cli("train", "recipe.toml", "--out", "out", "--resume", "--minutes", "0")
    assert more.stdout.startswith(f"{last + 1:,} of 100,000 steps")


def test_a_terminal_shows_a_bar(cli: Cli) -> None:
    workplace(cli.workspace, training__steps=100_000)
    terminal = cli.terminal("train", "recipe.toml")
    shown = without_colour(terminal.wait_for("tokens/s"))
    assert "training" in shown
    assert "100000" in shown
    assert "left" in shown
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "--resume" in terminal.text
