"""`agentkit train` as a person types it, on a tiny model of random weights."""

import json
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ..local_models.training.tiny import workplace  # noqa: TID252
from .conftest import PATIENCE, Cli, without_colour


@pytest.fixture(autouse=True)
def warm(cli: Cli, fonts: Path) -> None:
    """Torch is loaded once; more threads would only wait for each other on so small a model."""
    cli.env |= {"OMP_NUM_THREADS": "1", "MPLCONFIGDIR": str(fonts)}
    cli.modules = ("agentkit.models.training", "matplotlib.figure", "matplotlib.backends.backend_svg")


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where matplotlib keeps which fonts there are; finding out takes seconds."""
    return tmp_path_factory.mktemp("fonts")


@pytest.fixture
def recipe(cli: Cli):
    return workplace(cli.workspace)


def test_a_training_ends_with_what_it_came_to_and_how_to_use_it(cli: Cli, recipe) -> None:
    done = cli("train", "recipe.toml")
    assert done.returncode == 0
    [line, curves, use] = done.stdout.splitlines()
    assert line.startswith("6 of 6 steps, loss ")
    assert line.endswith("tokens/s: trained/recipe/adapter.safetensors")
    assert curves == "curves: trained/recipe/curves.svg"
    assert use == "use it: agentkit run --model local:model+trained/recipe/adapter.safetensors"
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


def drawn(picture: Path) -> set[str]:
    """The series in an SVG."""
    names = {element.get("id", "") for element in ElementTree.parse(picture).getroot().iter()}
    return {name for name in names if ": " in name}


def test_the_folder_gets_a_picture_with_what_was_reached(cli: Cli, recipe) -> None:
    folder = cli.workspace / "out"
    cli("train", "recipe.toml", "--out", "out", "--minutes", "0")
    assert drawn(folder / "curves.svg") == {"loss: out"}
    (folder / "success.jsonl").write_text('{"step": 1, "name": "new", "reached": 1, "cases": 2}\n')
    again = cli("train", "recipe.toml", "--out", "out", "--curves", "new/now.svg")
    assert (again.returncode, again.stdout, again.stderr) == (0, "new/now.svg\n", "")
    assert drawn(cli.workspace / "new/now.svg") == {"loss: out", "success: new"}
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 1
    cli("train", "recipe.toml", "--out", "out", "--resume")
    assert drawn(folder / "curves.svg") == {"loss: out", "success: new"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--curves", "a.svg"), "agentkit: trained/recipe/metrics.jsonl cannot be read: No such file"),
        (("--curves", "a.gif"), "agentkit: a.gif ends neither in .svg nor in .png"),
        (("--curves", "a.svg", "--minutes", "0"), "--curves trains nothing, so it takes no --minutes"),
    ],
)
def test_what_cannot_be_drawn_is_said(cli: Cli, flags: tuple[str, ...], said: str) -> None:
    done = cli("train", "recipe.toml", *flags)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_matplotlib_a_line_says_how_to_get_it(cli: Cli, recipe) -> None:
    (cli.folder / "without/matplotlib").mkdir(parents=True)
    (cli.folder / "without/matplotlib/__init__.py").write_text("raise ModuleNotFoundError('matplotlib')\n")
    done = cli("train", "recipe.toml", env={"PYTHONPATH": str(cli.folder / "without")})
    assert done.returncode == 0
    assert "curves" not in done.stdout
    line = done.stderr.splitlines()[-1]
    assert line.startswith("no curves.svg: ")
    assert line.endswith("pip install 'agentkit[train]'")
    assert not (cli.workspace / "trained/recipe/curves.svg").exists()


def test_several_devices_are_told_of_and_change_nothing(cli: Cli, recipe) -> None:
    alone = cli("train", "recipe.toml", "--out", "one")
    told = cli("train", "recipe.toml", "--out", "many", "--devices", "4")
    assert "ZeRO" not in alone.stderr
    [line] = [line for line in told.stderr.splitlines() if "ZeRO" in line]
    assert line.startswith("  on each of 4 devices in use: ZeRO-1 ")
    one, many = (cli.workspace / name / "adapter.safetensors" for name in ("one", "many"))
    assert one.read_bytes() == many.read_bytes()
