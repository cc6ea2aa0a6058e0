"""Undo and owners: given back where the system allows it, asked about beforehand where it does not."""

import contextlib
import ctypes
import os
import stat
import struct
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from agentkit.core.events import CallFinished, CallIntended, ModelAsked
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.journal.contents import Entry, hash_of, listing_of
from agentkit.journal.memory import MemoryLog
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.snapshots.metadata import Powers
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoing import redo, undo
from agentkit.tooling.workspace import Workspace

from .test_undo import Bench, thing, tree
from .test_undo_kill import NOBODY, ROOT, named, nobodys

SOMEBODY = 12345
ALL = (range(2**32),)
REPLACED = "cp a.txt b; mv b a.txt; echo new > a.txt"


def ordinary(user: int = NOBODY, *groups: int) -> Powers:
    return Powers(user, frozenset(groups), 0, ALL, ALL)


@dataclass
class Bound(Bench):
    """A bench of a user to whom nothing here belongs, and who can give nothing away."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.snapshots = Snapshots(self.workspace, powers=ordinary)
        self.dispatcher.snapshots = self.snapshots


@pytest.fixture
def bound(workspace: Path) -> Iterator[Bound]:
    with Workspace.open(workspace) as opened:
        (workspace / "a.txt").write_text("old")
        yield Bound(opened)


async def test_code_is_asked_about_where_a_file_could_not_be_given_back_to_its_owner(bound: Bound) -> None:
    result = await bound.shell(REPLACED)
    assert result.outcome is Outcome.DENIED
    expected = (
        f'what code does to "a.txt" could not be undone: it belongs to user {os.geteuid()}, '
        "to whom this user cannot give a file back"
    )
    assert expected in bound.asked[0]
    assert (bound.root / "a.txt").read_text() == "old"


async def test_a_tool_that_writes_is_asked_about_for_that_file_and_for_no_other(bound: Bound) -> None:
    for path, outcome in (("a.txt", Outcome.DENIED), ("b.txt", Outcome.OK)):
        (result,) = await bound.step(("write_file", {"path": path, "content": "new"}))
        assert result.outcome is outcome, result.text
    (reason,) = bound.asked
    assert '"a.txt" could not be brought back as it is: it belongs to' in reason


@pytest.mark.parametrize(
    ("powers", "owner", "possible"),
    [
        (ordinary(7, 8), (7, 8), True),
        (ordinary(7, 8), (7, 9), False),
        (ordinary(7, 8), (9, 8), False),
        (Powers(7, frozenset(), 1, ALL, ALL), (9, 9), True),
        # the superuser of a container gives nothing to whom that does not know
        (Powers(0, frozenset({0}), 1, (range(100),), ALL), (NOBODY, 0), False),
        (Powers(0, frozenset({0}), 1, ALL, (range(100),)), (0, NOBODY), False),
    ],
)
def test_what_may_be_given_back_follows_from_what_the_process_may(
    powers: Powers, owner: tuple[int, int], possible: bool
) -> None:
    assert (powers.why_not_owner(owner) == "") is possible


def test_what_a_program_may_do_is_given_back_by_those_alone_who_may_give_it() -> None:
    own, program = (msgspec.msgpack.encode([(name, b"1")]) for name in (b"user.mark", b"security.capability"))
    assert (ordinary().why_not_attributes(own), ordinary().why_not_attributes(b"")) == ("", "")
    assert "security.capability" in ordinary().why_not_attributes(program)
    assert Powers(0, frozenset(), 1 << 31, ALL, ALL).why_not_attributes(program) == ""


def test_this_process_may_give_its_own_files_back() -> None:
    assert Powers.here().why_not_owner((os.geteuid(), os.getegid())) == ""


@pytest.mark.skipif(not ROOT, reason="only the superuser can give files to others")
async def test_the_superuser_gives_every_file_back_to_its_owner(workspace: Path) -> None:
    with Workspace.open(workspace) as opened:
        bench = Bench(opened)
        (workspace / "a.txt").write_text("old")
        (workspace / "sub").mkdir()
        (workspace / "link").symlink_to("a.txt")
        for number, name in enumerate(("a.txt", "sub", "link")):
            os.chown(workspace / name, SOMEBODY, SOMEBODY + number, follow_symlinks=False)
        (workspace / "a.txt").chmod(0o4755)
        before = tree(workspace)
        await bench.shell(REPLACED)
        await bench.shell("rm -r link sub; mkdir sub; ln -s b link; chown 1:2 a.txt")
        after = tree(workspace)
        assert after["a.txt"].owner == (1, 2)
        bench.undo(0)
        assert tree(workspace) == before
        bench.redo()
        assert tree(workspace) == after


@pytest.mark.skipif(not ROOT, reason="only the superuser can put a file of somebody else there")
async def test_what_could_not_be_given_back_holds_what_it_held_and_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "a.txt").write_text("old")
        before = thing(root / "a.txt")
        tools = installed_tools()  # found by who may read where they are installed
        os.chown(root, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            with Workspace.open(root) as opened:
                bench = Bench(opened, allow=True, tools=tools)
                await bench.shell(REPLACED)
                assert "it belongs to user 0" in bench.asked[0]
                done = bench.undo()
        finally:
            os.seteuid(0)
        assert done.not_given_back == ("a.txt",)
        assert "could not give the former owner or attributes to a.txt" in str(done)
        after = thing(root / "a.txt")
        assert (after.owner[0], after._replace(owner=before.owner)) == (NOBODY, before)


def as_before(snapshots: Snapshots) -> str:
    """The workspace kept as it was by an agentkit that knew no owners, attributes or times."""
    contents = snapshots.contents
    found = contents.listing(bytes.fromhex(snapshots.take().name)) or ()
    old = listing_of([Entry(one.name, one.mode, one.size, one.hash) for one in found if one.name != b"."])
    contents.put([(hash_of(old), old)])
    return hash_of(old).hex()


@pytest.mark.parametrize("later", [False, True])
def test_what_was_kept_before_owners_and_times_were_is_set_back_as_it_was_then(
    workspace: Path, *, later: bool
) -> None:
    (workspace / "a.txt").write_text("old")
    (workspace / "b.txt").write_text("old")
    with Workspace.open(workspace) as opened:
        log, snapshots = MemoryLog(), Snapshots(opened)
        log.append(ModelAsked(1, 0))
        made = ToolCall("c", "run_shell", {"command": "…"})
        log.append(CallIntended(made, Effect.EXECUTES, idempotent=False, snapshot=as_before(snapshots)))
        (workspace / "a.txt").write_text("new")
        os.utime(workspace / "b.txt", (5, 5))
        after = snapshots.take().name if later else as_before(snapshots)  # it went on by a new agentkit
        log.append(CallFinished(ToolResult("c", "run_shell", Outcome.OK, ""), after))
        assert undo(log, snapshots).changed == ("a.txt",)
        assert [(workspace / name).read_text() for name in ("a.txt", "b.txt")] == ["old", "old"]
        assert (workspace / "b.txt").stat().st_mtime == 5
        assert redo(log, snapshots).changed == ("a.txt",)
        assert (workspace / "a.txt").read_text() == "new"


@contextlib.contextmanager
def called(log: MemoryLog, snapshots: Snapshots) -> Generator[None]:
    """What the block does is done by a call."""
    log.append(ModelAsked(1, 0))
    made = ToolCall("c", "run_shell", {"command": "…"})
    log.append(CallIntended(made, Effect.EXECUTES, idempotent=False, **named(snapshots.take())))
    yield
    log.append(CallFinished(ToolResult("c", "run_shell", Outcome.OK, ""), **named(snapshots.take())))


@pytest.mark.skipif(not ROOT, reason="only the superuser can put a file of somebody else there")
def test_what_belongs_to_somebody_else_by_now_is_left_to_them_and_named() -> None:
    with nobodys() as root, Workspace.open(root) as opened:
        log, snapshots = MemoryLog(), Snapshots(opened)
        (root / "a.txt").write_text("old")
        (root / "a.txt").chmod(0o640)
        (root / "link").symlink_to("old")
        with called(log, snapshots):
            for name in ("a.txt", "link"):
                (root / name).unlink()
        os.seteuid(0)
        (root / "a.txt").write_text("old")
        (root / "link").symlink_to("old")
        theirs = tree(root)
        os.seteuid(NOBODY)
        done = undo(log, snapshots, force=True)
        assert done.not_given_back == ("a.txt", "link")
        assert [tree(root)[name] for name in done.not_given_back] == [
            theirs[name] for name in done.not_given_back
        ]


@pytest.mark.skipif(not ROOT, reason="only the superuser can put a file of somebody else there")
def test_a_program_that_did_not_get_its_owner_back_does_not_run_as_another_one() -> None:
    with nobodys() as root, Workspace.open(root) as opened:
        log, snapshots = MemoryLog(), Snapshots(opened)
        os.seteuid(0)
        (root / "program").write_text("old")
        (root / "program").chmod(0o6755)
        os.seteuid(NOBODY)
        with called(log, snapshots):
            (root / "program").unlink()
        assert undo(log, snapshots).not_given_back == ("program",)
        after = thing(root / "program")
        assert (after.owner[0], stat.S_IMODE(after.mode)) == (NOBODY, 0o755)


def test_a_write_protected_file_gets_its_attributes_back() -> None:
    with nobodys() as root, Workspace.open(root) as opened:
        log, snapshots = MemoryLog(), Snapshots(opened)
        (root / "a.txt").write_text("old")
        os.setxattr(root / "a.txt", "user.mark", b"old")
        (root / "a.txt").chmod(0o444)
        before = tree(root)
        with called(log, snapshots):
            (root / "a.txt").chmod(0o644)
            os.setxattr(root / "a.txt", "user.mark", b"new")
            (root / "a.txt").chmod(0o444)
        assert undo(log, snapshots).not_given_back == ()
        assert tree(root) == before


NEW_USERS = 0x10000000
"""`CLONE_NEWUSER` of linux/sched.h."""


def in_a_namespace_of_one_user(act: Callable[[], None]) -> None:
    """Act in a process for which there is no user but its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if ctypes.CDLL(None).unshare(NEW_USERS) != 0:
                status = 2
            else:
                for name, text in (("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1")):
                    Path("/proc/self", name).write_text(text)
                act()
                status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 2:
        pytest.skip("this machine allows no further user namespaces")
    assert status == 0


@pytest.mark.skipif(not ROOT, reason="only the superuser can put a file of somebody else there")
def test_where_there_is_no_such_user_an_undo_ends_and_names_what_was_theirs(workspace: Path) -> None:
    (workspace / "a.txt").write_text("old")
    (workspace / "a.txt").chmod(0o666)
    (workspace / "link").symlink_to("old")
    for name in ("a.txt", "link"):
        os.chown(workspace / name, SOMEBODY, SOMEBODY, follow_symlinks=False)

    def replace_and_undo() -> None:
        with Workspace.open(workspace) as opened:
            log, snapshots = MemoryLog(), Snapshots(opened)
            with called(log, snapshots):
                (workspace / "a.txt").write_text("new")
                (workspace / "link").unlink()
                (workspace / "link").symlink_to("new")
            assert undo(log, snapshots).not_given_back == ("a.txt", "link")

    in_a_namespace_of_one_user(replace_and_undo)
    assert (workspace / "a.txt").read_text() == "old"
    assert str((workspace / "link").readlink()) == "old"


@pytest.mark.skipif(not ROOT, reason="only the superuser can say what a program may do")
def test_a_look_ahead_finds_what_a_program_may_do_as_a_run_does(workspace: Path) -> None:
    (workspace / "sub").mkdir()
    (workspace / "sub/program").write_text("old")
    # struct vfs_cap_data of linux/capability.h: revision 2, and CAP_NET_BIND_SERVICE as permitted
    capability = struct.pack("<5I", 0x02000000, 1 << 10, 0, 0, 0)
    os.setxattr(workspace / "sub/program", "security.capability", capability)
    with Workspace.open(workspace) as opened:
        snapshots = Snapshots(opened, powers=lambda: ordinary(0, 0))
        _, ahead = snapshots.survey()
        assert ahead == snapshots.take().not_given_back
        assert list(ahead) == ["sub/program"]


def test_a_look_ahead_finds_what_cannot_be_read_as_a_run_does() -> None:
    with nobodys() as root, Workspace.open(root) as opened:
        (root / "closed").write_text("old")
        (root / "closed").chmod(0)
        snapshots = Snapshots(opened)
        ahead, _ = snapshots.survey()
        assert ahead == snapshots.take().left_out
        assert list(ahead) == ["closed"]
