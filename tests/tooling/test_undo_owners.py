"""Undo and owners: given back where the system allows it, asked about beforehand where it does not."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from agentkit.core.events import CallFinished, CallIntended, ModelAsked
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.journal.contents import Entry, hash_of, listing_of
from agentkit.journal.memory import MemoryLog
from agentkit.tooling.snapshots.metadata import Powers
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoing import redo, undo
from agentkit.tooling.workspace import Workspace

from .test_undo import Bench, thing, tree

ROOT = os.geteuid() == 0
SOMEBODY = 12345
NOBODY = 65534
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
        os.chown(root, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            with Workspace.open(root) as opened:
                bench = Bench(opened, allow=True)
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
