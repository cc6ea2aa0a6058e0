"""Where RLIMIT_NPROC does not bind, a control group does, if one can be made."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from agentkit.tooling.sandbox.task_group import join, task_group

FIRST = "8:pids:/box\n0::/\n"
SECOND = "0::/user.slice/one\n"


class Kernel:
    """A folder that behaves like mounted control groups as far as a new one has its files at once."""

    def __init__(self, folder: Path, membership: str) -> None:
        self.groups = folder / "groups"
        self.membership = folder / "membership"
        self.membership.write_text(membership)
        self.controlled = True

    def make(self, group: Path) -> None:
        group.mkdir()
        (group / "cgroup.procs").write_text("")
        if self.controlled:
            (group / "pids.max").write_text("max")

    def remove(self, group: Path) -> None:
        for file in group.iterdir():
            file.unlink()
        group.rmdir()

    def group(self, *, is_root: bool = True) -> AbstractContextManager[Path | None]:
        return task_group(
            24,
            groups=self.groups,
            membership=self.membership,
            is_root=is_root,
            make=self.make,
            remove=self.remove,
        )


@pytest.fixture(params=[(FIRST, "pids/box"), (SECOND, "user.slice/one")], ids=["version 1", "version 2"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Kernel, Path]:
    membership, place = request.param
    kernel = Kernel(tmp_path, membership)
    own = kernel.groups / place
    own.mkdir(parents=True)
    return kernel, own


def test_a_group_has_a_ceiling_and_goes_with_the_command(kernel: tuple[Kernel, Path]) -> None:
    made, own = kernel
    with made.group() as group:
        assert group is not None
        assert group.parent == own
        assert (group / "pids.max").read_text() == "48"
        join(group, 1234)
        assert (group / "cgroup.procs").read_text() == "1234"
    assert list(own.iterdir()) == []


def test_what_a_killed_host_left_is_removed_by_the_next(kernel: tuple[Kernel, Path]) -> None:
    made, own = kernel
    nobody = 1 << 22  # the kernel gives no such number
    mine = own / f"agentkit-{os.getpid()}-1"
    for group in (own / f"agentkit-{nobody}-1", mine):
        made.make(group)
    with made.group() as group:
        assert set(own.iterdir()) == {mine, group}


def test_an_ordinary_user_needs_none(kernel: tuple[Kernel, Path]) -> None:
    made, own = kernel
    with made.group(is_root=False) as group:
        assert group is None
        assert list(own.iterdir()) == []


def test_without_the_controller_there_is_none_and_nothing_is_left(kernel: tuple[Kernel, Path]) -> None:
    made, own = kernel
    made.controlled = False
    with made.group() as group:
        assert group is None
    assert list(own.iterdir()) == []


def test_where_groups_cannot_be_made_there_is_none(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text(FIRST)
    for place in (tmp_path / "none", Path(os.devnull)):
        with task_group(24, groups=place, membership=membership, is_root=True) as group:
            assert group is None
    with task_group(24, groups=tmp_path, membership=tmp_path / "missing", is_root=True) as group:
        assert group is None
