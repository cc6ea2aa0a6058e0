"""What bash runs out of a line is compared with what the rules say about it."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.core.tools import Effect
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.shell_command import parse
from agentkit.tooling.tool import tool

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(BASH is None, reason="bash is not here")


@tool(effect=Effect.EXECUTES, command_line="command")
def run_shell(command: str) -> str:
    """Run."""
    return command


def verdict(line: str, denied: str = "forbidden *") -> Verdict:
    policy = Policy(Approve.ALL, deny=frozenset({f"run_shell({denied})"}))
    return policy.decide(run_shell, {"command": line}).verdict


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bool]:
    """Whether bash, given a line in a folder of its own, starts the program that is denied.

    The programs that a line can find are `forbidden`, which leaves a mark, and a few harmless ones.
    """
    folder: Path = tmp_path_factory.mktemp("scratch")
    programs, mark = folder / "bin", folder / "mark"
    programs.mkdir()
    script = programs / "forbidden"
    script.write_text(f"#!{BASH}\n: > {shlex.quote(str(mark))}\n")
    script.chmod(0o700)
    for name in ("bash", "cat", "env", "nice", "nohup", "sh", "sort", "split", "timeout", "xargs"):
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    work = folder / "work"
    work.mkdir()
    environment = {"PATH": str(programs), "HOME": str(work), "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8")}

    def started(line: str) -> bool:
        mark.unlink(missing_ok=True)
        command = [str(BASH), "--norc", "--noprofile", "-c", line]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(
            command,
            cwd=work,
            env=environment,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            start_new_session=True,
        ) as process:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
        return mark.exists()

    return started


# --- a variable y gets a text, and something evaluates it

HOLDS = [
    "y={quoted}; {use}", "y={quoted}\n{use}", "read -r y <<< {quoted}; {use}",
    "printf -v y %s {quoted}; {use}",
    "for y in {quoted}; do {use}; done", "y=$(echo {quoted}); {use}", "set -- {quoted}; y=$1; {use}",
    "declare y={quoted}; {use}", "l=({quoted}); y=${{l[0]}}; {use}", "read -r y <<'E'\n{text}\nE\n{use}",
    ": ${{y:={quoted}}}; {use}", "cat <<'E' | {{ read -r y; {use}; }}\n{text}\nE",
    "f() {{ y=$1; {use}; }}; f {quoted}", "case 1 in 1) y={quoted};; esac; {use}",
    "printf 'a[$%sforbidden)]' '(' | {{ read -r y; {use}; }}", "y='a[$'; y+='(forbidden)]'; {use}",
    "printf -v y 'a[$%sforbidden)]' '('; {use}", "y=a[$'\\x24'\\(forbidden\\)]; {use}",
]  # fmt: skip
TEXTS = [
    "a[$(forbidden)]",
    "a[`forbidden`]",
    "a[$(f''orbidden)]",
    "b[a[$(forbidden)]]",
    "a[$( (forbidden) )]",
]
USES = [
    'declare "-i" z; z=$y', "declare \\-i z=$y", "declare -{i,r} z=$y", "builtin declare -i z=$y",
    "\\declare -i z=$y",
    "command typeset -n z=$y; echo $z", "'declare' -i z; z=$y", "$'let' y", "'let' y", "l\\et y",
    'echo "$[y]"',
    "echo \"${HOME:$((y))}\"", 'p=-; [ "$p"v $y ]', 'l="-v $y"; [ $l ]', 'l="x -a -v $y"; [ $l ]',
    'l="-v $y -o x"; [ $l = x ]',
    'l="-v $y"; test $l', 'set -- -v $y; [ "$@" ]', "[ ! -v $y ]", "[ x = x -a -v $y ]",
    "[[ x == x && -v $y ]]", "'[' -v $y ]", "\\test '-v' \"$y\"", "for RANDOM in $y; do :; done",
    ": ${RANDOM:=$y}", "export \"$y=1\"", 'readonly -a "z=([y]=1)"', "declare -A m; m[$y]=1; ((m[$y]))",
    "[[ ( y -eq 1 ) ]]", "[[ x && y -eq 1 ]]", "(( 0 || y ))", "echo $(( y ? 1 : 2 ))",
    "echo $((y)) > /dev/null",
    "let > /dev/null y", "test < /dev/null -v $y", "declare < /dev/null -i z=$y", "a=(1); a=(${a[y]})",
    "echo $((y))", "echo $((1 + y))", "echo $(($y))", "echo $((${y}))", 'echo "$((y))"', "((y))", "((y++))",
    "((z = y))", "(( $y ))", "let y", "let z=y", 'let "z=$y"', "builtin let y", "echo $[y]",
    "echo $[ $y + 1 ]",
    "[[ y -eq 1 ]]", "[[ $y -eq 1 ]]", "[[ 1 -lt $y ]]", '[[ "$y" -gt 1 || 1 -eq 1 ]]', "[[ -v $y ]]",
    'test -v "$y"', "test -v $y", '[ -v "$y" ]', "[ ! -v $y ]", "op=-v; [ $op $y ]",
    'op=-v; [ "$op" "$y" ]',
    "echo ${HOME:y}", "echo ${HOME:0:y}", "echo ${HOME:$y}", "echo ${HOME: y}", 'echo "${HOME:y:1}"',
    "a=(1 2); echo ${a[y]}", "echo ${a[$y]}", "echo ${#a[y]}", 'echo "${a[y]:-1}"', "a[y]=1", "a[$y]=1",
    "a[y]+=1", "a=([y]=1)", "a=([$y]=1)", "declare -i z; z=$y", "declare -i z=y", "typeset -i z=$y",
    "declare -ai z; z=$y", 'declare "$y=1"', "declare -n z=$y; echo $z", "declare -rn z=$y; echo $z",
    "typeset -gn z=$y; z=1", 'printf -v "$y" 1', "printf -v $y 1", 'printf "-v$y" 1',
    "op=-v; printf $op $y 1",
    'read "$y" <<< 1', "read -r $y <<< 1", 'unset "$y"', "a=(1); unset $y", "echo ${!y}", 'echo "${!y}"',
    "echo ${!y:-1}", "echo ${y@P}", 'echo "${y@P}"', "for ((i = y; i < 1; i++)); do :; done",
    "for ((;y;)); do break; done", "RANDOM=$y", "SECONDS=$y", "exec {z[y]}> /dev/null", "echo ${a[@]:y}",
    "[[ -n $((y)) ]]", "cat <<E\n$((y))\nE\n:", "cat <<E\n$[y]\nE\n:", "cat <<E\n${HOME:y}\nE\n:",
    "cat <<< $((y))", "(((y)))", "if ((y)); then :; fi", "while ((y)); do break; done", "f() { ((y)); }; f",
    "case $((y)) in *) ;; esac", "echo ${x:-$((y))}", "echo ${x:+1}${x-${HOME:y}}", "test -n x -a -v $y",
    "getopts a y; echo $((y))", "local() { ((y)); }; local", "eval $y", "trap \"$y\" EXIT", "echo <(((y)))",
    "wait -p $y", "[[ ! y -ne 0 ]]", "command printf -v $y 1", "a=(1); test -v $y", "echo ${y@P}${y@Q}",
]  # fmt: skip


def held(hold: str, text: str, use: str) -> str:
    return hold.format(quoted=shlex.quote(text), text=text, use=use)


@needs_bash
@pytest.mark.parametrize("use", USES)
def test_a_variable_that_is_evaluated_is_asked_about(use: str) -> None:
    # the text is hidden from whoever looks for a substitution in it
    for hold in HOLDS[-3:]:
        assert verdict(held(hold, "", use)) is not Verdict.ALLOW
    assert verdict(f"read -r y; {use}") is not Verdict.ALLOW


@needs_bash
def test_the_hostile_lines_are_hostile(runs: Callable[[str], bool]) -> None:
    fired = [use for use in USES if runs(held(HOLDS[0], TEXTS[0], use))]
    assert len(fired) > 60
    assert len([hold for hold in HOLDS if runs(held(hold, TEXTS[0], "((y))"))]) == len(HOLDS)
    assert not runs("y=1; echo $((y))")


@needs_bash
@given(st.sampled_from(HOLDS), st.sampled_from(TEXTS), st.sampled_from(USES))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_bash_runs_from_a_variable_is_never_allowed(
    runs: Callable[[str], bool], hold: str, text: str, use: str
) -> None:
    line = held(hold, text, use)
    assert verdict(line) is not Verdict.ALLOW or not runs(line)


# --- pieces in any order

INNER = [
    "forbidden",
    "$(forbidden)",
    "`forbidden`",
    "$(echo forbidden)",
    "x",
    "y",
    "$y",
    "1",
    "f\\orbidden",
    "''",
]
NESTS = [
    "{} {}", "{} {} {}", "[[ x =~ {} ]]", "[[ {} = {} ]]", "cat <<'{}'\n{}\nE\n", "cat <<E{}\n{}\nE\n{}",
    "{} &> a {}",
    "echo `\\{}`", "echo \"'{}'\"", "echo a{}#{}", 'echo "${{x%"{}"}}"', "echo $( # {}\n{})", "x='{}' {}",
    "<<<x {}",
    "{} > /dev/null {}", "{} <<< x {}", "{} 2>&1 {} < /dev/null {}", "{} <<E {}\n{}\nE\n",
    "x | {} > /dev/null {}",
    "{} && {} > /dev/null {}",
    "{}", "echo {}", "echo ${{x:={}}}", "echo ${{x:-{}}}", "echo ${{x#{}}}", "echo ${{x/{}/}}",
    "echo ${{x:{}}}",
    'echo "{}"', 'echo "${{x:-{}}}"', "echo $(({}))", "echo $[{}]", "(({}))", "a[{}]=1", "a=([{}]=1)",
    "a=({})",
    "[[ {} ]]", "[[ -v {} ]]", "[ {} ]", "test {}", "[[ 1 -eq {} ]]", "y={}", "y='{}'", 'y="{}"', "x=`{}`",
    "x=$({})", "{} <<< {}", "read y <<< '{}'", "cat <<E\n{}\nE\n", "cat <<'E'\n{}\nE\n", "{}; {}",
    "{} | {}",
    "{} && {}", "({})", "{{ {}; }}", "! {}", "f() {{ {}; }}; f", "if {}; then {}; fi",
    "for y in {}; do {}; done",
    "case {} in *) {};; esac", "env {}", "sh -c '{}'", "eval '{}'", "eval {}", "trap '{}' EXIT", "{} # {}",
    "{}#{}",
    "{} > /dev/null", "> /dev/null {}", "echo '{}'", "echo $'{}'", "{}\n{}", "{}\\\n{}", "xargs {}",
    "nice {}",
    "alias l='{}'\nl", "shopt -s expand_aliases\n{}", "split --filter='{}'", "echo <({})", "echo {{{},x}}",
    "{}{}",
    "coproc {}", "time {}", "{}() {{ {}; }}", "PS4='{}'; set -x; :", "printf -v {} 1", "let {}",
    "declare {}",
    "declare -i y={}", "echo ${{!{}}}", "echo ${{{}@P}}", "exec {}", "BASH_ENV={} bash -c :", "\\{}",
    "x=1 {}",
    "cat <<E | sh\n{}\nE\n", "bash <<< '{}'", "BASH_CMDS[x]=forbidden; {}", "echo ${{a[{}]}}", "unset {}",
    "{} ;;",
    "((1)) && {}", "set -- {}; $1", 'set -- {}; "$@"', "echo ${{x^^{}}}", "echo ${{x?{}}}",
    "echo ${{x%%'{}'}}",
    "case x in x) {} ;; esac", "until {}; do break; done", "select y in {}; do {}; done",
    "function f {{ {}; }}\nf",
]  # fmt: skip


@st.composite
def soups(draw: st.DrawFn) -> str:
    line = draw(st.sampled_from(INNER))
    for _ in range(draw(st.integers(1, 4))):
        nest = draw(st.sampled_from(NESTS))
        places = nest.replace("{{", "").count("{}") or nest.count("{}")
        others = [draw(st.sampled_from(INNER)) for _ in range(places + 2)]
        others[draw(st.integers(0, max(places - 1, 0)))] = line
        line = nest.format(*others)
    return line


@needs_bash
@given(soups())
@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_bash_runs_out_of_any_pieces_is_never_allowed(runs: Callable[[str], bool], line: str) -> None:
    assert verdict(line) is not Verdict.ALLOW or not runs(line)


# --- programs that start others

LAUNCHED = [
    "unbuffer", "xvfb-run", "perf stat", "ltrace", "valgrind -q", "runcon -t a", "choom -n 0 --",
    "cpulimit -l 5 --",
    "capsh --", "ip netns exec n", "hyperfine", "script -c", "watch", "parallel", "ssh host", "su -c",
    "sudo",
    "doas", "pkexec", "systemd-run", "flock l", "timeout 5", "chrt 1", "ionice", "taskset 1", "setsid",
    "stdbuf -oL",
    "tini --", "dumb-init", "entr", "xargs", "find . -exec", "find . -ok", "bwrap --bind / /", "proot",
    "faketime 1",
    "rlwrap", "dtach -n s", "sshpass -p x", "gosu root", "mpirun -n 2", "strace -f",
    "setpriv --no-new-privs", "fd -x",
]  # fmt: skip


@pytest.mark.parametrize("launcher", LAUNCHED)
def test_a_denied_program_is_denied_behind_what_starts_it(launcher: str) -> None:
    assert verdict(f"{launcher} rm x", "rm *") is Verdict.DENY


@pytest.mark.parametrize(
    "line",
    ["split --filter='rm x' f", "split --filt 'rm x' f", "sort --compress-program=rm f", "rg --pre rm x",
     "capsh -- -c 'rm x'", "hyperfine 'rm x'", "tcpdump -z rm", "nc -e rm", "shopt -s extglob",
    "builtin shopt -s extglob", "shopt -s $x", "set -H", "set $x",
     "gcc -wrapper rm,x a.c",
     "HOME=. bash -ic ls", "bash --rcfile a -ic ls", "bash -lc ls"],
)  # fmt: skip
def test_an_option_that_starts_a_program_is_asked_about(line: str) -> None:
    assert verdict(line, "rm *") is not Verdict.ALLOW


EVERYDAY = [
    "ls", "ls -la src", "cd src && ls", "pwd", "cat a.txt", "head -n 5 a.txt", "tail -f log", "wc -l *.py",
    "grep -rn 'def main' src", 'grep -E "a|b" f | sort | uniq -c', "rg -n todo", "find . -name '*.py'",
    "find . -type f -newer a", "echo hello", 'echo "$HOME"', "echo ${HOME}", "echo ${A:-none}",
    ": ${A:=1}", "echo $?",
    'echo "$(pwd)"', "echo $((3 + 4))", "echo $(( (1 << 8) - 1 ))", "A=1; echo $A", "export A=1",
    'export A="$B"',
    "mkdir -p a/b", "touch a", "cp -r a b", "mv a b", "ln -s a b", "chmod +x a", "pytest -q",
    "pytest -k 'a and b'",
    "ruff check .", "mypy src", "diff -u a b", "sort -u a", "cut -d, -f1 a", "tr a-z A-Z < a",
    "tee log < a",
    "for f in *.txt; do cat \"$f\"; done", "for i in 1 2 3; do echo $i; done",
    "if [ -f a ]; then cat a; fi",
    '[ -n "$A" ] && echo yes', '[ "$A" = b ] || echo no', "[ $? -eq 0 ] && echo fine",
    '[ "$n" -gt 3 ] && ls', '[ -n "$a" -a "$b" = c ] && ls', '[ ! -e "$d/a" ] && ls',
    '[ -z "$a" ] || [ "$b" != "$c" ]; ls', '[[ -n $a && ! -f $b ]] && ls', '[[ $# -gt 1 ]] && ls',
    '[ "$(id -u)" -eq 0 ] && ls',

    "[[ -d src ]] && ls src",
    '[[ $A == b* ]] && ls', 'while read -r l; do echo "$l"; done < a', "cat <<E\nhello $A\nE",
    "cat > a <<'E'\nx $y\nE",
    "cat <<'E' > a\necho $(date) `x` ${y@P}\nE", "printf '%s\\n' \"$A\"", "printf 'a\\n' > a", "date +%F",
    "du -sh .",
    "ps aux | grep x", "kill 12", "sleep 1 & wait", "curl -s http://localhost:8000", "time ls",
    "env | sort",
    "which ls", "test -f a && cat a", "stat a", "basename \"$A\" .py", 'echo "${A%.txt}" ${A##*/} ${A/x/y}',
    "echo ${#A} ${A:0:3} ${A^^}", 'a=(1 2 3); echo "${a[@]}" ${a[0]} ${#a[@]}', "sudo ls", "jq .a f.json",
    "ls | xargs wc -l", "timeout 5 ls", "gcc -O2 -o a a.c", "cmake -B build", "ip addr show",
    "split -l 100 a",
    "unset A", "set -euo pipefail; ls",  "f() { echo \"$1\"; }; f a", "case $A in a) ls;; *) pwd;; esac",
]  # fmt: skip


@pytest.mark.parametrize("line", EVERYDAY)
def test_an_everyday_line_is_not_asked_about(line: str) -> None:
    assert verdict(line, "rm *") is Verdict.ALLOW


@pytest.mark.parametrize(
    "piece",
    ["ls a; ", "echo ${x:-", "$(", "eval ", "a[$((", '"', "echo 'a' # b\n", "{ ", "sh -c 'ls' ",
    "[ $a ] && ", "`", "(("],
)  # fmt: skip
def test_a_long_line_is_read_at_once(piece: str) -> None:
    line = (piece * (10_000 // len(piece) + 1))[:10_000]
    parse("ls")  # the grammar is loaded
    took: list[float] = []
    for _ in range(3):
        begun = time.process_time()
        parse(line)
        took.append(time.process_time() - begun)
    assert min(took) < 0.5  # ten times what it takes, as machines differ
