"""Rules about the commands in a shell's line: there is no way around a deny."""

import asyncio
import shlex

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agentkit.core.errors import SettingsError
from agentkit.core.events import CallIntended
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.tool import Tool, tool


def shell(ran: list[str], name: str = "run_shell", *, idempotent: bool = False) -> Tool:
    @tool(effect=Effect.EXECUTES, name=name, command_line="command", idempotent=idempotent)
    def run(command: str) -> str:
        """Run."""
        ran.append(command)
        return ""

    return run


def rules(deny: str = "", ask: str = "", allow: str = "", approve: Approve = Approve.AUTO) -> Policy:
    deny, ask, allow = (f"run_shell({pattern})" if pattern else "" for pattern in (deny, ask, allow))
    return Policy(approve, *(frozenset({rule} if rule else ()) for rule in (deny, ask, allow)))


def verdict(policy: Policy, line: str) -> str:
    return policy.decide(shell([]), {"command": line}).verdict


DENIED = [
    "rm x", "/bin/rm x", "/usr/bin/../bin/rm x", "/proc/self/root/bin/rm x", "./rm x", "\\rm x", "r\\m x",
    "'rm' x", '"rm" x', "r''m x", 'r""m x', "$'rm' x", "A=b rm x", "A=b C=d rm x", "ls; rm x", "ls && rm x",
    "ls || rm x", "ls | rm x", "ls & rm x", "ls\nrm x", "ls\trm | rm x", "(rm x)", "( (rm x) )",
    "{ rm x; }",
    "$(rm x)", "`rm x`", 'echo "$(rm x)"', 'echo "`rm x`"', "echo ${A:-$(rm x)}", "cat <(rm x)",
    "A=$(rm x)",
    "export A=$(rm x)", "a=(1 $(rm x))", "cat <<E\n$(rm x)\nE", "if rm x; then ls; fi",
    "if ls; then rm x; fi",
    "for i in a; do rm x; done", "for i in $(rm x); do ls; done", "while rm x; do ls; done",
    "until rm x; do ls; done", "case a in a) rm x;; esac", "f() { rm x; }; f", "function f { rm x; }; f",
    "! rm x", "[[ -n $(rm x) ]]", "env rm x", "env -i A=b rm x", "sudo rm x", "sudo -u root rm x",
    "nohup rm x", "nice -n 5 rm x", "time rm x", "time -p rm x", "timeout 5 rm x", "timeout -s KILL 5 rm x",
    "xargs rm", "ls | xargs -n1 rm", "xargs -I{} rm {}", "command rm x", "command -p rm x", "exec rm x",
    "exec -a ls rm x", "builtin command rm x", "flock l -c 'rm x'", "pkexec rm x",
    "sh -c 'rm x'", 'bash -c "rm x"', "bash -lc 'rm x'",
    "bash -c 'ls; rm x'", "sh -c \"sh -c 'rm x'\"", "env sh -c 'rm x'", "sudo bash -c 'rm x'", "eval rm x",
    "eval 'rm x'", "eval 'r''m' x", "find . -exec rm {} \\;", "find . -execdir rm {} +",
    "find . -ok rm {} \\;",
    "find . -exec sh -c 'rm x' \\;", "busybox rm x", "toybox rm x", "setsid rm x", "stdbuf -o0 rm x",
    "trap 'rm x' EXIT", "alias l='rm x'; l", "coproc rm x", "rm x > /dev/null", "> a rm x", "2>&1 rm x",
    "time > a rm x", "env <<E rm x\nE", "eval < a 'rm x'", "rm<a", "rm $X", "ionice -c 3 nice rm x",
    "ls 2>/dev/null; rm x",
    "i386 rm x", "x86_64 rm x", "uname26 rm x", "uclampset -m 5 rm x", "logsave log rm x", "msgexec rm x",
    "msgfilter -i a rm x", "memusage rm x", "sotruss rm x", "fakeroot-tcp rm x", "gpg-agent --daemon rm x",
    "pg_virtualenv rm x", "systemd-socket-activate -l 1 rm x", "valgrind.bin rm x", "luit rm x",
    "gprofng collect app rm x", "gp-collect-app rm x", "debconf rm x", "debconf-apt-progress -- rm x",
    "xterm -e 'rm x'", "x-terminal-emulator -e rm x", "zutty -e rm x", "yash -c 'rm x'", "lksh -c 'rm x'",
]  # fmt: skip

NOT_CERTAIN = [
    "cat <<-E\n\t$(rm x)\n\tE", "echo a\\\t#b; rm x", "cat <<a;rm x\na", "printf -v PATH .",
    "echo `\\$(echo rm x)`", "y='$'\\x66'' <<< x rm", "cat <<E\n\\ # '`rm x`'\nE", "[[ a<(rm x) ]]",
    "[[ a = <(rm x) ]]", "&>[[ x =~ a; rm x ]]", "echo ${x#[[ x =~ cat <<-E\n{fd}>a\nE\nrm x ]]}",
    "ls \\ # `rm x`", "ls \\;# `rm x`", 'echo "$ $(rm x)"', "echo ${ rm x; }", "ls | nice 2>&1 > a rm x",
    "a=(b)#`rm x`",
    "ls <<E $(ls)\n`rm x`\nE", "less +!rm", "uv run rm",
    "declare -n X=PATH; X=.; ls",
    "$X x", "${X} x", "X=rm; $X x", "$(echo rm) x", "`echo rm` x", "/bin/r? x", "/bin/r* x", "r[m] x",
    "$'\\x72m' x", "{rm,x}", "r\\\nm x", "bash script.sh", "echo rm x | sh", "bash <<< 'rm x'",
    "bash <<E\nrm x\nE", "sh -c \"$X\"", "eval $X", "eval \"$(cat a)\"", ". ./a", "source a", "./a x",
    "/tmp/a x", "PATH=. ls", "export PATH=.; ls", "env PATH=. ls", "LD_PRELOAD=a ls", "python3 -c 1",
    "perl -e 1", "awk 'BEGIN{system(\"rm x\")}'", "git -c alias.x='!rm x' x", "find /bin/rm -exec {} x \\;",
    "xargs sh -c {}", "xargs env", "xargs nice -n 5", "env -S 'rm x'", "test -v 'a[$(rm x)]'", "if then",
    "nodejs -e 1", "view a", "rview a", "rvim a", "vim.basic a", "vimdiff a b", "gdbtui a", "jshell a",
    "jdb a", "jrunscript -e 1", "pager a", "editor a", "sensible-pager a", "zless a", "xzmore a", "vipw",
    "prove a", "perl5.36-x86_64-linux-gnu -e 1", "pdb3.11 a", "lli a", "luajit a", "gnuplot a",
    "cc -wrapper rm,x a.c", "g++ -wrapper rm,x a.c", "gcc-12 -wrapper rm,x a.c", "c++ -wrapper rm,x a.c",
    "x86_64-linux-gnu-g++-12 -wrapper rm,x a.c", "c99-gcc -wrapper rm,x a.c", "cpp -B. a.c",
    "echo 'open", "rm\u00a0x", "rm\rx", "hash -p /bin/rm ls; ls x", "env ./a", "sudo $X", "",
]  # fmt: skip


@pytest.mark.parametrize("line", DENIED)
def test_a_denied_program_is_denied_however_it_is_started(line: str) -> None:
    policy = Policy(
        Approve.ALL, deny=frozenset({"run_shell(rm *)"}), allow=frozenset({"run_shell", "run_shell(* *)"})
    )
    assert verdict(policy, line) == Verdict.DENY


@pytest.mark.parametrize("line", NOT_CERTAIN)
def test_what_cannot_be_read_for_certain_is_asked_about_in_every_mode_that_would_run_it(line: str) -> None:
    for approve in (Approve.ASK, Approve.AUTO, Approve.ALL):
        assert verdict(rules(deny="rm *", approve=approve), line) in (Verdict.ASK, Verdict.DENY)
    assert verdict(rules(deny="rm *", approve=Approve.READ), line) == Verdict.DENY


@pytest.mark.parametrize(
    "line", ["ls rm", "echo 'rm x'", "grep -r 'rm -f' .", "ls # rm x", "cat <<'E'\nrm x\nE"]
)
def test_a_word_that_is_not_run_denies_nothing(line: str) -> None:
    assert verdict(rules(deny="rm *"), line) == Verdict.ALLOW


@pytest.mark.parametrize(
    "line",
    [
        "rm -rf x",
        "rm -fr x",
        "rm -r -f x",
        "rm x -f -r",
        "rm -vrf x",
        "rm '-r' \"-f\" x",
        "rm > a -rf x",
        "rm <<E -rf x\nE",
    ],
)
def test_a_denied_option_is_denied_in_any_order_and_any_company(line: str) -> None:
    assert verdict(rules(deny="rm -rf *"), line) == Verdict.DENY


def test_a_denied_subcommand_is_found_behind_options_and_an_option_behind_its_value() -> None:
    assert verdict(rules(deny="git push *"), "git -C . push origin") == Verdict.DENY
    assert verdict(rules(deny="tar --use-compress-program"), "tar --use-compress-program=x a") == Verdict.DENY


def test_an_argument_that_is_made_when_it_runs_is_asked_about_and_not_let_through() -> None:
    assert verdict(rules(deny="rm -rf *"), "rm $FLAGS x") == Verdict.ASK
    assert verdict(rules(deny="rm -rf *"), "rm x") == Verdict.ALLOW


@pytest.mark.parametrize(
    "line",
    ["echo notes | xargs rm", "sudo xargs -n1 rm < list", "xargs nice rm", "rm ~/notes", "rm ~root/notes"],
)
def test_what_xargs_reads_and_a_home_folder_may_be_the_word_that_is_denied(line: str) -> None:
    assert verdict(rules(deny="rm notes"), line) == Verdict.ASK


@pytest.mark.parametrize("line", ["rm ./notes", "rm notes/", "rm a/../notes", "rm .//notes/."])
def test_a_denied_path_is_denied_however_it_is_written(line: str) -> None:
    assert verdict(rules(deny="rm notes"), line) == Verdict.DENY
    assert verdict(rules(deny="rm ./*"), "rm /etc/notes") == Verdict.ALLOW


ALLOWED = ["ls", "ls -l", "ls; ls -a", "ls && (ls)", "ls 2>/dev/null"]
NOT_ALLOWED = [
    "ls; pwd", "ls > a", "A=b ls", "/tmp/ls", "ls $X", "ls $(pwd)", "ls | xargs ls", "env ls", "ls &> a",
    "ls() { pwd; }; ls", "ls <(pwd)", "LD_PRELOAD=a ls", "ls ~/a",
]  # fmt: skip


@pytest.mark.parametrize("line", ALLOWED)
def test_a_line_is_allowed_when_each_of_its_commands_is(line: str) -> None:
    assert verdict(rules(allow="ls *", approve=Approve.ASK), line) == Verdict.ALLOW


@pytest.mark.parametrize("line", NOT_ALLOWED)
def test_a_line_with_more_than_is_allowed_is_asked_about(line: str) -> None:
    assert verdict(rules(allow="ls *", approve=Approve.ASK), line) == Verdict.ASK
    assert verdict(rules(allow="ls *", approve=Approve.READ), line) == Verdict.DENY


def test_what_can_run_any_program_is_allowed_only_by_its_name() -> None:
    assert verdict(rules(allow="* *", approve=Approve.ASK), "python3 a.py") == Verdict.ASK
    assert verdict(rules(allow="python3 a.py"), "python3 a.py") == Verdict.ALLOW


@pytest.mark.parametrize("line", ["python3 a.py", "$TOOL x", "echo $((n))", "ls > x", "while"])
def test_a_rule_that_only_allows_never_makes_a_question_of_what_ran_unasked(line: str) -> None:
    assert verdict(rules(allow="ls *"), line) == Verdict.ALLOW
    assert verdict(rules(allow="ls *", deny="rm *"), line) == (
        Verdict.ALLOW if line == "ls > x" else Verdict.ASK
    )


def test_a_rule_that_allows_one_command_makes_the_tool_offered_in_the_mode_read() -> None:
    policy = rules(allow="ls *", approve=Approve.READ)
    assert policy.offers(shell([]))
    assert verdict(policy, "ls") == Verdict.ALLOW
    assert not rules(approve=Approve.READ).offers(shell([]))


def test_deny_is_over_ask_is_over_allow_within_a_line() -> None:
    policy = rules(deny="rm *", ask="mv *", allow="* *")
    assert [verdict(policy, line) for line in ("ls", "ls; mv a b", "mv a b; rm c")] == [
        "allow",
        "ask",
        "deny",
    ]


def test_a_rule_may_name_the_effect_so_that_a_renamed_tool_is_no_way_around_it() -> None:
    policy = Policy(deny=frozenset({"executes(rm *)"}))
    assert policy.decide(shell([], "sh2"), {"command": "rm x"}).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("rule", "words"),
    [("work(rm *)", "work runs none; patterns are for executes, run_shell"),
     ("run_shell()", "it has no word"),
     ("run_shell(a 'b)", "No closing quotation"), ("run_shel(rm)", "names no tool and no effect")],
)  # fmt: skip
def test_a_pattern_that_can_never_match_is_refused(rule: str, words: str) -> None:
    @tool(effect=Effect.PURE)
    def work() -> str:
        """Work."""
        return ""

    with pytest.raises(SettingsError, match=words):
        Policy(deny=frozenset({rule})).check_names([work, shell([])])


# --- every way together, through the one place where calls run

WAYS = st.lists(
    st.sampled_from(
        ["env {}", "sudo -n {}", "nohup {}", "nice {}", "timeout 5 {}", "command {}", "exec {}", "xargs {}"]
    ),
    max_size=2,
)
AROUND = st.lists(
    st.sampled_from(
        ["ls; {}", "ls | {}", "({})", "$({})", 'echo "$({})"', "if ls; then {}; fi", "f() {{ {}; }}; f",
         "sh -c {quoted}", "eval {quoted}", "ls\n{}", "! {}", "ls && {} &", "while {}; do ls; done"]
    ),
    max_size=3,
)  # fmt: skip
NAMES = st.sampled_from(["rm", "/bin/rm", "\\rm", "'rm'", 'r""m', "r''m", "./rm", "/usr/bin/env rm", "$X"])


@example("", "rm", [], ["if ls; then {}; fi", "! {}"], "run_shell")  # read as the programs if and then
@given(st.sampled_from(["", "A=b ", "A=b C=d "]), NAMES, WAYS, AROUND, st.sampled_from(["run_shell", "sh2"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_way_leads_around_a_deny(desk, prefix: str, program: str, ways, around, name: str) -> None:
    line = f"{program} x"
    for way in ways:
        line = way.format(line)
    line = prefix + line
    for way in around:
        line = way.format(line, quoted=shlex.quote(line))
    ran: list[str] = []
    work = shell(ran, name, idempotent=True)
    policy = Policy(Approve.ALL, deny=frozenset({"executes(rm *)"}), allow=frozenset({"executes"}))
    dispatcher = desk.dispatcher(work, policy=policy)
    calls = [ToolCall(f"c{place}", name, {"command": line}) for place in range(2)]
    results = await asyncio.gather(*map(dispatcher.perform, calls))
    resumed = await dispatcher.settle(CallIntended(calls[0], work.effect, True, "", False))
    assert [result.outcome for result in (*results, resumed)] == [
        Outcome.DENIED,
        Outcome.DENIED,
        Outcome.UNKNOWN,
    ]
    assert ran == []
