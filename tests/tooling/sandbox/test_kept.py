"""What makes a person's git run code is the same after a command as before."""

import contextlib
import shutil
from pathlib import Path

import pytest

from agentkit.tooling.sandbox.kept import held_paths, kept


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / ".git"
    (path / "hooks").mkdir(parents=True)
    (path / "config").write_text("[core]\n")
    (path / "hooks" / "pre-commit").write_text("#!/bin/sh\n")
    (path / "hooks" / "pre-commit").chmod(0o755)
    (path / "HEAD").write_text("ref: refs/heads/main\n")
    return path


def seen(repository: Path) -> dict[str, object]:
    return {
        str(path.relative_to(repository)): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in repository.rglob("*")
    }


def change_everything(repository: Path) -> None:
    (repository / "config").write_text("[core]\nfsmonitor = evil\n")
    (repository / "config.worktree").write_text("evil")
    (repository / "commondir").mkdir()
    (repository / "hooks" / "pre-commit").unlink()
    (repository / "hooks" / "pre-commit").symlink_to("/bin/sh")
    (repository / "hooks" / "post-commit").write_text("evil")


def replace_hooks_by_a_link(repository: Path) -> None:
    shutil.rmtree(repository / "hooks")
    (repository / "hooks").symlink_to("/tmp")


def replace_the_repository(repository: Path) -> None:
    shutil.move(repository, repository.parent / "old")
    shutil.copytree(repository.parent / "old", repository)
    (repository / "hooks" / "pre-commit").write_text("evil")


@pytest.mark.parametrize("act", [change_everything, replace_hooks_by_a_link, replace_the_repository])
def test_settings_and_hooks_are_put_back(act, repository: Path) -> None:
    before = seen(repository)
    with kept(repository.parent):
        act(repository)
    assert seen(repository) == before


def test_they_are_put_back_after_a_failure_too(repository: Path) -> None:
    before = seen(repository)
    with contextlib.suppress(ValueError), kept(repository.parent):
        change_everything(repository)
        raise ValueError
    assert seen(repository) == before


def test_commits_are_kept(repository: Path) -> None:
    with kept(repository.parent):
        (repository / "HEAD").write_text("another")
    assert (repository / "HEAD").read_text() == "another"


def test_a_link_in_place_of_the_repository_goes(repository: Path, tmp_path: Path) -> None:
    with kept(repository.parent):
        shutil.move(repository, tmp_path / "old")
        repository.symlink_to(tmp_path / "old")
    assert not repository.exists()


def test_a_worktrees_pointer_is_read_only(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /elsewhere\n")
    assert held_paths(tmp_path) == ([], [tmp_path / ".git"])


def test_a_folder_that_is_no_repository_has_nothing_to_keep(tmp_path: Path) -> None:
    with kept(tmp_path):
        (tmp_path / ".git").mkdir()
    assert (tmp_path / ".git").is_dir()
    assert held_paths(tmp_path / "none") == ([], [])
