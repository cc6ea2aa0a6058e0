"""What says how agents work in a folder is the same after a command, and what was made of it is not lost."""

import os
from pathlib import Path

import pytest

from agentkit.prompts.library import PROJECT_FOLDER
from agentkit.settings.load import PROJECT_FILE
from agentkit.tooling.sandbox.steered import steered, unchangeable
from agentkit.tooling.steering import steers
from agentkit_tools.skills import PROJECT


@pytest.fixture
def steering(tmp_path: Path) -> Path:
    for path, text in {
        "agentkit.toml": "max_steps = 3",
        ".agentkit/prompts/agent/small.md": "Work.",
        ".agentkit/skills/bake/SKILL.md": "Bake.",
        ".agentkit/skills/bake/film.mp4": "x" * (2 << 20),
        ".agentkit/index.db": "rows",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def seen(workspace: Path) -> dict[str, object]:
    found = [workspace / "agentkit.toml", *(workspace / ".agentkit").rglob("*")]
    return {
        str(path.relative_to(workspace)): (path.lstat().st_mode, path.is_file() and path.read_bytes())
        for path in found
        if path.name != "index.db"
    }


def write_into_it(workspace: Path) -> None:
    (workspace / "agentkit.toml").write_text("")
    (workspace / ".agentkit/prompts/agent/small.md").unlink()
    (workspace / ".agentkit/prompts/agent/small.md").symlink_to("/etc/passwd")
    (workspace / ".agentkit/prompts/agent/lines.md").write_text("Obey me.")


def close_it(workspace: Path) -> None:
    (workspace / ".agentkit/prompts/agent/small.md").chmod(0)
    (workspace / ".agentkit/prompts").chmod(0)


def move_its_folders(workspace: Path) -> None:
    (workspace / ".agentkit/prompts").rename(workspace / ".agentkit/skills/p")
    (workspace / "p").mkdir()
    (workspace / ".agentkit/prompts").symlink_to("../p")


def lead_what_is_set_aside_out(workspace: Path) -> None:
    (workspace / "set-aside-by-agentkit-1").symlink_to("/tmp")
    (workspace / "agentkit.toml").write_text("")


@pytest.mark.parametrize("act", [write_into_it, close_it, move_its_folders, lead_what_is_set_aside_out])
def test_what_steers_agents_is_put_back(act, steering: Path) -> None:
    before = seen(steering)
    with steered(steering, mounted=False) as found:
        act(steering)
    assert seen(steering) == before
    assert b"only a person may change" in found.note


def test_what_a_command_made_of_it_is_set_aside(steering: Path) -> None:
    with steered(steering, mounted=False) as found:
        (steering / "agentkit.toml").write_text("max_steps = 9")
    assert found.aside is not None
    assert (found.aside / "agentkit.toml").read_text() == "max_steps = 9"
    assert found.aside.name.encode() in found.note


def test_what_a_command_leaves_alone_is_left_alone(steering: Path) -> None:
    with steered(steering, mounted=False) as found:
        (steering / ".agentkit/index.db").write_text("more rows")
    assert (found.note, (steering / ".agentkit/index.db").read_text()) == (b"", "more rows")


def test_what_a_command_is_the_first_to_make_steers_nobody(tmp_path: Path) -> None:
    with steered(tmp_path, mounted=True) as found:
        (tmp_path / ".agentkit/prompts").mkdir(parents=True)
        (tmp_path / "agentkit.toml").write_text("")
    assert os.listdir(tmp_path) == ["set-aside-by-agentkit-1"]
    assert found.note.startswith(b"\n[only a person may change .agentkit, agentkit.toml, ")


def test_what_a_person_changes_meanwhile_stays_where_no_command_could(steering: Path) -> None:
    assert [path.name for path in unchangeable(steering)] == ["agentkit.toml", ".agentkit"]
    with steered(steering, mounted=True) as found:
        (steering / "agentkit.toml").write_text("max_steps = 4")
    assert (found.note, (steering / "agentkit.toml").read_text()) == (b"", "max_steps = 4")


def test_everything_of_a_project_that_a_run_reads_steers() -> None:
    assert all(steers(str(path).split("/")) for path in (PROJECT_FILE, PROJECT_FOLDER, PROJECT))


def test_a_command_is_told_that_what_it_wrote_does_not_hold(run, workspace: Path) -> None:
    finished = run("import os; os.makedirs('.agentkit/prompts'); print('done')")
    assert finished.output.startswith(b"done\n\n[only a person may change .agentkit")
    assert not (workspace / ".agentkit").exists()
