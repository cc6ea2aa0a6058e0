"""An undo that is killed between any two of its changes, and what running it again makes of that."""

import contextlib
import os
import signal
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest

from agentkit.core.errors import UndoRefused, UsageError, WorkspaceError
from agentkit.core.events import (
    CallFinished,
    CallIntended,
    FilesSet,
    FilesSetting,
    ModelAnswered,
    ModelAsked,
    RunResumed,
)
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.core.usage import Usage
from agentkit.journal.memory import MemoryLog
from agentkit.journal.run_log import JournalLog
from agentkit.journal.store import Journal
from agentkit.tooling.snapshots.taking import Snapshot, Snapshots
from agentkit.tooling.snapshots.undoing import redo, require_whole, undo
from agentkit.tooling.workspace import Workspace

from .test_undo import Tree, tree

NOBODY = 65534
ROOT = os.geteuid() == 0
CHANGES = (
    "unlink", "rmdir", "mkdir", "rename", "symlink", "write", "ftruncate",
    "chmod", "chown", "utime", "setxattr", "removexattr",
)  # fmt: skip
"""The system calls that an undo changes a workspace by."""
MINE = ("touched", "touched folder")
"""What the run gave another time, and the person one more."""


def begin(root: Path) -> None:
    for folder in ("full/deep", "sub", "closed", "shut", "touched folder"):
        (root / folder).mkdir(parents=True)
    for path in (
        "a.txt", "b.txt", "full/one", "full/deep/two", "told of", "read only", "several", "closed/in",
        "shut/in", "touched",
    ):  # fmt: skip
        (root / path).write_text(f"this is {path}\n")
    for path, mode in (("told of", 0o640), ("read only", 0o444)):
        os.setxattr(root / path, "user.old", b"1")
        (root / path).chmod(mode)
    os.link(root / "several", root / "sub/names")
    (root / "link").symlink_to("a.txt")
    (root / "sub").chmod(0o750)
    for folder in ("closed", "shut"):
        (root / folder).chmod(0o550)


def wreck(root: Path) -> None:
    (root / "a.txt").write_text("other")
    (root / "b.txt").unlink()
    (root / "b.txt").mkdir()
    (root / "b.txt/in").write_text("in")
    (root / "full/deep/two").unlink()
    (root / "full/deep").rmdir()
    (root / "full/one").chmod(0o600)
    (root / "link").unlink()
    (root / "new").mkdir()
    (root / "new/x").write_text("x")
    (root / "sub").chmod(0o700)
    for path, mode in (("told of", 0o600), ("read only", 0o444)):
        (root / path).chmod(0o600)
        os.removexattr(root / path, "user.old")
        os.setxattr(root / path, "user.new", b"2")
        (root / path).chmod(mode)
    if os.geteuid() == 0:
        os.chown(root / "told of", 1, 2)
    (root / "several").write_text("other, and longer than what it held before\n")
    (root / "several").chmod(0o600)
    (root / "closed/in").write_text("other")  # which leaves the folder as it is
    (root / "shut").chmod(0o750)
    (root / "shut/in").unlink()
    (root / "shut").chmod(0o550)
    for path in ("told of", *MINE):
        os.utime(root / path, (1, 1))


class Named(TypedDict):
    """A kept state, as the events have it."""

    snapshot: str
    modified: str


def named(now: Snapshot) -> Named:
    return {"snapshot": now.name, "modified": now.times}


def record_call(log: JournalLog, snapshots: Snapshots, root: Path, *, ends: bool = True) -> None:
    """A call that wrecks the workspace; one that does not end is one whose process was killed."""
    call = ToolCall("c1", "run_shell", {"command": "…"})
    log.append(ModelAsked(1, 0))
    log.append(ModelAnswered(1, AssistantMessage("", (call,)), Usage(), 0.0))
    log.append(CallIntended(call, Effect.EXECUTES, idempotent=False, **named(snapshots.take())))
    wreck(root)
    if ends:
        log.append(CallFinished(ToolResult("c1", "run_shell", Outcome.OK, ""), **named(snapshots.take())))


def record_write(log: JournalLog, snapshots: Snapshots, path: Path, text: str) -> None:
    """A second call, which writes a file and ends."""
    call = ToolCall("c2", "write_file", {"path": "…"})
    log.append(ModelAsked(2, 0))
    log.append(ModelAnswered(2, AssistantMessage("", (call,)), Usage(), 0.0))
    log.append(CallIntended(call, Effect.WRITES, idempotent=True, **named(snapshots.take())))
    path.write_text(text)
    log.append(CallFinished(ToolResult("c2", "write_file", Outcome.OK, ""), **named(snapshots.take())))


def killed_at(count: int, journal: Path, run_id: str, workspace: Path) -> bool:
    """Undo in a process of its own that is killed before its change number `count`; whether it was."""
    child = os.fork()
    if child == 0:
        left = count

        def counted(real: Any) -> Any:
            def change(*arguments: Any, **options: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*arguments, **options)

            return change

        for name in CHANGES:
            setattr(os, name, counted(getattr(os, name)))
        try:
            reset(journal, run_id, workspace)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def reset(journal: Path, run_id: str, workspace: Path, how: Any = undo, **options: Any) -> Any:
    with (
        Journal.open(journal) as opened,
        opened.resume(run_id) as log,
        Workspace.open(workspace) as place,
    ):
        return how(log, Snapshots(place, log.contents), **options)


def recorded(journal: Path, workspace: Path, *, ends: bool = True) -> tuple[str, Tree, Tree]:
    begin(workspace)
    before = tree(workspace)
    with Journal.open(journal) as opened, opened.start() as log, Workspace.open(workspace) as place:
        record_call(log, Snapshots(place, log.contents), workspace, ends=ends)
        return log.run_id, before, tree(workspace)


def events(journal: Path, run_id: str) -> list[Any]:
    with Journal.open(journal) as opened:
        return [one.event for one in opened.events(run_id)]


def test_an_undo_that_is_killed_anywhere_is_completed_by_the_next(workspace: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run_id, before, after = recorded(journal, workspace)
    for path in MINE:
        os.utime(workspace / path, (5, 5))
        before[path], after[path] = (one[path]._replace(modified=5 * 10**9) for one in (before, after))
    count, cut_off = 0, 0
    while True:
        count += 1
        killed = killed_at(count, journal, run_id, workspace)
        if not killed:
            break
        if isinstance(events(journal, run_id)[-1], FilesSetting):
            cut_off += 1
            assert reset(journal, run_id, workspace).completed
        else:
            reset(journal, run_id, workspace)
        assert tree(workspace) == before
        assert isinstance(events(journal, run_id)[-1], FilesSet)
        reset(journal, run_id, workspace, redo)
        assert tree(workspace) == after
    assert cut_off > 12
    assert tree(workspace) == before


def test_a_redo_completes_what_was_cut_off_too_and_nothing_more(workspace: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run_id, before, _ = recorded(journal, workspace)
    assert killed_at(4, journal, run_id, workspace)
    assert reset(journal, run_id, workspace, redo).completed
    assert tree(workspace) == before


def test_what_the_person_changed_after_the_kill_is_not_covered(workspace: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run_id, before, _ = recorded(journal, workspace)
    assert killed_at(4, journal, run_id, workspace)
    (workspace / "a.txt").write_text("mine")
    with pytest.raises(UndoRefused, match=r"a\.txt"):
        reset(journal, run_id, workspace)
    assert reset(journal, run_id, workspace, force=True).completed
    assert tree(workspace) == before


def test_a_time_that_the_person_set_after_the_kill_stays(workspace: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run_id, before, _ = recorded(journal, workspace)
    assert killed_at(4, journal, run_id, workspace)
    os.utime(workspace / "touched", (5, 5))
    before["touched"] = before["touched"]._replace(modified=5 * 10**9)
    assert reset(journal, run_id, workspace).completed
    assert tree(workspace) == before


def test_a_run_is_not_resumed_on_files_that_are_half_set_back(workspace: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run_id, _, _ = recorded(journal, workspace)
    assert killed_at(4, journal, run_id, workspace)
    told = pytest.raises(UsageError, match=f"complete it first: agentkit runs undo {run_id}")
    with Journal.open(journal) as opened, opened.resume(run_id) as log, told:
        require_whole(log)


def test_of_a_call_that_was_killed_nobody_knows_what_it_changed(workspace: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run_id, before, after = recorded(journal, workspace, ends=False)
    with pytest.raises(UndoRefused, match="nobody knows whether the run changed it"):
        reset(journal, run_id, workspace)
    reset(journal, run_id, workspace, force=True)
    assert tree(workspace) == before
    reset(journal, run_id, workspace, redo)
    assert tree(workspace) == after
    with pytest.raises(UndoRefused, match="nobody knows whether the run changed it"):
        reset(journal, run_id, workspace)


def test_a_resumed_run_does_not_know_either_who_changed_what_since_the_kill(
    workspace: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal.db"
    run_id, before, _ = recorded(journal, workspace, ends=False)
    (workspace / "aa").write_text("my own words")
    with Journal.open(journal) as opened, opened.resume(run_id) as log, Workspace.open(workspace) as place:
        snapshots = Snapshots(place, log.contents)
        log.append(RunResumed(1))
        unknown = ToolResult("c1", "run_shell", Outcome.UNKNOWN, "outcome unknown")
        log.append(CallFinished(unknown, **named(snapshots.take())))
        record_write(log, snapshots, workspace / "aa", "the run's words")
    with pytest.raises(UndoRefused, match=r"aa.*nobody knows whether the run changed it"):
        reset(journal, run_id, workspace, to=0)
    reset(journal, run_id, workspace)  # what it did after that, it knows
    assert (workspace / "aa").read_text() == "my own words"
    reset(journal, run_id, workspace, force=True)
    assert tree(workspace) == before


@contextlib.contextmanager
def nobodys() -> Generator[Path]:
    """A workspace of somebody who is bound by permissions, unlike the superuser, and runs the block."""
    with tempfile.TemporaryDirectory() as folder:
        if ROOT:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            if ROOT:
                os.seteuid(0)


@pytest.fixture
def owned() -> Iterator[Path]:
    with nobodys() as workspace:
        yield workspace


def test_folders_that_are_closed_to_their_owner_are_opened_for_as_long_as_it_takes(owned: Path) -> None:
    workspace = owned
    (workspace / "closed/below").mkdir(parents=True)
    for path in ("closed/file", "closed/below/file", "closed/other"):
        (workspace / path).write_text(path)
    for path, mode in (("closed/below", 0o500), ("closed/other", 0o400), ("closed", 0o500)):
        (workspace / path).chmod(mode)
    before = tree(workspace)
    log = MemoryLog()
    with Workspace.open(workspace) as place:
        snapshots = Snapshots(place)
        call = ToolCall("c1", "run_shell", {"command": "…"})
        log.append(ModelAsked(1, 0))
        log.append(CallIntended(call, Effect.EXECUTES, idempotent=False, **named(snapshots.take())))
        for folder in ("closed", "closed/below"):
            (workspace / folder).chmod(0o700)
        (workspace / "closed/below/file").unlink()
        (workspace / "closed/other").unlink()
        (workspace / "closed/new").write_text("new")
        for folder in ("closed/below", "closed"):
            (workspace / folder).chmod(0o500)
        after = tree(workspace)
        log.append(CallFinished(ToolResult("c1", "run_shell", Outcome.OK, ""), **named(snapshots.take())))
        undo(log, snapshots)
        assert tree(workspace) == before
        redo(log, snapshots)
        assert tree(workspace) == after
    for folder in ("closed", "closed/below"):
        (workspace / folder).chmod(0o700)


def test_folders_that_cannot_be_looked_into_are_left_out_and_the_workspace_must_not_be(owned: Path) -> None:
    for name, mode in (("unlisted", 0o300), ("listed only", 0o400)):
        (owned / name).mkdir()
        (owned / name / "file").write_text("x")
        (owned / name).chmod(mode)
    with Workspace.open(owned) as place:
        snapshots = Snapshots(place)
        assert sorted(snapshots.take().left_out) == ["listed only", "unlisted"]
        owned.chmod(0o000)
        with pytest.raises(WorkspaceError, match="can no longer be kept: it cannot be listed"):
            snapshots.take()
        owned.chmod(0o700)
    for name in ("unlisted", "listed only"):
        (owned / name).chmod(0o700)
