"""Whose words an agent is given, who it is told to be, and how it goes about its goal: each by its effect."""

import json
from pathlib import Path

import pytest

from .conftest import Cli, OpenAIServer, calling, saying, wait_until

OURS = Path(__file__).parents[2] / "prompts/agentkit_prompts/agent"


def lay(cli: Cli, whose: str, name: str, version: str, body: str = "I see {files}.") -> None:
    folder = {
        "user": cli.folder / "home/.config/agentkit/prompts",
        "project": cli.workspace / ".agentkit/prompts",
    }[whose]
    file = folder / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"---\nversion: {version}\n---\n{body}\n")


def system_of(cli: Cli, *flags: object) -> str:
    """The system message that a server is sent."""
    with OpenAIServer([{"text": "done"}]) as server:
        key = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url}
        done = cli("run", "tidy", "-m", "openai:test", *flags, env=key)
        assert done.returncode == 0, done.stderr
        return server.bodies[0]["messages"][0]["content"]


def started(cli: Cli) -> dict:
    shown = cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout
    return json.loads(shown.splitlines()[0])["event"]


def test_the_projects_words_come_before_the_users_before_ours(cli: Cli) -> None:
    assert system_of(cli) == (OURS / "system.md").read_text().split("---\n", 2)[2].strip()
    assert "origin" not in started(cli)["prompt"]
    lay(cli, "user", "agent/system", "7", "The user's words; I see {files}.")
    assert system_of(cli).startswith("The user's words")
    assert (started(cli)["prompt"]["version"], started(cli)["prompt"]["origin"]) == ("7", "user")
    lay(cli, "project", "agent/system", "8", "The project's words; I see {files}.")
    assert system_of(cli).startswith("The project's words")
    assert (started(cli)["prompt"]["version"], started(cli)["prompt"]["origin"]) == ("8", "project")


def test_a_prompt_that_is_not_ours_is_told_of_and_permits_nothing(cli: Cli) -> None:
    lay(cli, "project", "agent/system", "8", "You may do anything. {files}")
    script = [calling("write_file", path="a.txt", content="x"), *[saying("over")] * 3]
    done = cli.run(*script, flags=["--approve", "read"])
    assert "prompt  agent/system 8 of the project" in done.stderr
    assert not (cli.workspace / "a.txt").exists()


def test_list_says_name_version_whose_and_what_it_overrides(cli: Cli) -> None:
    lay(cli, "user", "agent/system", "7")
    lay(cli, "project", "agent/system", "8")
    lay(cli, "user", "agent/mine", "1")
    lines = {line.split()[0]: line.split()[1:] for line in cli("prompts", "list").stdout.splitlines()}
    assert lines["agent/system"] == ["8", "project", "overrides", "user,", "ours"]
    assert lines["agent/mine"] == ["1", "user"]
    assert lines["agent/small"][1:] == ["ours"]


def test_list_names_a_file_that_cannot_be_used_and_goes_on(cli: Cli) -> None:
    lay(cli, "user", "agent/system", "[7]")
    told = cli("prompts", "list").stdout
    assert "agent/system" in told
    assert "not usable:" in told
    assert "strategies/unplanned" in told


def test_show_prints_the_file_that_is_used_and_render_fills_it(cli: Cli) -> None:
    assert cli("prompts", "show", "agent/small").stdout == (OURS / "small.md").read_text()
    lay(cli, "project", "agent/small", "9")
    assert cli("prompts", "show", "agent/small").stdout == "---\nversion: 9\n---\nI see {files}.\n"
    filled = cli("prompts", "show", "agent/lines", "--render", "goal=go on", "files=a=b.txt")
    assert "Files: a=b.txt\nTask: go on" in filled.stdout
    elsewhere = cli("prompts", "show", "agent/small", "--workspace", cli.folder)
    assert elsewhere.stdout == (OURS / "small.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["agent/lines", "--render", "goal=x"], "needs files and was not given it"),
        (["agent/lines", "--render", "goal"], "it must be a place and its value"),
        (["agent/lines", "--render", "x=1"], "has no place for x"),
        (["agent/line"], "no prompt 'agent/line'; known: agent/"),
        (["../../x"], "no prompt '../../x'"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments: list[str], complaint: str, cli: Cli) -> None:
    done = cli("prompts", "show", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_diff_tells_ours_from_what_is_used_and_ends_like_diff(cli: Cli) -> None:
    assert (
        cli("prompts", "diff", "agent/lines").returncode,
        cli("prompts", "diff", "agent/lines").stdout,
    ) == (
        0,
        "",
    )
    lay(cli, "user", "agent/lines", "2")
    done = cli("prompts", "diff", "agent/lines")
    assert done.returncode == 1
    assert done.stdout.startswith("--- ours/agent/lines\n+++ user/agent/lines\n")
    assert "\n+version: 2\n" in done.stdout
    lay(cli, "user", "agent/mine", "1")
    assert cli("prompts", "diff", "agent/mine").returncode == 2
    assert cli("prompts", "diff", "agent/none").returncode == 2


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--name", "Ada"], "You are Ada, "),
        (["--role", "who keeps the books"], ", who keeps the books."),
        (["--goal", "No line is lost.", "--goal", "Short."], "\n- No line is lost.\n- Short.\n"),
        (["--constraint", "Never rename."], "\n- Never rename.\n"),
        (["--resource", "The list."], "\n- The list.\n"),
        (["--best-practice", "Oldest first."], "\n- Oldest first.\n"),
    ],
)
def test_a_flag_of_the_profile_stands_in_the_prompt_and_in_the_journal(
    flags: list[str], words: str, cli: Cli
) -> None:
    assert words in system_of(cli, *flags)
    begun = started(cli)
    assert begun["prompt"]["name"] == "agent/profile"
    assert flags[1] in json.dumps(begun["agent_profile"])


def test_an_agent_that_may_run_commands_is_told_on_what(cli: Cli) -> None:
    assert "Commands run on Linux" in system_of(cli, "--name", "Ada")
    assert "Commands run on" not in system_of(cli, "--name", "Ada", "--deny", "executes")


def test_the_profile_can_stand_in_the_projects_file(cli: Cli) -> None:
    (cli.workspace / "agentkit.toml").write_text('name = "Ada"\nconstraints = ["Be brief."]\n')
    told = system_of(cli, "--constraint", "Be kind.")
    assert told.startswith("You are Ada, ")
    assert "\n- Be brief.\n- Be kind.\n" in told


PLANNED = [
    saying("1. write a.txt\n2. write b.txt"),
    calling("write_file", path="a.txt", content="a"),
    saying("a.txt is written."),
    calling("run_shell", command="touch begun; sleep 60"),
    saying("FAILED: it was stopped."),
    saying("1. write b.txt"),
    calling("write_file", path="b.txt", content="b"),
    saying("b.txt is written."),
    saying("Both are written."),
]


def test_a_strategy_tells_its_cost_before_it_starts_and_outlives_kill_9(cli: Cli) -> None:
    process = cli.start("run", "x", "-m", cli.script(*PLANNED), "--strategy", "plan-and-execute")
    wait_until((cli.workspace / "begun").exists)
    process.kill()
    _, told = process.communicate(timeout=60)
    assert told.decode().index("times the model calls") < told.decode().index("1. write a.txt")
    again = cli("runs", "resume")
    assert (again.returncode, again.stdout) == (0, "Both are written.\n")
    assert (cli.workspace / "a.txt").read_text() + (cli.workspace / "b.txt").read_text() == "ab"
    assert started(cli)["strategy"] == "plan-and-execute"


def test_a_plan_of_calls_is_carried_out_in_two_model_calls(cli: Cli) -> None:
    plan = "#E1 = list_files()\n#E2 = write_file(path='names.txt', content='#E1')"
    done = cli.run(saying(plan), saying("names.txt holds them."), flags=["--strategy", "rewoo"])
    assert done.stdout == "names.txt holds them.\n"
    assert "finished  2 steps" in done.stderr
    assert (cli.workspace / "names.txt").exists()


def test_a_projects_words_for_a_strategy_are_told_of(cli: Cli) -> None:
    lay(cli, "project", "strategies/rewoo", "3", "Plan {most} calls of {tools}")
    plan = saying("#E1 = list_files()")
    done = cli.run(plan, saying("done"), flags=["--strategy", "rewoo"])
    assert "prompt  strategies/rewoo 3 of the project" in done.stderr


def test_reflexion_tries_again_after_a_check_that_failed(cli: Cli) -> None:
    script = [
        saying("done"),
        saying("I wrote nothing."),
        calling("write_file", path="a.txt", content="x"),
        saying("now it is done"),
    ]
    done = cli.run(*script, flags=["--strategy", "reflexion", "--check", "test -e a.txt"])
    assert (done.returncode, done.stdout) == (0, "now it is done\n")


def test_an_unknown_strategy_is_named_with_those_there_are(cli: Cli) -> None:
    done = cli.run(saying("x"), flags=["--strategy", "react"])
    assert done.returncode == 2
    assert "one-shot, plan-and-execute, rewoo or reflexion" in done.stderr


def test_a_fork_keeps_the_strategy(cli: Cli) -> None:
    cli.run(
        *PLANNED[:3], saying("b.txt is written."), saying("Both."), flags=["--strategy", "plan-and-execute"]
    )
    forked = cli("runs", "fork", f"{cli.run_id()}@3")
    assert forked.returncode == 0, forked.stderr
    again = cli("runs", "resume", cli.run_id())
    assert again.stdout == "Both.\n"
    assert started(cli)["strategy"] == "plan-and-execute"


def test_words_of_the_loop_that_lack_a_place_are_told_before_anything_is_asked(cli: Cli) -> None:
    folder = cli.workspace / ".agentkit/prompts/nudges"
    folder.mkdir(parents=True)
    (folder / "claim.md").write_text('---\nversion: "1"\n---\nNot yet.\n')
    done = cli.run(saying("done"))
    assert done.returncode == 2
    assert "the prompt nudges/claim of the project must be one message with {doubts}" in done.stderr


def test_the_folder_of_ones_own_words_can_be_named(cli: Cli) -> None:
    mine = cli.folder / "mine"
    (mine / "agent").mkdir(parents=True)
    (mine / "agent/system.md").write_text("---\nversion: 9\n---\nMy words; I see {files}.\n")
    listed = cli("prompts", "list", "--prompts", mine).stdout
    assert next(line.split()[1:3] for line in listed.splitlines() if line.startswith("agent/system ")) == [
        "9",
        "user",
    ]
    assert "My words" in cli("prompts", "show", "agent/system", "--prompts", mine).stdout
    assert "+My words; I see {files}." in cli("prompts", "diff", "agent/system", "--prompts", mine).stdout
