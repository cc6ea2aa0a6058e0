"""`agentkit why`: the verdict on a command line, and which rule it rests on."""

import pytest

from .conftest import Cli, calling, saying

RULES = ["--deny", "run_shell(rm *)", "--ask", "run_shell(mv *)"]


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("ls", 0, "allow: approve = auto"),
        ("ls; mv a b", 1, "ask: the rule ask = 'run_shell(mv *)'"),
        ("ls; sudo rm a", 6, "deny: the rule deny = 'run_shell(rm *)' (flag: --deny)"),
        ("./x", 1, "./x may be any program"),
    ],
)
def test_the_exit_code_and_the_first_line_say_the_verdict(
    cli: Cli, command: str, code: int, said: str
) -> None:
    told = cli("why", command, *RULES[:2] if code == 6 else RULES)
    assert told.returncode == code
    assert told.stdout.startswith(("allow: ", "ask: ", "deny: "))
    assert said in told.stdout


def test_another_tool_that_runs_commands_can_be_asked_about(cli: Cli) -> None:
    told = cli("why", "ls", "--tool", "start_job", "--deny", "run_shell")
    assert told.returncode == 6
    assert told.stdout.startswith("deny: the rule deny = 'run_shell' (flag: --deny)")
    told = cli("why", "ls", "--tool", "read_file")
    assert told.returncode == 2
    assert "'read_file' is no tool that runs a shell command; run_shell, start_job do" in told.stderr


@pytest.mark.parametrize("nothing", ["", " "])
def test_no_command_has_no_verdict(cli: Cli, nothing: str) -> None:
    done = cli("why", nothing)
    assert (done.returncode, done.stdout) == (2, "")
    assert "CMD is empty" in done.stderr


def test_each_simple_command_is_listed_and_the_file_of_a_rule_named(cli: Cli) -> None:
    place = cli.folder / "place"
    place.mkdir()
    (place / "agentkit.toml").write_text('deny = ["run_shell(rm *)"]')
    told = cli("why", 'cd src && rm -f "$(ls)"', "--workspace", place)
    assert told.returncode == 6
    listed = [line.strip() for line in told.stdout.splitlines() if line.startswith("    ") and line[4] != " "]
    assert listed == ["cd src", 'rm -f "$(ls)"', "ls"]
    assert f"(project file: {place / 'agentkit.toml'})" in told.stdout


def test_a_denied_command_does_not_run_in_a_run(cli: Cli) -> None:
    (cli.folder / "a.txt").write_text("here")
    line = "env sh -c 'rm a.txt'"
    cli.run(calling("run_shell", command=line), saying("done"), flags=RULES)
    assert "run_shell was not allowed" in cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout


def test_what_runs_now_and_is_asked_about_once_the_network_was_read_is_said(cli: Cli) -> None:
    (cli.workspace / "big.iso").write_text("not kept")
    told = cli("why", "ls", "--approve", "all", "--unkept", "*.iso")
    assert (told.returncode, told.stdout.splitlines()[1].partition(",")[0]) == (
        0,
        "ask later: approve = all",
    )
    for flags in (["--allow", "executes", "--unkept", "*.iso"], ["--approve", "all"], []):
        assert "later" not in cli("why", "ls", *flags).stdout
