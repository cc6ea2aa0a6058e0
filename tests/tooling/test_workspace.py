import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.core.errors import ToolFault, WorkspaceError
from agentkit.tooling import listing, whole_files
from agentkit.tooling import workspace as workspace_module
from agentkit.tooling.file_system import place_of
from agentkit.tooling.manifest import MORE, Changes, changes, paths_in
from agentkit.tooling.openat2 import Opener, best_opener, kernel_confines, open_by_kernel, open_by_walk
from agentkit.tooling.workspace import Workspace

OPENERS = [
    pytest.param(
        open_by_kernel,
        id="kernel",
        marks=pytest.mark.skipif(not kernel_confines(), reason="this kernel has no openat2"),
    ),
    pytest.param(open_by_walk, id="walk"),
]


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Opener:
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace beside a secret."""
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "work"
    (root / "sub").mkdir(parents=True)
    (root / "notes.txt").write_text("inside notes")
    (root / "sub/more.txt").write_text("inside more")
    return root


@pytest.fixture
def files(root: Path, opener: Opener) -> Iterator[Workspace]:
    with Workspace.open(root, opener) as workspace:
        yield workspace


# --- opening


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"there is no folder .*nowhere; make it"):
        Workspace.open(tmp_path / "nowhere")


def test_a_file_is_no_workspace(root: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a folder"):
        Workspace.open(root / "notes.txt")


def test_the_disk_and_the_home_folder_are_too_wide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "homes/me"
    (home / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(WorkspaceError, match="it is the whole disk; name a folder inside it"):
        Workspace.open(Path("/"))
    with pytest.raises(WorkspaceError, match="it is your whole home folder"):
        Workspace.open(home)
    with pytest.raises(WorkspaceError, match="your home folder lies in it"):
        Workspace.open(home.parent)
    with Workspace.open(Path("~/project")) as workspace:
        assert workspace.root == home / "project"


def test_a_refused_or_closed_workspace_leaves_nothing_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with suppress(WorkspaceError):
        Workspace.open(Path("/"))
    workspace = Workspace.open(root)
    workspace.write_bytes("a/b.txt", b"x")
    for path in ("notes.txt", "../secret.txt", "missing", "sub"):
        with suppress(ToolFault):
            workspace.read_bytes(path)
    workspace.move("a/b.txt", "c/d.txt")
    workspace.copy("c/d.txt", "e.txt")
    workspace.manifest()
    workspace.delete("c", recursive=True)
    workspace.close()
    workspace.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_walk_leaves_nothing_open(root: Path) -> None:
    (root / "up").symlink_to("..")
    (root / "circle").symlink_to("circle")
    before = len(os.listdir("/proc/self/fd"))
    with Workspace.open(root, open_by_walk) as workspace:
        for path in ("sub/../sub/more.txt", "up", "circle", "notes.txt/x", "sub/..", "gone/x", "."):
            with suppress(ToolFault):
                workspace.read_bytes(path)
    assert len(os.listdir("/proc/self/fd")) == before


# --- which paths work


@pytest.mark.parametrize(
    "path", ["notes.txt", "./notes.txt", "sub/../notes.txt", "//notes.txt".lstrip("/"), "sub/.././notes.txt"]
)
def test_a_path_inside_works_however_it_is_written(files: Workspace, path: str) -> None:
    assert files.read_bytes(path) == b"inside notes"


def test_an_absolute_path_inside_works(files: Workspace, root: Path) -> None:
    assert files.read_bytes(str(root / "notes.txt")) == b"inside notes"
    assert files.folders() == [".", "sub"]
    assert [entry.name for entry in files.entries(str(root))] == ["notes.txt", "sub"]


@pytest.mark.parametrize(
    "path", ["../secret.txt", "sub/../../secret.txt", "/etc/passwd", "~/x", "~", "..", "/"]
)
def test_a_path_outside_is_refused_and_told(files: Workspace, path: str) -> None:
    for use in (files.read_bytes, files.entries, files.make_folder, files.delete, files.size):
        with pytest.raises(ToolFault):
            use(path)
    with pytest.raises(ToolFault, match="is outside the workspace, and only paths inside it work; "):
        files.read_bytes(path)
    with pytest.raises(ToolFault):
        files.write_bytes(path, b"")
    assert files.kind(path) == "missing"


def test_a_folder_whose_name_begins_like_the_root_is_outside(files: Workspace, root: Path) -> None:
    (root.parent / "work-other").mkdir()
    (root.parent / "work-other/x.txt").write_text("secret")
    with pytest.raises(ToolFault, match="outside"):
        files.read_bytes(str(root.parent / "work-other/x.txt"))


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "\ud800"])
def test_what_cannot_be_a_path_is_told(files: Workspace, path: str) -> None:
    with pytest.raises(ToolFault, match=r"files here: notes\.txt, sub/more\.txt"):
        files.read_bytes(path)
    assert files.kind(path) == "missing"


def test_a_missing_file_names_what_was_meant_and_what_there_is(files: Workspace) -> None:
    with pytest.raises(ToolFault) as told:
        files.read_bytes("note.txt")
    assert str(told.value) == (
        'there is no file "note.txt"; did you mean notes.txt or sub/more.txt? '
        "files here: notes.txt, sub/more.txt"
    )
    with pytest.raises(ToolFault, match=r"did you mean sub/more\.txt or notes\.txt\?"):
        files.read_bytes("more.txt")
    with pytest.raises(
        ToolFault, match=r'there is no folder "sup"; did you mean sub\? folders here: \., sub'
    ):
        files.entries("sup")


def test_nobody_guesses_what_was_meant_to_be_deleted(files: Workspace) -> None:
    with pytest.raises(ToolFault) as told:
        files.delete("note.txt")
    assert str(told.value) == 'there is no file "note.txt"; files here: notes.txt, sub/more.txt'


def test_a_folder_is_no_file_and_a_file_no_folder(files: Workspace) -> None:
    with pytest.raises(ToolFault, match='"sub" is a folder, not a file'):
        files.read_bytes("sub")
    with pytest.raises(ToolFault, match='"sub" is a folder, not a file'):
        files.write_bytes("sub", b"")
    with pytest.raises(ToolFault, match=r'"notes\.txt" is a file, not a folder'):
        files.entries("notes.txt")
    with pytest.raises(ToolFault, match=r"a part of .* is a file"):
        files.write_bytes("notes.txt/x.txt", b"")


def test_links_inside_work_and_links_out_do_not(files: Workspace, root: Path) -> None:
    (root / "good").symlink_to("sub/more.txt")
    (root / "sub/back").symlink_to("../notes.txt")
    (root / "out").symlink_to("../secret.txt")
    (root / "absolute").symlink_to(root.parent / "secret.txt")
    (root / "up").symlink_to("..")
    (root / "circle").symlink_to("circle")
    assert files.read_bytes("good") == b"inside more"
    assert files.read_bytes("sub/back") == b"inside notes"
    for path in ("out", "absolute", "up/secret.txt"):
        with pytest.raises(ToolFault, match="outside"):
            files.read_bytes(path)
        with pytest.raises(ToolFault, match="outside"):
            files.write_bytes(path, b"overwritten")
        with pytest.raises(ToolFault):
            files.append_bytes(path, b"overwritten")
    with pytest.raises(ToolFault, match="leads back to itself"):
        files.read_bytes("circle")
    assert (root.parent / "secret.txt").read_text() == "secret"
    assert files.files() == ["good", "notes.txt", "sub/back", "sub/more.txt"]


def test_writing_through_a_link_keeps_the_link(files: Workspace, root: Path) -> None:
    (root / "good").symlink_to("sub/more.txt")
    (root / "new").symlink_to("sub/made.txt")
    files.write_bytes("good", b"one")
    files.append_bytes("good", b" two")
    files.write_bytes("new", b"made")
    assert (root / "good").is_symlink()
    assert (root / "sub/more.txt").read_bytes() == b"one two"
    assert (root / "sub/made.txt").read_bytes() == b"made"
    files.delete("good")
    assert (root / "sub/more.txt").exists()


def test_pipes_and_sockets_are_refused_without_waiting(files: Workspace, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.getcwd()
        os.chdir(root)  # a socket's path is short
        try:
            listening.bind("socket")
        finally:
            os.chdir(here)
        for path in ("pipe", "socket"):
            for use in (files.read_bytes, lambda path: files.copy(path, "x")):
                with pytest.raises(ToolFault, match="is a pipe, a socket or a device"):
                    use(path)
            with pytest.raises(ToolFault, match="is a pipe, a socket or a device"):
                files.write_bytes(path, b"x")
            with pytest.raises(ToolFault, match="is a pipe, a socket or a device"):
                files.append_bytes(path, b"x")
            assert files.kind(path) == "other"
            assert path not in files.files()


# --- changing


def test_a_written_file_has_its_folders_made(files: Workspace, root: Path) -> None:
    files.write_bytes("a/b/c.txt", b"\x00\xff")
    assert (root / "a/b/c.txt").read_bytes() == b"\x00\xff"
    assert files.files() == ["a/b/c.txt", "notes.txt", "sub/more.txt"]


def test_replacing_keeps_the_mode_and_leaves_no_part(files: Workspace, root: Path) -> None:
    (root / "notes.txt").chmod(0o751)
    files.write_bytes("notes.txt", b"new")
    assert stat.S_IMODE((root / "notes.txt").stat().st_mode) == 0o751
    assert sorted(os.listdir(root)) == ["notes.txt", "sub"]


def test_a_failed_write_leaves_the_old_content(
    files: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    for module in (whole_files, workspace_module):
        monkeypatch.setattr(module, "write_all", full)
    with pytest.raises(ToolFault, match="no space left on the disk"):
        files.write_bytes("notes.txt", b"new")
    with pytest.raises(ToolFault, match="no space left on the disk"):
        files.append_bytes("notes.txt", b"new")
    assert (root / "notes.txt").read_bytes() == b"inside notes"
    assert sorted(os.listdir(root)) == ["notes.txt", "sub"]


def test_an_append_that_breaks_off_is_taken_back(
    files: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:2])
        raise OSError(28, "No space left on device")

    for module in (whole_files, workspace_module):
        monkeypatch.setattr(module, "write_all", half)
    with pytest.raises(ToolFault, match="no space"):
        files.append_bytes("notes.txt", b"more")
    assert (root / "notes.txt").read_bytes() == b"inside notes"


def test_a_write_protected_file_stays(files: Workspace, root: Path) -> None:
    (root / "notes.txt").chmod(0o444)
    for change in (
        lambda: files.write_bytes("notes.txt", b""),
        lambda: files.append_bytes("notes.txt", b"x"),
        lambda: files.delete("notes.txt"),
    ):
        with pytest.raises(ToolFault, match="write-protected"):
            change()
    assert (root / "notes.txt").read_bytes() == b"inside notes"


def test_git_is_only_for_git(files: Workspace, root: Path) -> None:
    (root / ".git/hooks").mkdir(parents=True)
    (root / "innocent").symlink_to(".git/hooks")
    (root / "evil").mkdir()
    for change in (
        lambda: files.write_bytes(".git/hooks/pre-commit", b"#!/bin/sh"),
        lambda: files.write_bytes("innocent/pre-commit", b"#!/bin/sh"),
        lambda: files.write_bytes("sub/.GIT/config", b""),
        lambda: files.move("evil", "sub/.git"),
        lambda: files.copy("notes.txt", ".git/config"),
        lambda: files.delete(".git", recursive=True),
        lambda: files.make_folder("sub/.git/hooks"),
    ):
        with pytest.raises(ToolFault, match="only git may change it"):
            change()
    assert os.listdir(root / ".git/hooks") == []


def test_what_steers_agents_is_only_for_a_person(files: Workspace, root: Path) -> None:
    (root / ".agentkit/prompts").mkdir(parents=True)
    (root / "innocent").symlink_to(".agentkit/prompts")
    (root / "evil").mkdir()
    (root / "agentkit.toml").write_text('deny = ["run_shell"]')
    for change in (
        lambda: files.write_bytes(".agentkit/prompts/agent/small.md", b"Obey me."),
        lambda: files.write_bytes("innocent/small.md", b"Obey me."),
        lambda: files.append_bytes("agentkit.toml", b"max_steps = 9"),
        lambda: files.move("evil", ".agentkit/skills"),
        lambda: files.copy("notes.txt", "Agentkit.TOML"),
        lambda: files.delete("agentkit.toml"),
        lambda: files.delete(".agentkit", recursive=True),
        lambda: files.make_folder(".agentkit/skills/evil"),
    ):
        with pytest.raises(ToolFault, match="only a person may change it"):
            change()
    assert os.listdir(root / ".agentkit/prompts") == []
    files.write_bytes("sub/agentkit.toml", b"max_steps = 3")  # it steers nobody who works here


def test_an_append_reaches_no_other_name_of_a_file(files: Workspace, root: Path) -> None:
    (root / "agentkit.toml").write_text("max_steps = 3")
    os.link(root / "agentkit.toml", root / "innocent")
    files.append_bytes("innocent", b"00")
    assert (root / "innocent").read_text() == "max_steps = 300"
    assert (root / "agentkit.toml").read_text() == "max_steps = 3"


def test_moving_renames_and_moves_into_folders(files: Workspace, root: Path) -> None:
    assert files.move("notes.txt", "renamed.txt") == "renamed.txt"
    assert files.move("renamed.txt", "sub") == "sub/renamed.txt"
    assert files.move("sub", "deep/er") == "deep/er"
    assert files.files() == ["deep/er/more.txt", "deep/er/renamed.txt"]
    assert files.move("deep/er/more.txt", "fresh/") == "fresh/more.txt"


def test_nothing_is_overwritten_by_move_or_copy(files: Workspace, root: Path) -> None:
    for use in (files.move, files.copy):
        with pytest.raises(ToolFault, match="already exists and is never overwritten"):
            use("notes.txt", "sub/more.txt")
        with pytest.raises(ToolFault, match="already exists"):
            use("notes.txt", "notes.txt")
        with pytest.raises(ToolFault, match=r'there is no file "gone\.txt"'):
            use("gone.txt", "x.txt")
    (root / "out").symlink_to("../secret.txt")
    with pytest.raises(ToolFault, match="already exists"):
        files.copy("notes.txt", "out")
    with pytest.raises(ToolFault, match="a folder cannot go into itself"):
        files.move("sub", "sub/inner")
    assert files.read_bytes("sub/more.txt") == b"inside more"


def test_a_copy_has_the_content_and_the_mode(files: Workspace, root: Path) -> None:
    (root / "notes.txt").chmod(0o750)
    assert files.copy("notes.txt", "sub") == "sub/notes.txt"
    copy = root / "sub/notes.txt"
    assert (copy.read_bytes(), stat.S_IMODE(copy.stat().st_mode)) == (b"inside notes", 0o750)


def test_a_full_folder_is_deleted_only_when_asked_to(files: Workspace, root: Path) -> None:
    (root / "sub/link").symlink_to("../../secret.txt")
    with pytest.raises(ToolFault, match='the folder "sub" is not empty'):
        files.delete("sub")
    files.delete("sub", recursive=True)
    files.make_folder("a/b")
    files.make_folder("a/b")
    files.delete("a/b")
    with pytest.raises(ToolFault, match="cannot be changed as a whole"):
        files.delete(".", recursive=True)
    assert files.folders() == [".", "a"]
    assert (root.parent / "secret.txt").exists()


def test_a_huge_file_is_not_read_at_once(
    files: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace_module, "LARGEST_READ", 5)
    with pytest.raises(ToolFault, match="has 12 bytes, more than the 5"):
        files.read_bytes("notes.txt")


# --- listing


def test_listings_leave_out_what_is_nobodys_to_list(files: Workspace, root: Path) -> None:
    for folder in (".git", "sub/__pycache__", "node_modules", ".venv"):
        (root / folder).mkdir()
        (root / folder / "x").write_text("x")
    (root / "loop").symlink_to(".")
    assert files.files() == ["notes.txt", "sub/more.txt"]
    assert files.folders() == [".", "loop", "sub"]
    assert [entry.name for entry in files.entries(".git")] == ["x"]


def test_entries_say_what_each_is(files: Workspace, root: Path) -> None:
    (root / "dangling").symlink_to("nowhere")
    (root / "good").symlink_to("notes.txt")
    assert [(entry.name, entry.kind, entry.size) for entry in files.entries()] == [
        ("dangling", "other", 0),
        ("good", "file", 12),
        ("notes.txt", "file", 12),
        ("sub", "folder", 0),
    ]


def test_a_name_that_is_no_text_harms_nothing(files: Workspace, root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt")).write_text("x")
    before = files.manifest()
    files.manifest().encode()
    assert files.files() == ["notes.txt", "sub/more.txt"]
    assert "\\xff.txt" in [entry.name for entry in files.entries()]
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt")).write_text("changed")
    str(changes(before, files.manifest())).encode()
    assert len(changes(before, files.manifest()).changed) == 1


# --- what changed


def test_changes_tell_what_became_of_the_files(files: Workspace) -> None:
    before = files.manifest()
    assert paths_in(before) == ["notes.txt", "sub/more.txt"]
    files.write_bytes("new/a.txt", b"a")
    files.make_folder("empty")
    files.write_bytes("notes.txt", b"INSIDE NOTES")
    files.delete("sub", recursive=True)
    found = changes(before, files.manifest())
    assert (found.added, found.changed, found.removed) == (("new/a.txt",), ("notes.txt",), ("sub/more.txt",))
    assert str(found) == "added new/a.txt; changed notes.txt; removed sub/more.txt; added the folder empty"


def test_nothing_changed_is_said(files: Workspace) -> None:
    found = changes(files.manifest(), files.manifest())
    assert (found, bool(found), str(found)) == (Changes(), False, "no file changed")


def test_a_manifest_that_stops_early_claims_nothing_beyond(
    files: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        files.write_bytes(f"d/{number}", b"x")
    monkeypatch.setattr(listing, "MOST_ENTRIES", 5)
    before = files.manifest()
    assert before.endswith(f"{MORE}\n")
    assert len(files.files()) + len(files.folders()) == 6
    files.write_bytes("a.txt", b"x")  # pushes the last one out of the listing
    found = changes(before, files.manifest())
    assert (found.added, found.changed, found.removed, found.complete) == (("a.txt",), (), (), False)
    assert "too large to compare all of it" in str(found)


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..") and name not in listing.SKIPPED and name.lower() != ".git"
)


@settings(max_examples=30, deadline=None)
@given(st.sets(NAMES, max_size=6), st.sets(NAMES, max_size=6))
def test_changes_are_the_difference_of_any_two_folders(before: set[str], after: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, Workspace.open(Path(folder)) as workspace:
        for name in before:
            workspace.write_bytes(f"./{name}", b"x")
        first = workspace.manifest()
        assert set(paths_in(first)) == before == set(workspace.files())
        for name in before - after:
            workspace.delete(f"./{name}")
        for name in after - before:
            workspace.write_bytes(f"./{name}", b"x")
        found = changes(first, workspace.manifest())
    assert (set(found.added), set(found.removed), found.changed) == (after - before, before - after, ())
    assert "\n" not in str(found)


# --- no way out

INSIDE = ("in", "sub", "up", "out", "far", "good", "circle", "deep", "secret.txt", "notes.txt")
ODD = ("..", ".", "", "~", "in2", "ünï", "a\u202eb", "\u2024\u2024", "\uff0e\uff0e", "..\\..", "%2e%2e")
PARTS = st.sampled_from(["..", *INSIDE, *ODD])
PATHS = st.one_of(
    st.lists(PARTS, min_size=1, max_size=7).map("/".join),
    st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.text(max_size=20),
)


def tree(base: Path) -> Path:
    """A workspace full of traps; whatever lies outside it says `secret`."""
    root = base / "root"
    (root / "in/sub/deep").mkdir(parents=True)
    (base / "outside").mkdir()
    for secret in (base / "secret.txt", base / "notes.txt", base / "outside/secret.txt"):
        secret.write_text("secret")
    for inside in (root / "notes.txt", root / "in/notes.txt", root / "in/sub/secret.txt"):
        inside.write_text("inside")
    (root / "up").symlink_to("..")
    (root / "in/up").symlink_to("..")
    (root / "in/sub/up").symlink_to("../../..")
    (root / "out").symlink_to(base / "outside")
    (root / "in/out").symlink_to("../../outside")
    (root / "far").symlink_to("in/sub/up/outside/secret.txt")
    (root / "good").symlink_to("in/sub")
    (root / "in/good").symlink_to("../good/../sub/secret.txt")
    (root / "circle").symlink_to("in/circle")
    (root / "in/circle").symlink_to("../circle")
    return root


@pytest.fixture(scope="module")
def traps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("traps"))


@pytest.mark.skipif(not kernel_confines(), reason="this kernel has no openat2")
@settings(max_examples=400, deadline=None)
@given(path=PATHS.filter(lambda path: "\0" not in path and path.isprintable() and not path.startswith("/")))
def test_the_walk_opens_exactly_what_the_kernel_opens(traps: Path, path: str) -> None:
    root = os.open(traps, os.O_PATH)

    def opened(opener: Opener) -> tuple[int, int] | None:
        try:
            descriptor = opener(root, path or ".", os.O_PATH)
        except OSError:
            return None
        status = os.fstat(descriptor)
        os.close(descriptor)
        return status.st_dev, status.st_ino

    try:
        assert opened(open_by_walk) == opened(open_by_kernel)
    finally:
        os.close(root)


@pytest.mark.parametrize("opener", OPENERS)
@settings(max_examples=250, deadline=None)
@given(path=PATHS)
def test_no_path_reads_anything_outside(traps: Path, opener: Opener, path: str) -> None:
    with Workspace.open(traps, opener) as workspace:
        with suppress(ToolFault):
            assert workspace.read_bytes(path) == b"inside"
        with suppress(ToolFault):
            assert "outside" not in [entry.name for entry in workspace.entries(path)]
        assert workspace.kind(path) in ("file", "folder", "missing", "other")


@pytest.mark.parametrize("opener", OPENERS)
@settings(max_examples=50, deadline=None)
@given(paths=st.lists(PATHS, min_size=1, max_size=3))
def test_no_path_changes_anything_outside(opener: Opener, paths: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        with Workspace.open(tree(base), opener) as workspace:
            for path in paths:
                for change in (
                    lambda path: workspace.write_bytes(path, b"inside"),
                    lambda path: workspace.append_bytes(path, b"inside"),
                    workspace.make_folder,
                    lambda path: workspace.copy("notes.txt", path),
                    lambda path: workspace.move("in/notes.txt", path),
                    lambda path: workspace.delete(path, recursive=True),
                ):
                    with suppress(ToolFault):
                        change(path)
        assert sorted(os.listdir(base)) == ["notes.txt", "outside", "root", "secret.txt"]
        assert os.listdir(base / "outside") == ["secret.txt"]
        for secret in (base / "secret.txt", base / "notes.txt", base / "outside/secret.txt"):
            assert secret.read_text() == "secret"


SWAPS = """
import os, sys
os.chdir(sys.argv[1])
while True:
    os.rename("d", "kept"); os.rename("link", "d")
    os.rename("d", "link"); os.rename("kept", "d")
"""


def test_a_folder_swapped_for_a_link_never_leads_out(tmp_path: Path, opener: Opener) -> None:
    """A program swaps a folder for a link to the outside as fast as it can, while we read and write."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, text in ((root / "d/e", "inside"), (outside / "e", "secret")):
        folder.mkdir(parents=True)
        (folder / "x.txt").write_text(text)
    (root / "link").symlink_to("../outside")
    swapping = subprocess.Popen([sys.executable, "-I", "-c", SWAPS, str(root)])
    read = refused = 0
    try:
        with Workspace.open(root, opener) as workspace:
            for _ in range(100_000):
                try:
                    descriptor = workspace._open("d/e/../e/x.txt", os.O_RDONLY)
                except (ToolFault, OSError):
                    refused += 1
                else:
                    assert os.read(descriptor, 10) == b"inside"
                    os.close(descriptor)
                    read += 1
                if read + refused >= 5000 and read and refused:
                    break
            for number in range(100):
                with suppress(ToolFault):
                    workspace.write_bytes(f"d/e/{number}", b"inside")
    finally:
        swapping.kill()
        swapping.wait()
    assert read
    assert refused
    assert os.listdir(outside / "e") == ["x.txt"]
    assert (outside / "e/x.txt").read_text() == "secret"


def test_the_best_opener_is_the_kernels_where_it_has_one() -> None:
    assert best_opener() is (open_by_kernel if kernel_confines() else open_by_walk)


def test_a_workspace_lies_where_links_to_it_lead(tmp_path: Path) -> None:
    (tmp_path / "real" / "project").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    with Workspace.open(tmp_path / "link" / "project") as workspace:
        assert workspace.root == (tmp_path / "real" / "project").resolve()


def test_of_a_folder_that_was_moved_since_links_are_followed_once_more(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    descriptor = os.open(tmp_path / "old", os.O_RDONLY | os.O_DIRECTORY)
    try:
        (tmp_path / "old").rmdir()
        assert place_of(descriptor, str(tmp_path / "old")) == os.path.realpath(tmp_path / "old")
    finally:
        os.close(descriptor)
