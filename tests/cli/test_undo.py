"""`runs undo`, `redo` and `diff` as a person uses them."""

import json
import os

import pytest

from .conftest import Cli, calling, saying

WRITES = (
    calling("write_file", path="a.txt", content="one\ntwo\n"),
    calling("run_shell", command="sed -i s/two/2/ a.txt; mkdir -p x; printf '\\000' > x/b.bin"),
    saying("done"),
)


@pytest.fixture
def run_id(cli: Cli) -> str:
    """A run whose first step writes a file and whose second changes it by a command."""
    assert cli.run(*WRITES, flags=["--allow", "run_shell"]).returncode == 0
    return cli.run_id()


def test_a_run_is_undone_step_by_step_and_redone(cli: Cli, run_id: str) -> None:
    done = cli("runs", "undo", run_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "undid what step 2 did to the files: set back a.txt; removed x, x/b.bin\n"
    assert (cli.workspace / "a.txt").read_text() == "one\ntwo\n"
    assert cli("runs", "undo", run_id, "--to", 0).stdout.endswith("removed a.txt\n")
    assert list(cli.workspace.iterdir()) == []
    assert cli("runs", "redo", run_id).stdout == "redid what step 1 did to the files: brought back a.txt\n"
    assert cli("runs", "redo", run_id).returncode == 0
    assert (cli.workspace / "a.txt").read_text() == "one\n2\n"
    nothing = cli("runs", "redo", run_id)
    assert (nothing.returncode, nothing.stdout) == (2, "")


def test_what_the_person_changed_since_is_covered_by_force_only(cli: Cli, run_id: str) -> None:
    (cli.workspace / "a.txt").write_text("mine")
    refused = cli("runs", "undo", run_id)
    assert refused.returncode == 2
    assert "a.txt: it is not as the run left it" in refused.stderr
    assert (cli.workspace / "a.txt").read_text() == "mine"
    assert cli("runs", "undo", run_id, "--force").returncode == 0
    assert cli("runs", "redo", run_id).returncode == 0
    assert (cli.workspace / "a.txt").read_text() == "mine"


def test_an_undone_run_is_still_listed_as_it_ended(cli: Cli, run_id: str) -> None:
    cli("runs", "undo", run_id)
    assert json.loads(cli("runs", "list", "--output", "json").stdout)[0]["ending"] == "finished"
    assert "The person undid what step 2 did" in cli("runs", "show", run_id).stdout


def test_a_resumed_run_is_told_what_was_undone(cli: Cli) -> None:
    cli.run(*WRITES[:2], flags=["--allow", "run_shell", "--max-steps", 2])
    run_id = cli.run_id()
    cli("runs", "undo", run_id)
    cli("runs", "resume", run_id, "--max-steps", 9)
    shown = [
        json.loads(line) for line in cli("runs", "show", run_id, "--output", "jsonl").stdout.splitlines()
    ]
    kinds = [one["event"]["type"] for one in shown]
    assert kinds.index("files set") < kinds.index("run resumed") < len(kinds) - 1


def test_a_diff_of_a_step_that_is_not_there_is_refused(cli: Cli, run_id: str) -> None:
    done = cli("runs", "diff", f"{run_id}@77")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the run has no step 77; it has 0 to 3" in done.stderr


def test_a_diff_shows_what_the_run_changed_in_words_and_lines(cli: Cli, run_id: str) -> None:
    shown = cli("runs", "diff", run_id).stdout
    assert shown == (
        "added a.txt\n--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1,2 @@\n+one\n+2\n"
        "added x (folder)\nadded x/b.bin (no text, or a long one: 1 bytes)\n"
    )
    assert cli("runs", "diff", f"{run_id}@1").stdout.startswith("changed a.txt\n--- a/a.txt\n+++ b/a.txt\n")
    steps = cli("runs", "diff", f"{run_id}@2", f"{run_id}@1", "--output", "json").stdout
    assert [(one["what"], one["path"]) for one in json.loads(steps)] == [
        ("changed", "a.txt"),
        ("removed", "x"),
        ("removed", "x/b.bin"),
    ]
    cli("runs", "undo", run_id, "--to", 0)
    assert cli("runs", "diff", run_id).stdout == "no file differs\n"


def test_two_ways_from_one_step_are_compared(cli: Cli) -> None:
    cli.run(*WRITES, flags=["--allow", "run_shell"])
    first = cli.run_id()
    # a scripted model goes on in its script where the conversation stands
    other = cli.script(WRITES[0], calling("write_file", path="a.txt", content="another\n"), saying("done"))
    cli("runs", "undo", first, "--to", 1)
    cli("runs", "fork", f"{first}@1", "--model", other)
    second = cli.run_id()
    assert cli("runs", "resume", second).returncode == 0
    shown = cli("runs", "diff", f"{first}@2", second).stdout
    assert "-one\n-2\n+another\n" in shown
    assert "removed x/b.bin" in shown
    # the first run's own work is there still
    cli("runs", "undo", second)
    assert cli("runs", "redo", first).returncode == 0
    assert (cli.workspace / "a.txt").read_text() == "one\n2\n"


def test_what_is_not_kept_is_said_to_the_person_and_in_the_journal(cli: Cli) -> None:
    (cli.workspace / "pipe.txt").write_text("x")
    os.mkfifo(cli.workspace / "pipe")
    done = cli.run(calling("run_shell", command="rm pipe"), saying("done"))
    assert "what is done to these files cannot be undone: pipe: it is a pipe" in done.stderr
    assert (cli.workspace / "pipe").exists()
    assert '"files left out"' in cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout


def test_the_kept_files_go_with_the_last_run_that_needs_them(cli: Cli, run_id: str) -> None:
    files = cli.journal.with_name(f"{cli.journal.name}-files")
    assert files.stat().st_mode & 0o777 == 0o600
    (cli.workspace / "big.bin").write_bytes(bytes(range(256)) * 4000)
    cli.run(*WRITES, flags=["--allow", "run_shell"])
    size = files.stat().st_size
    assert "given back" in cli("runs", "rm", cli.run_id(), "--yes").stdout
    assert files.stat().st_size < size
    assert cli("runs", "undo", run_id, "--force").returncode == 0
    assert cli("runs", "rm", run_id, "--yes").returncode == 0


def test_a_fork_keeps_the_files_that_its_history_needs(cli: Cli, run_id: str) -> None:
    cli("runs", "fork", run_id)
    fork = cli.run_id()
    assert cli("runs", "rm", run_id, "--yes").returncode == 0
    assert cli("runs", "undo", fork, "--to", 0).returncode == 0
    assert list(cli.workspace.iterdir()) == []


def test_a_run_that_was_imported_cannot_be_undone_and_says_why(cli: Cli, run_id: str) -> None:
    cli("runs", "export", run_id, cli.folder / "run.jsonl")
    other = ["--journal", cli.folder / "other.db"]
    cli("runs", "import", cli.folder / "run.jsonl", *other)
    refused = cli("runs", "undo", run_id, *other)
    assert refused.returncode == 2
    assert "are not kept in" in refused.stderr


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--unkept", "*.bin"], "it is on the list of what is ignored"),
        (["--kept-file-mb", 1], "it has 1.5 MB, more than 1 MB"),
        (["--kept-total-mb", 1], "all files together have more than 1 MB, and it is one of the largest"),
    ],
)
def test_flags_say_what_is_kept_and_the_rest_is_asked_about(cli: Cli, flags: list[object], why: str) -> None:
    (cli.workspace / "big.bin").write_bytes(bytes(1_500_000))
    assert cli("why", "rm big.bin").returncode == 0
    told = cli("why", "rm big.bin", *flags)
    assert (told.returncode, told.stdout.splitlines()[0].endswith(why)) == (1, True)
    listed = cli("tools", *flags).stdout
    assert listed.count("ask: approve = auto, and what code does to") == 2
    done = cli.run(calling("run_shell", command="rm big.bin"), saying("done"), flags=flags)
    assert f"big.bin: {why}" in done.stderr
    assert (cli.workspace / "big.bin").exists()


def test_what_goes_on_after_its_call_is_asked_about(cli: Cli) -> None:
    told = cli("why", "sleep 9; rm *", "--tool", "start_job")
    assert told.returncode == 1
    assert "goes on after the call" in told.stdout


def test_the_tools_are_told_where_no_agent_could_work(cli: Cli) -> None:
    told = cli("tools", "--workspace", cli.folder / "home")
    assert told.returncode == 0
    assert "allow: approve = auto, and it changes files in the workspace" in told.stdout
