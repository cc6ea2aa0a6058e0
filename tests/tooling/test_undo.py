"""Undo and redo: of every kind of change, in the face of somebody else's, and after a kill."""

import asyncio
import os
import shlex
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.errors import JournalError, UndoRefused, UsageError
from agentkit.core.events import CallDecided, FilesLeftOut, FilesSet, FilesSetting, ModelAnswered, ModelAsked
from agentkit.core.messages import AssistantMessage, ToolCall
from agentkit.core.tools import Outcome, ToolResult
from agentkit.core.usage import Usage
from agentkit.journal.contents import Contents, hash_of
from agentkit.journal.memory import MemoryLog
from agentkit.journal.store import Journal
from agentkit.tooling.context import ToolContext
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.dispatch import Dispatcher
from agentkit.tooling.policy import Policy
from agentkit.tooling.sandbox import Finished, Limits
from agentkit.tooling.snapshots.coverage import Bounds
from agentkit.tooling.snapshots.taking import Snapshots
from agentkit.tooling.snapshots.undoing import redo, undo
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace


class Thing(NamedTuple):
    """What a file or folder is."""

    mode: int
    held: bytes
    owner: tuple[int, int]
    attributes: tuple[tuple[str, bytes], ...]
    modified: int


Tree = dict[str, Thing]


def tree(root: Path) -> Tree:
    """A folder and everything below it."""
    found = {".": thing(root)}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            found[str(path.relative_to(root))] = thing(path)
    return found


def thing(path: Path) -> Thing:
    status = path.lstat()
    held, attributes = b"", ()
    if stat.S_ISLNK(status.st_mode):
        held = os.fsencode(path.readlink())
    else:
        names = sorted(os.listxattr(path))
        attributes = tuple((name, os.getxattr(path, name)) for name in names)
    if stat.S_ISREG(status.st_mode):
        held = path.read_bytes()
    return Thing(status.st_mode, held, (status.st_uid, status.st_gid), attributes, status.st_mtime_ns)


@dataclass
class Unconfined:
    """A sandbox that confines nothing: these commands are the test's own."""

    name: str = "unconfined"

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: Limits = Limits(),  # noqa: B008
        stdin: bytes = b"",
        on_output: Callable[[bytes], None] | None = None,
        writable: bool = True,
        extra_env: Mapping[str, str] | None = None,
    ) -> Finished:
        done = await asyncio.to_thread(
            subprocess.run, argv, cwd=workspace, input=stdin, capture_output=True, check=False
        )
        return Finished(done.returncode, None, done.stdout + done.stderr, 0.0)


@dataclass
class Bench:
    """A run whose calls the test makes."""

    workspace: Workspace
    bounds: Bounds = field(default_factory=Bounds)
    contents: Contents | None = None
    log: MemoryLog = field(default_factory=MemoryLog)
    asked: list[str] = field(default_factory=list)
    tools: dict[str, Tool] = field(default_factory=installed_tools)
    steps: int = 0
    allow: bool = False
    """What the person says to all that is asked."""

    def __post_init__(self) -> None:
        self.root = self.workspace.root
        self.snapshots = Snapshots(self.workspace, self.contents, self.bounds)
        self.dispatcher = Dispatcher(
            tools=self.tools,
            policy=Policy(),
            context=lambda _: ToolContext(self.workspace, sandbox=Unconfined),
            log=self.log,
            record=lambda event, **lasting: self.log.append(event, **lasting) and None,
            snapshots=self.snapshots,
            approver=self._approves,
        )

    async def _approves(self, _tool: object, _call: object, reason: str) -> bool:
        self.asked.append(reason)
        return self.allow

    async def step(self, *calls: tuple[str, dict[str, Any]]) -> list[ToolResult]:
        """One answer of the model with these calls, performed."""
        self.steps += 1
        made = tuple(ToolCall(f"c{self.steps}.{n}", name, given) for n, (name, given) in enumerate(calls))
        self.log.append(ModelAsked(self.steps, 0))
        self.log.append(ModelAnswered(self.steps, AssistantMessage("", made), Usage(), 0.0))
        return [await self.dispatcher.perform(call) for call in made]

    async def shell(self, command: str) -> ToolResult:
        """One step with one command."""
        return (await self.step(("run_shell", {"command": command})))[0]

    def undo(self, to: int | None = None, *, force: bool = False) -> Any:
        return undo(self.log, self.snapshots, to, force=force)

    def redo(self, *, force: bool = False) -> Any:
        return redo(self.log, self.snapshots, force=force)


@pytest.fixture
def bench(workspace: Path) -> Iterator[Bench]:
    with Workspace.open(workspace) as opened:
        yield Bench(opened)


SET_ATTRIBUTES = (
    'python3 -c \'import os; os.removexattr("a.txt", "user.mark"); '
    'os.setxattr("a.txt", "user.new", b"1"); os.setxattr("full", "user.new", b"2")\''
)
EFFECTS = {
    "content": "echo new > a.txt",
    "permissions": "chmod 751 a.txt; chmod 700 sub",
    "removal": "rm -r a.txt sub full",
    "new things": "mkdir -p x/y; echo 1 > x/y/z; mkdir empty; ln -s ../a.txt x/link",
    "a file for a folder": "rm -r full; echo file > full",
    "a folder for a file": "rm a.txt; mkdir a.txt; echo in > a.txt/b",
    "a link for a file": "ln -sf full/one a.txt",
    "a link for a folder": "rm -r full; ln -s sub full",
    "another target": "ln -sfn full link",
    "a file for a link": "rm link; echo file > link",
    "moves": "mv full sub/; mv a.txt b.txt",
    "a name that is no text": "touch $(printf 'b\\377d'); rm $(printf 'o\\377d')",
    "permissions of a folder and its content": "chmod 500 full; rm -rf sub",
    "a pipe": "mkfifo pipe",
    "nothing is left": "rm -rf * .hidden",
    "git's folder": "echo broken > .git/HEAD",
    "times": "touch -d 2001-02-03 a.txt sub/three; touch -h -d 2001-02-03 link; touch -d @0 full .",
    "the folder itself": "chmod 711 .; touch -d 2001-02-03 .",
    "attributes": SET_ATTRIBUTES,
    "attributes that go with a file": "cp a.txt b; mv b a.txt; rm -r sub; mkdir sub",
}


def furnish(root: Path) -> None:
    """Some of every kind."""
    for path in ("full/deep", "sub", "bare", ".git"):
        (root / path).mkdir(parents=True)
    for path in ("a.txt", "full/one", "full/deep/two", "sub/three", ".hidden", ".git/HEAD"):
        (root / path).write_text(f"this is {path}\n")
    (root / "a.txt").chmod(0o640)
    (root / "link").symlink_to("sub")
    (root / "full/dangling").symlink_to("nowhere")
    for path in ("a.txt", "sub"):
        os.setxattr(root / path, "user.mark", b"kept")
    Path(os.fsdecode(os.fsencode(root) + b"/o\xffd")).write_bytes(b"\0\xff")


@pytest.mark.parametrize("name", EFFECTS)
async def test_an_undo_gives_the_former_tree_back_and_a_redo_the_later(bench: Bench, name: str) -> None:
    furnish(bench.root)
    before = tree(bench.root)
    result = await bench.shell(EFFECTS[name])
    assert result.outcome is Outcome.OK, result.text
    after = tree(bench.root)
    assert after != before
    bench.undo(force=name == "a pipe")
    assert tree(bench.root) == before
    if name != "a pipe":
        bench.redo()
        assert tree(bench.root) == after
        bench.undo()
        assert tree(bench.root) == before


async def test_one_undo_takes_back_one_step_and_to_says_how_many(bench: Bench) -> None:
    for text in ("one", "two", "three"):
        await bench.shell(f"echo {text} > a.txt; echo {text} > {text}.txt")
    done = bench.undo()
    assert (done.steps, done.changed, done.removed) == ((3,), ("a.txt",), ("three.txt",))
    assert (bench.root / "a.txt").read_text() == "two\n"
    assert bench.undo(0).steps == (1, 2)
    assert list(tree(bench.root)) == ["."]
    assert (bench.redo().steps, bench.redo().steps) == ((1, 2), (3,))
    assert (bench.root / "a.txt").read_text() == "three\n"
    with pytest.raises(UsageError, match="no undo that could be taken back"):
        bench.redo()


async def test_steps_that_change_nothing_are_passed_over(bench: Bench) -> None:
    await bench.shell("echo 1 > a.txt")
    await bench.shell("cat a.txt")
    assert bench.undo().steps == (1,)
    with pytest.raises(UsageError, match="has changed no files that are not set back already"):
        bench.undo()


async def test_what_only_set_times_goes_with_the_step_before_it(bench: Bench) -> None:
    before = tree(bench.root)
    await bench.shell("echo 1 > a.txt")
    await bench.shell("echo 1 > kept.txt")
    between = tree(bench.root)
    await bench.shell("echo 2 > a.txt")
    await bench.shell("touch -d 2001-02-03 kept.txt; touch gone; rm gone")
    done = bench.undo()
    assert (done.steps, done.changed) == ((3, 4), ("a.txt", "kept.txt"))
    assert tree(bench.root) == between
    bench.undo(0)
    assert tree(bench.root) == before


async def test_a_time_alone_is_set_back_too_and_no_change_that_is_told_of(bench: Bench) -> None:
    (bench.root / "a.txt").write_text("1")
    before = tree(bench.root)
    await bench.shell("touch -d 2001-02-03 a.txt")
    assert bench.undo().changed == ("a.txt",)
    assert tree(bench.root) == before


@pytest.mark.parametrize("to", [-1, 2])
async def test_a_step_that_is_not_there_is_refused(bench: Bench, to: int) -> None:
    await bench.shell("echo 1 > a.txt")
    with pytest.raises(UsageError, match=f"no step {to}; it can be undone to 0 to 1"):
        bench.undo(to)


async def test_after_an_undo_the_run_goes_on_and_can_be_undone_further(bench: Bench) -> None:
    await bench.shell("echo 1 > a.txt")
    await bench.shell("echo 2 > a.txt")
    bench.undo()
    await bench.shell("echo 3 > a.txt")
    with pytest.raises(UsageError, match="or the run went on after it"):
        bench.redo()
    assert bench.undo().steps == (3,)
    assert (bench.root / "a.txt").read_text() == "1\n"
    assert bench.undo().steps == (1,)
    assert list(tree(bench.root)) == ["."]


# --- what others did


async def test_an_undo_leaves_alone_what_the_run_did_not_touch(bench: Bench) -> None:
    await bench.shell("mkdir made; echo 1 > made/a.txt")
    (bench.root / "made/mine.txt").write_text("mine")
    bench.undo()
    assert sorted(tree(bench.root)) == [".", "made", "made/mine.txt"]


async def test_an_undo_refuses_to_cover_what_the_person_changed_since(bench: Bench) -> None:
    (bench.root / "a.txt").write_text("old")
    await bench.shell("echo run > a.txt; echo run > b.txt")
    (bench.root / "a.txt").write_text("mine")
    before = tree(bench.root)
    with pytest.raises(
        UndoRefused, match=r"because of a\.txt: it is not as the run left it.*--force"
    ) as refused:
        bench.undo()
    assert refused.value.paths == ("a.txt",)
    assert tree(bench.root) == before
    done = bench.undo(force=True)
    assert done.covered == ("a.txt",)
    assert (bench.root / "a.txt").read_text() == "old"
    bench.redo()
    assert tree(bench.root) == before


async def test_a_change_between_two_steps_is_not_covered_either(bench: Bench) -> None:
    await bench.shell("echo 1 > a.txt")
    (bench.root / "a.txt").write_text("mine")
    await bench.shell("echo 2 >> a.txt")
    with pytest.raises(UndoRefused):
        bench.undo(0)
    bench.undo()
    assert (bench.root / "a.txt").read_text() == "mine"


async def test_a_folder_that_takes_a_files_place_again_must_not_bury_it(bench: Bench) -> None:
    (bench.root / "a").write_text("file")
    await bench.shell("rm a; mkdir a; echo 1 > a/run")
    (bench.root / "a/mine").write_text("mine")
    with pytest.raises(UndoRefused, match="a/mine"):
        bench.undo()
    bench.undo(force=True)
    assert (bench.root / "a").read_text() == "file"
    bench.redo()
    assert (bench.root / "a/mine").read_text() == "mine"


async def test_what_stands_where_a_folder_was_is_not_covered(bench: Bench) -> None:
    (bench.root / "a").mkdir()
    (bench.root / "a/b").write_text("b")
    await bench.shell("rm a/b")
    (bench.root / "a").rmdir()
    (bench.root / "a").symlink_to("/tmp")
    with pytest.raises(UndoRefused, match="a: it is not"):
        bench.undo()
    bench.undo(force=True)
    assert (bench.root / "a/b").read_text() == "b"
    assert not (bench.root / "a").is_symlink()


async def test_a_time_that_a_person_set_or_a_file_that_they_changed_since_stays(bench: Bench) -> None:
    for name in ("changed", "touched", "as left"):
        (bench.root / name).write_text("old")
    before = tree(bench.root)
    await bench.shell("echo new > a.txt; touch -d 2001-02-03 changed touched 'as left'")
    (bench.root / "changed").write_text("mine")
    os.utime(bench.root / "touched", (5, 5))
    (bench.root / "mine").write_text("mine")
    mine = tree(bench.root)
    bench.undo()
    after = tree(bench.root)
    assert [after[name] for name in (".", "changed", "touched")] == [
        mine[name] for name in (".", "changed", "touched")
    ]
    assert after["as left"] == before["as left"]
    assert "a.txt" not in after


async def test_a_file_with_a_second_name_outside_is_set_back_under_both(bench: Bench, tmp_path: Path) -> None:
    (bench.root / "a").write_text("old")
    os.link(bench.root / "a", tmp_path / "outside")
    await bench.shell("echo new > a")
    bench.undo()
    assert (tmp_path / "outside").read_text() == "old"
    assert (tmp_path / "outside").samefile(bench.root / "a")


async def test_a_second_name_that_the_run_made_does_not_lead_an_undo_elsewhere(bench: Bench) -> None:
    (bench.root / "a").write_text("a")
    (bench.root / "b").write_text("b")
    await bench.shell("ln -f b a")
    bench.undo()
    assert [(bench.root / name).read_text() for name in ("a", "b")] == ["a", "b"]


@pytest.mark.parametrize("damage", ["UPDATE contents SET content = x'00'", "DELETE FROM contents"])
async def test_nothing_is_changed_where_a_content_is_not_what_was_kept(
    workspace: Path, tmp_path: Path, damage: str
) -> None:
    (workspace / "a.txt").write_text("old")
    (workspace / "b.txt").write_text("old too")
    with Workspace.open(workspace) as opened, Journal.open(tmp_path / "j.db") as journal:
        bench = Bench(opened, contents=journal.contents)
        await bench.shell("rm *")
        hashed = hash_of(b"old too")
        with sqlite3.connect(tmp_path / "j.db-files") as database:
            database.execute(f"{damage} WHERE hash = ?", (hashed,))
        database.close()
        with pytest.raises(JournalError):
            bench.undo(force=True)
        assert list(tree(workspace)) == ["."]
        assert not any(isinstance(one.event, FilesSetting) for one in bench.log.events())


# --- what is told


async def test_an_undo_is_an_event_that_tells_the_model(bench: Bench) -> None:
    await bench.shell("echo 1 > a.txt")
    bench.undo()
    event = bench.log.events()[-1].event
    assert isinstance(event, FilesSet)
    assert event.text.startswith("The person undid what step 1 did to the files: removed a.txt.")


# --- approval by undoability


async def test_code_is_asked_about_where_something_is_not_kept(workspace: Path) -> None:
    (workspace / "big.bin").write_bytes(b"x" * 2000)
    with Workspace.open(workspace) as opened:
        bench = Bench(opened, Bounds(largest_file=1000))
        result = await bench.shell("echo > big.bin")
    assert result.outcome is Outcome.DENIED
    assert 'what code does to "big.bin" could not be undone' in bench.asked[0]
    assert (workspace / "big.bin").stat().st_size == 2000
    said = [one.event for one in bench.log.events() if isinstance(one.event, FilesLeftOut)]
    assert [(file.path, event.count) for event in said for file in event.files] == [("big.bin", 1)]


@pytest.mark.parametrize(
    ("bounds", "path"),
    [
        (Bounds(largest_file=1000), "big.bin"),
        (Bounds(largest_total=1500), "big.bin"),
        (Bounds(ignored=("kept",)), "kept/big.bin"),
        (Bounds(ignored=("*.bin",)), "big.bin"),
        (Bounds(ignored=("kept/big.bin",)), "kept/big.bin"),
    ],
)
async def test_a_tool_that_writes_is_asked_about_for_what_is_not_kept_and_for_nothing_else(
    workspace: Path, bounds: Bounds, path: str
) -> None:
    (workspace / "kept").mkdir()
    (workspace / path).write_bytes(b"x" * 2000)
    (workspace / "small.txt").write_text("small")
    (workspace / "alias").symlink_to(path)
    with Workspace.open(workspace) as opened:
        bench = Bench(opened, bounds)
        spellings = [path, f"./{path}", f"{workspace}/{path}"]
        for spelling in spellings:
            await bench.step(("write_file", {"path": spelling, "content": "gone"}))
        assert len(bench.asked) == len(spellings)
        above = path.partition("/")[0]
        await bench.step(("delete_file", {"path": above, "recursive": True}))
        assert len(bench.asked) == len(spellings) + 1
        # by another name nobody would be asked, and so it stays
        for spelling in ("alias", f"kept/../{path}"):
            [result] = await bench.step(("write_file", {"path": spelling, "content": "gone"}))
            assert result.outcome in (Outcome.FAILED, Outcome.DENIED)
        assert (workspace / path).stat().st_size == 2000
        [result] = await bench.step(("write_file", {"path": "small.txt", "content": "new"}))
        assert result.outcome is Outcome.OK
        bench.undo()
    assert (workspace / "small.txt").read_text() == "small"


async def test_what_a_redo_could_not_bring_back_is_not_removed_unasked(workspace: Path) -> None:
    with Workspace.open(workspace) as opened:
        bench = Bench(opened, Bounds(largest_file=1000, ignored=("cache",)))
        await bench.shell(
            "mkdir -p cache/deep; echo 1 > cache/deep/file; head -c 2000 /dev/zero > big; echo > a"
        )
        assert bench.asked == []
        with pytest.raises(UndoRefused, match="so a redo would not bring it back") as refused:
            bench.undo()
        assert refused.value.paths == ("big", "cache")
        bench.undo(force=True)
        assert list(tree(workspace)) == ["."]


async def test_what_was_not_kept_is_named_when_it_cannot_be_brought_back(workspace: Path) -> None:
    (workspace / "big.bin").write_bytes(b"x" * 2000)
    with Workspace.open(workspace) as opened:
        bench = Bench(opened, Bounds(largest_file=1000))
        bench.dispatcher.policy = Policy(allow=frozenset({"run_shell"}))
        await bench.shell("rm big.bin; echo 1 > a.txt")
        with pytest.raises(UndoRefused, match=r"big\.bin: it was not kept"):
            bench.undo()
        done = bench.undo(force=True)
    assert done.lost == ("big.bin",)
    assert list(tree(workspace)) == ["."]


NAMES = st.sampled_from(["a", "b", "c.txt", "d", "e f", "ü"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20)
WRITES = st.one_of(
    st.tuples(st.just("write_file"), st.fixed_dictionaries({"path": PATHS, "content": TEXTS})),
    st.tuples(st.just("append_file"), st.fixed_dictionaries({"path": PATHS, "content": TEXTS})),
    st.tuples(st.just("make_folder"), st.fixed_dictionaries({"path": PATHS})),
    st.tuples(st.just("move_file"), st.fixed_dictionaries({"source": PATHS, "target": PATHS})),
    st.tuples(st.just("copy_file"), st.fixed_dictionaries({"source": PATHS, "target": PATHS})),
    st.tuples(st.just("delete_file"), st.fixed_dictionaries({"path": PATHS, "recursive": st.booleans()})),
)
COMMANDS = st.builds(
    lambda template, one, other: template.format(shlex.quote(one), shlex.quote(other)),
    st.sampled_from(
        [
            "echo x > {0}", "rm -rf {0}", "mv -T {0} {1}", "cp -r {0} {1}", "ln -s {0} {1}", "ln -f {0} {1}",
            "mkdir -p {0}", "chmod 500 {0}", "chmod 644 {0}", "truncate -s 3 {0}", "mkfifo {0}", "touch {0}",
        ]
    ),
    PATHS,
    PATHS,
)  # fmt: skip
CALLS = st.one_of(WRITES, COMMANDS.map(lambda command: ("run_shell", {"command": command})))
BOUNDS = st.sampled_from([Bounds(), Bounds(largest_file=8), Bounds(largest_total=12), Bounds(ignored=("d",))])


@given(st.lists(WRITES, max_size=6), st.lists(st.lists(CALLS, min_size=1, max_size=3), max_size=5), BOUNDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_call_that_ran_unasked_can_be_undone_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    furniture: list[tuple[str, dict[str, Any]]],
    steps: list[list[tuple[str, dict[str, Any]]]],
    bounds: Bounds,
) -> None:
    root = tmp_path_factory.mktemp("drawn")
    with Workspace.open(root) as opened:
        maker = Bench(opened)
        for call in furniture:
            await maker.step(call)
        bench = Bench(opened, bounds)
        trees = [tree(root)]
        for calls in steps:
            await bench.step(*calls)
            trees.append(tree(root))
        assert not any(isinstance(one.event, CallDecided) and one.event.allowed for one in bench.log.events())
        latest = trees[-1]
        while True:
            try:
                done = bench.undo(force=True)
            except UsageError:
                break
            assert not done.lost
            assert tree(root) == trees[done.steps[0] - 1]
        assert tree(root) == trees[0]
        if bounds == Bounds() and not any(stat.S_ISFIFO(one.mode) for one in latest.values()):
            for _ in [one for one in bench.log.events() if isinstance(one.event, FilesSet)]:
                bench.redo()
            assert tree(root) == latest
