"""An answer to one question that holds for the next ones: as a rule, in this run, this folder, everywhere."""

import tomllib
from collections.abc import Callable

import pytest

from agentkit.core.events import CallDecided, RuleSet
from agentkit.tooling.discovery import installed_packs, installed_tools
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.rule_for import rules_for

from .conftest import Cli, Talk, calling, saying

ASK = ("--approve", "ask")
ECHO = calling("run_shell", command="echo one | wc -c")


def kept(cli: Cli) -> dict[str, object]:
    path = cli.folder / "home/.config/agentkit/rules.toml"
    return tomllib.loads(path.read_text()) if path.exists() else {}


def spoken(cli: Cli, *said: str, script: list[dict[str, object]]) -> str:
    """What is shown to a person who says these lines, in a conversation without a terminal."""
    done = cli("-m", cli.script(*script), *ASK, stdin="\n".join(said) + "\n")
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_rule_for_the_run_is_shown_before_it_holds_and_holds_when_it_is_resumed(cli: Cli) -> None:
    out = spoken(cli, "go", "y run", "y", "again", script=[ECHO, ECHO, saying("done"), ECHO, saying("done")])
    assert out.index("allow = run_shell(wc -c)") < out.index("Is that to hold?")
    assert out.count("Allow it?") == 1
    resumed = cli("--resume", stdin="/rules\n/rules rm run_shell(wc -c)\n/rules\n").stdout
    assert resumed.count("allow = run_shell(wc -c) (this run: given at a question)") == 1
    assert "allow = run_shell(wc -c), in this run (taken back)" in resumed
    assert kept(cli) == {}
    assert "came out again" in cli("runs", "replay", cli.run_id()).stdout


def test_a_rule_for_the_project_holds_in_other_runs_there_and_not_elsewhere(cli: Cli) -> None:
    spoken(cli, "go", "y project", "y", script=[ECHO, saying("done")])
    rules = ["run_shell(echo one)", "run_shell(wc -c)"]
    assert kept(cli) == {str(cli.workspace): {"allow": rules}}
    assert "Allow it?" not in spoken(cli, "go", script=[ECHO, saying("done")])
    told = cli("why", "echo one | wc -c", *ASK)
    assert told.returncode == 0
    assert "allow: the rule allow = 'run_shell(wc -c)' (kept rule: " in told.stdout
    other = cli.folder / "other"
    other.mkdir()
    assert cli("why", "echo one | wc -c", *ASK, "-w", other).returncode == 1


def test_a_no_with_a_scope_is_a_rule_that_denies(cli: Cli) -> None:
    push = calling("run_shell", command="git push --force")
    out = spoken(cli, "go", "n user", "y", script=[push, push, saying("done")])
    assert out.count("Allow it?") == 1
    assert kept(cli) == {"deny": ["run_shell(git push --force)"]}
    assert cli("why", "cd x; /usr/bin/git push -v --force").returncode == 6
    done = cli("rules", "rm", "run_shell(git push --force)")
    assert (done.returncode, done.stdout) == (
        0,
        "no longer kept: deny = run_shell(git push --force), everywhere\n",
    )
    assert cli("why", "git push --force").returncode == 0
    assert cli("rules", "rm", "run_shell(git push --force)").returncode == 2


def test_nothing_holds_that_was_not_confirmed_and_the_question_comes_again(cli: Cli) -> None:
    out = spoken(cli, "go", "y project", "n", "n user", "", "y", script=[ECHO, saying("done")])
    assert out.count("Allow it?") == 3
    assert kept(cli) == {}


def test_a_rule_can_be_changed_and_must_be_about_the_call_at_hand(cli: Cli) -> None:
    one = calling("run_shell", command="wc -c a")
    out = spoken(
        cli, "go", "y project", "e", "run_shell(ls *)", "run_shell(wc *)", "y", script=[one, saying("done")]
    )
    assert "no such rule would let it run unasked" in out
    assert kept(cli) == {str(cli.workspace): {"allow": ["run_shell(wc *)"]}}


def test_a_rule_that_was_taken_back_is_not_held_by_a_run_that_began_with_it(cli: Cli) -> None:
    spoken(cli, "go", "y user", "y", script=[ECHO, saying("done")])
    spoken(cli, "go", script=[ECHO, saying("done"), ECHO, saying("done")])
    for rule in ("run_shell(echo one)", "run_shell(wc -c)"):
        cli("rules", "rm", rule)
    assert "Allow it?" in cli("--resume", stdin="again\nn\n").stdout


def test_a_run_that_asks_on_a_terminal_takes_the_same_answers(cli: Cli) -> None:
    terminal = cli.terminal("run", "do it", "-m", cli.script(ECHO, ECHO, saying("done")), *ASK)
    terminal.wait_for("Allow it?")
    terminal.type("y project\n")
    terminal.wait_for("Is that to hold?")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert terminal.text.count("Allow it?") == 1
    assert kept(cli)


def test_a_rule_of_a_record_that_another_wrote_allows_nothing_here(
    cli: Cli, talk: Callable[..., Talk]
) -> None:
    write = calling("write_file", path="a.txt", content="x")
    spoken(cli, "go", "y run", "y", script=[write, saying("done"), write, saying("done")])
    file = cli.folder / "run.jsonl"
    run_id = cli.run_id()
    cli("runs", "export", run_id, file)
    assert '"type":"rule set"' in file.read_text()
    cli("runs", "rm", run_id, "--yes")
    assert cli("runs", "import", file).returncode == 0
    assert "Allow it?" in cli("--resume", run_id, *ASK, stdin="again\nn\n").stdout


def test_what_is_decided_is_recorded_before_the_rule(cli: Cli, talk: Callable[..., Talk]) -> None:
    with talk(ECHO, saying("done"), flags=ASK) as it:
        it.say("go")
        it.shown("Allow it?")
        it.say("y run")
        it.shown("Is that to hold?")
        it.say("y")
        it.shown("done")
        events = [type(one.event) for one in it.recorded()]
    assert events.index(CallDecided) < events.index(RuleSet)


# --- the rule that an answer comes to


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("git push origin main", ("run_shell(git push origin main)",)),
        ("cd src && make", ("run_shell(cd src)", "run_shell(make)")),
        ("grep 'a b*' x", ("run_shell(grep 'a b[*]' x)",)),
        ("sh -c 'rm x'", ("run_shell(sh -c 'rm x')", "run_shell(rm x)")),
    ],
)
def test_a_rule_is_about_each_command_word_for_word(line: str, rules: tuple[str, ...]) -> None:
    shell, policy = installed_tools()["run_shell"], Policy(Approve.ASK)
    assert rules_for("allow", shell, {"command": line}, policy) == rules
    for rule in rules:
        policy = policy.with_rule("allow", rule)
    assert policy.decide(shell, {"command": line}).verdict is Verdict.ALLOW
    assert policy.decide(shell, {"command": f"{line} --more"}).verdict is Verdict.ASK


@pytest.mark.parametrize("line", ["echo x > a", "rm $X", "X=1 make", "$TOOL", "while", "echo $((n))"])
def test_no_rule_allows_what_cannot_be_read_for_certain(line: str) -> None:
    with pytest.raises(Exception, match="no such rule would let it run unasked"):
        rules_for("allow", installed_tools()["run_shell"], {"command": line}, Policy(Approve.ASK))


def test_the_mode_has_no_say_in_what_a_rule_comes_to() -> None:
    shell = installed_tools()["run_shell"]
    for mode in (Approve.ASK, Approve.AUTO, Approve.ALL):  # asked in them for what could not be undone
        assert rules_for("allow", shell, {"command": "make all"}, Policy(mode)) == ("run_shell(make all)",)


def test_where_a_call_leads_is_asked_each_time() -> None:
    push = next(one for pack in installed_packs() for one in pack.tools if one.name == "git_push")
    with pytest.raises(Exception, match="has to be seen"):
        rules_for("allow", push, {"remote": "origin"}, Policy())
