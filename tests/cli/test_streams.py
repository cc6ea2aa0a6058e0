"""Pipes that close, streams that are missing, places that are not as one expects."""

import os
import subprocess

import pytest

from .conftest import AGENTKIT, Cli, calling, saying


def shell(cli: Cli, command: str, **env: str) -> subprocess.CompletedProcess[str]:
    agentkit = " ".join(AGENTKIT)
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command.replace("agentkit", agentkit)],
        cwd=cli.workspace,
        env=cli.env | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_reader_that_leaves_stops_the_run_which_can_go_on(cli: Cli) -> None:
    script = [calling("list_files"), {**saying("over"), "wait": 0.5}, *[saying("over")] * 3]
    done = shell(cli, f"agentkit run x -m {cli.script(*script)} -o jsonl | head -1")
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "agentkit runs resume" in done.stderr
    assert cli("runs", "resume").returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_does_no_harm(cli: Cli, closed: str) -> None:
    model = cli.script(calling("write_file", path="a.txt", content="x"), saying("over"))
    done = shell(cli, f"agentkit run x -m {model} {closed}")
    assert done.returncode == 0, done.stderr
    assert (cli.workspace / "a.txt").read_text() == "x"
    assert "Traceback" not in done.stderr


def test_a_full_disk_under_standard_output_is_told(cli: Cli) -> None:
    done = shell(cli, "agentkit tools > /dev/full")
    assert done.returncode == 1
    assert "standard output cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_home_the_system_is_asked(cli: Cli) -> None:
    del cli.env["HOME"]
    assert cli.run(saying("over")).returncode == 0


def test_a_terminal_of_another_encoding_is_written_to(cli: Cli) -> None:
    done = cli.run(saying("snow ☃"), env={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stdout) == (0, "snow \\u2603\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_named(cli: Cli) -> None:
    cli.workspace.chmod(0)
    try:
        done = cli("run", "x", "-m", cli.script(saying("over")), "-w", cli.workspace)
        assert done.returncode == 2
        assert str(cli.workspace) in done.stderr
    finally:
        cli.workspace.chmod(0o700)


def test_a_journal_that_cannot_be_made_is_named(cli: Cli) -> None:
    done = cli.run(saying("over"), flags=["--journal", "/proc/nowhere/journal.db"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "/proc/nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_current_folder_that_is_gone_is_told(cli: Cli) -> None:
    done = shell(cli, "mkdir gone; cd gone; rmdir ../gone; agentkit tools")
    assert done.returncode == 2
    assert "change to one that is" in done.stderr
    assert "Traceback" not in done.stderr
