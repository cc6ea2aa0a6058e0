"""Which folders may be given away whole."""

from pathlib import Path

import pytest

from agentkit.core.errors import WorkspaceError
from agentkit.tooling.sandbox.environment import checked_workspace


@pytest.mark.parametrize("folder", ["/", "/usr", "/tmp", "/proc/self", "/dev/fd", "/sys/kernel"])
def test_a_folder_of_the_system_is_refused(folder: str) -> None:
    with pytest.raises(WorkspaceError, match=r"holds more than a project|is not a folder"):
        checked_workspace(Path(folder))


def test_the_home_folder_and_what_holds_it_are_refused_and_what_lies_in_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "people" / "ada"
    project = home / "project"
    project.mkdir(parents=True)
    beside = tmp_path / "people" / "ada-lovelace"
    beside.mkdir()
    prefix = tmp_path / "peop"
    prefix.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for refused in (home, home.parent, tmp_path):
        with pytest.raises(WorkspaceError, match="holds more than a project"):
            checked_workspace(refused)
    for taken in (project, beside, prefix):
        assert checked_workspace(taken) == taken.resolve()


def test_a_link_is_what_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "to-tmp").symlink_to("/tmp")
    with pytest.raises(WorkspaceError, match="holds more than a project"):
        checked_workspace(tmp_path / "to-tmp")


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be used: No such file"):
        checked_workspace(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="is not a folder"):
        checked_workspace(tmp_path / "file")
