"""What is kept of a workspace, how it is known to be unchanged, and what is left out."""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core.errors import CorruptJournal
from agentkit.journal.contents import Contents, hash_of
from agentkit.tooling.snapshots.comparing import Tree, changes_between, differences
from agentkit.tooling.snapshots.coverage import Bounds
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.workspace import Workspace

HOUR = 3600 * 10**9


class Counting(Snapshots):
    """Notes which files were read."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.read: list[str] = []

    def _file(self, path: str, *rest: object) -> object:  # type: ignore[override]
        self.read.append(path)
        return super()._file(path, *rest)  # type: ignore[arg-type]


@pytest.fixture
def opened(workspace: Path) -> Iterator[Workspace]:
    with Workspace.open(workspace) as place:
        yield place


@pytest.fixture
def contents(tmp_path: Path) -> Iterator[Contents]:
    store = Contents.beside(tmp_path / "journal.db")
    yield store
    store.close()


def later() -> int:
    """A clock that is ahead, so that every file is older than what may change unnoticed."""
    return time.time_ns() + HOUR


def test_what_did_not_change_is_not_read_again(opened: Workspace, contents: Contents) -> None:
    for number in range(20):
        (opened.root / f"{number}.txt").write_text(str(number))
    snapshots = Counting(opened, contents, clock=later)
    first = snapshots.take()
    assert len(snapshots.read) == 20
    assert snapshots.take() == first
    (opened.root / "7.txt").write_text("x")
    (opened.root / "8.txt").chmod(0o600)
    assert snapshots.take() != first
    assert sorted(snapshots.read[20:]) == ["7.txt", "8.txt"]


def test_another_process_finds_what_was_read_in_the_index(opened: Workspace, contents: Contents) -> None:
    (opened.root / "sub").mkdir()
    for number in range(300):
        (opened.root / f"sub/{number}.txt").write_text(str(number))
    first = Snapshots(opened, contents, clock=later).take()
    other = Counting(opened, contents, clock=later)
    assert other.take() == first
    assert other.read == []


def test_a_file_that_changes_within_a_tick_of_the_clock_is_noticed(
    opened: Workspace, contents: Contents
) -> None:
    file = opened.root / "a.txt"
    snapshots = Snapshots(opened, contents)
    names: set[str] = set()
    for number in range(200):
        file.write_text(f"{number:05}")
        os.utime(file, ns=(0, 0))
        names.add(snapshots.take().name)
    assert len(names) == 200


def test_the_same_files_have_the_same_name_whenever_they_were_written(
    opened: Workspace, contents: Contents
) -> None:
    (opened.root / "a.txt").write_text("same")
    first = Snapshots(opened, contents).take()
    (opened.root / "a.txt").unlink()
    (opened.root / "a.txt").write_text("same")
    os.utime(opened.root / "a.txt", (0, 0))
    second = Snapshots(opened, contents).take()
    assert (second.name, second.times != first.times) == (first.name, True)
    assert str(changes_between(contents, first.name, second.name)) == "no file changed"


def test_equal_contents_are_kept_once(opened: Workspace, contents: Contents, tmp_path: Path) -> None:
    noise = os.urandom(200_000)
    for name in ("a", "b", "c"):
        (opened.root / name).write_bytes(noise)
    Snapshots(opened, contents).take()
    assert 200_000 < contents.size() < 350_000


def test_a_link_is_kept_as_a_link_and_leads_nowhere(opened: Workspace, contents: Contents) -> None:
    (opened.root / "out").symlink_to("/etc")
    (opened.root / "up").symlink_to("..")
    name = bytes.fromhex(Snapshots(opened, contents).take().name)
    assert {entry.name: contents.get(entry.hash) for entry in contents.listing(name) or ()} == {
        b".": None,
        b"out": b"/etc",
        b"up": b"..",
    }


def test_the_largest_are_left_out_where_all_together_are_too_much(
    opened: Workspace, contents: Contents
) -> None:
    for name, size in (("a", 500), ("b", 900), ("c", 700)):
        (opened.root / name).write_bytes(b"x" * size)
    snapshots = Snapshots(opened, contents, Bounds(largest_total=1300))
    assert list(snapshots.take().left_out) == ["b"]
    # what is kept already takes no room, and does not leave for what comes
    (opened.root / "d").write_bytes(b"x" * 300)
    assert sorted(snapshots.take().left_out) == ["b", "d"]


def test_what_is_left_out_is_known_by_size_and_time(opened: Workspace, contents: Contents) -> None:
    big = opened.root / "big"
    big.write_bytes(b"x" * 2000)
    snapshots = Snapshots(opened, contents, Bounds(largest_file=1000))
    before = snapshots.take().name
    assert str(changes_between(contents, before, snapshots.take().name)) == "no file changed"
    os.utime(big, ns=(1, 1))
    assert str(changes_between(contents, before, snapshots.take().name)) == "changed big"


def test_a_file_that_vanishes_while_it_is_looked_at_is_not_there(
    opened: Workspace, contents: Contents
) -> None:
    class Late(Snapshots):
        def _file(self, path: str, *rest: object) -> object:  # type: ignore[override]
            (opened.root / "gone").unlink(missing_ok=True)
            return super()._file(path, *rest)  # type: ignore[arg-type]

    for name in ("gone", "stays"):
        (opened.root / name).write_text(name)
    tree = Tree(contents, bytes.fromhex(Late(opened, contents).take().name))
    assert (tree.get("gone"), tree.get("stays") is not None) == (None, True)


def test_a_deep_tree_is_compared_where_it_differs(opened: Workspace, contents: Contents) -> None:
    deep = opened.root.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    snapshots = Snapshots(opened, contents)
    before = snapshots.take().name
    (deep / "file").write_text("x")
    found = differences(contents, bytes.fromhex(before), bytes.fromhex(snapshots.take().name))
    assert [one.path for one in found] == ["a/b/c/d/e/f/g/h/file"]


# --- the store


def test_contents_are_readable_by_their_owner_alone_and_last(tmp_path: Path) -> None:
    store = Contents.beside(tmp_path / "journal.db")
    assert store.get(hash_of(b"x")) is None
    assert not list(tmp_path.iterdir())  # nothing was kept, so there is no file
    store.put([(hash_of(b"x" * 5000), b"x" * 5000)])
    store.close()
    assert (tmp_path / "journal.db-files").stat().st_mode & 0o777 == 0o600
    again = Contents.beside(tmp_path / "journal.db")
    assert again.get(hash_of(b"x" * 5000)) == b"x" * 5000
    again.close()


def test_a_content_that_is_not_what_was_kept_is_never_given(tmp_path: Path) -> None:
    store = Contents.beside(tmp_path / "journal.db")
    store.put([(hash_of(b"good"), b"good")])
    store.close()
    with sqlite3.connect(tmp_path / "journal.db-files") as database:
        database.execute("UPDATE contents SET content = ?", (b"evil",))
    database.close()
    with pytest.raises(CorruptJournal, match="not what was kept"):
        store.get(hash_of(b"good"))
    store.close()


def test_a_sweep_leaves_what_a_root_needs_and_forgets_the_index(
    opened: Workspace, contents: Contents
) -> None:
    (opened.root / "sub").mkdir()
    (opened.root / "sub/a").write_text("a")
    snapshots = Snapshots(opened, contents)
    os.setxattr(opened.root / "sub/a", "user.mark", b"kept")
    old = snapshots.take()
    first = bytes.fromhex(old.name)
    (opened.root / "sub/a").write_text("b")
    kept = snapshots.take()
    second = bytes.fromhex(kept.name)
    contents.set_index("w", b"index")
    with contents.held() as held:
        assert held
        # the file as it was, its folder, the root, and the times of both folders
        assert contents.sweep([second, bytes.fromhex(kept.times)]) == 5
    assert contents.listing(first) is None
    assert contents.times(bytes.fromhex(old.times)) is None
    assert len(list(differences(contents, b"", kept.state, times=True))) == 2  # all of it is still there
    attributes = Tree(contents, kept.state).folder("sub")[b"a"].attributes
    assert contents.get(attributes) is not None
    assert contents.get(hash_of(b"b")) == b"b"
    assert contents.index("w") is None


def test_a_store_without_a_file_is_gone_with_its_process(opened: Workspace) -> None:
    (opened.root / "a").write_text("a")
    store = Contents(None)
    name = Snapshots(opened, store).take().name
    assert store.has(bytes.fromhex(name))
    assert store.size() == 0
