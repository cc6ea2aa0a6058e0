"""`agentkit eval` as a person runs it: each flag by its effect, and killed in the middle."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.events import Recorded, RunStarted
from agentkit.journal.store import Journal

from .conftest import Cli, OpenAIServer, calling, saying, wait_until

TASKS = """
from agentkit.evaluation import Case, Task

def reads(wanted):
    return lambda after: after.files == {"a.txt": wanted}

ports = Task("ports", (
    Case("write hello", "write", "write hello", reads("hello"), tags=("one-step",)),
    Case("write bye", "write", "write bye", reads("bye")),
    Case("tell nothing", "tell", "tell nothing", lambda after: after.files == {}, tags=("absent",)),
), max_steps=7)

many = Task("many", tuple(Case(f"case {n}", "many", "write hello", reads("hello")) for n in range(8)))
"""
WRITES = [calling("write_file", path="a.txt", content="hello"), *[saying("written")] * 3]


class Eval:
    """The command with a file of tasks, a script and a log."""

    def __init__(self, cli: Cli) -> None:
        self.cli = cli
        self.tasks = cli.folder / "tasks.py"
        self.tasks.write_text(TASKS)
        self.out = cli.folder / "log.jsonl"

    def __call__(
        self, *flags: object, task: str = "ports", script: list[Any] = WRITES, **options: Any
    ) -> Any:
        flags = flags if "--out" in flags else (*flags, "--out", self.out)
        flags = flags if "--model" in flags else (*flags, "--model", self.model(script))
        return self.cli("eval", f"{self.tasks}:{task}", *flags, **options)

    def model(self, script: list[Any]) -> str:
        path = self.cli.folder / "answers.jsonl"
        text = "".join(json.dumps(line) + "\n" for line in script)
        if not path.exists() or path.read_text() != text:  # another time is another script
            path.write_text(text)
        return f"scripted:{path}"

    def lines(self, kind: str = "case") -> list[dict[str, Any]]:
        whole = self.out.read_bytes().split(b"\n")[:-1] if self.out.exists() else []
        return [line for line in map(json.loads, whole) if line["line"] == kind]

    def verdicts(self) -> dict[str, bool | None]:
        return {line["id"]: line["reached"] for line in self.lines()}

    def runs(self) -> dict[str, list[Recorded]]:
        """The events of every run of every case."""
        found: dict[str, list[Recorded]] = {}
        for path in sorted(self.out.with_suffix(".journals").glob("*.db")):
            with Journal.open(path) as journal:
                found |= {run.run_id: journal.events(run.run_id) for run in journal.runs()}
        return found

    def started(self) -> RunStarted:
        event = next(iter(self.runs().values()))[0].event
        assert isinstance(event, RunStarted)
        return event


@pytest.fixture
def evaluate(cli: Cli) -> Eval:
    return Eval(cli)


def test_the_report_goes_to_standard_output_and_cases_as_they_end_elsewhere(evaluate: Eval) -> None:
    done = evaluate()
    assert done.returncode == 0, done.stderr
    assert evaluate.verdicts() == {"write hello": True, "write bye": False, "tell nothing": False}
    assert "all           1 of 3         33 %    6 % to  79 %" in done.stdout
    assert f"log: {evaluate.out}" in done.stdout
    ended = [line.split("  ")[0] for line in done.stderr.split("\n") if "steps" in line]
    assert sorted(ended) == ["not reached", "not reached", "reached"]  # in the order in which they end
    assert list(evaluate.cli.workspace.iterdir()) == []


def test_the_line_that_shows_a_run_works(evaluate: Eval) -> None:
    done = evaluate("--only", "bye")
    command = next(line for line in done.stderr.split("\n") if "runs show" in line).split()
    assert "write bye" in evaluate.cli(*command[1:]).stdout


def test_a_case_without_a_verdict_is_an_exit_code_of_its_own(evaluate: Eval) -> None:
    done = evaluate("--limit", 1, script=[{"error": {"kind": "ProviderDown", "message": "nobody answers"}}])
    assert done.returncode == 1
    assert "1 case without a verdict" in done.stdout
    assert evaluate.verdicts() == {"write hello": None}


@pytest.mark.parametrize(("at_least", "code"), [(0, 0), (1, 0), (2, 1)])
def test_fewer_reached_than_asked_for_is_an_exit_code_of_its_own(
    evaluate: Eval, at_least: int, code: int
) -> None:
    done = evaluate("--at-least", at_least)
    assert done.returncode == code, done.stderr
    assert ("1 of 3 were reached; at least 2 should be" in done.stderr) == bool(code)


def test_model_says_who_answers_and_out_where_the_log_goes(evaluate: Eval) -> None:
    evaluate.out = evaluate.cli.folder / "deep/down/other.jsonl"
    evaluate("--out", evaluate.out)
    [header] = evaluate.lines("header")
    assert header["model"] == f"scripted:{evaluate.cli.folder}/answers.jsonl"
    assert len(evaluate.lines()) == 3


def test_without_out_the_log_lies_beside_the_journal_and_is_found_again(evaluate: Eval) -> None:
    command = ["eval", f"{evaluate.tasks}:ports", "--model", evaluate.model(WRITES)]
    first, second = evaluate.cli(*command), evaluate.cli(*command)
    [log] = (evaluate.cli.folder / "evals").glob("ports-*.jsonl")
    assert f"log: {log}" in first.stdout
    assert second.stdout == first.stdout
    assert (first.stderr.count("steps"), second.stderr) == (3, "")


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (["--only", "hello"], ["write hello"]),
        (["--only", "write"], ["write hello", "write bye"]),
        (["--only", "one-step"], ["write hello"]),
        (["--only", "tell"], ["tell nothing"]),
        (["--limit", 2], ["write hello", "write bye"]),
        (["--only", "write", "--limit", 1], ["write hello"]),
    ],
    ids=str,
)
def test_only_and_limit_choose_cases(evaluate: Eval, flags: list[object], ids: list[str]) -> None:
    done = evaluate(*flags)
    assert sorted(evaluate.verdicts()) == sorted(ids)
    assert f"of {len(ids)} " in next(line for line in done.stdout.split("\n") if line.startswith("all"))


def test_the_rest_goes_into_the_same_log(evaluate: Eval) -> None:
    evaluate("--only", "hello")
    evaluate()
    assert Counter(line["id"] for line in evaluate.lines()).most_common(1)[0][1] == 1
    assert len(evaluate.lines()) == 3


@pytest.mark.parametrize("parallel", [1, 4])
def test_parallel_says_how_many_cases_are_at_work_at_a_time(evaluate: Eval, parallel: int) -> None:
    script = [WRITES[0], {**WRITES[1], "wait": 0.1}]
    evaluate("--parallel", parallel, task="many", script=script)
    spans = [(events[0].at, events[-1].at) for events in evaluate.runs().values()]
    together = max(sum(begun <= at < ended for begun, ended in spans) for at, _ in spans)
    assert (len(spans), together) == (8, parallel)


@pytest.mark.parametrize(
    ("flags", "name", "value"),
    [
        (["--max-steps", "5"], "max_steps", 5),
        ([], "max_steps", 7),  # the task's own
        (["--max-seconds", "50"], "max_seconds", 50),
        (["--max-tokens", "90000"], "max_tokens", 90000),
        (["--approve", "all"], "approve", "all"),
        (["--deny", "network"], "deny", ["network"]),
        (["--ask", "network"], "ask", ["network"]),
        (["--allow", "network"], "allow", ["network"]),
        (["--temperature", "0.5"], "temperature", 0.5),
        (["--seed", "7"], "seed", 7),
        (["--strategy", "reflexion"], "strategy", "reflexion"),
        (["--base-url", "http://127.0.0.1:9/v1"], "base_url", "http://127.0.0.1:9/v1"),
    ],
    ids=str,
)
def test_a_flag_of_the_runs_reaches_them_and_the_log(
    evaluate: Eval, flags: list[str], name: str, value: Any
) -> None:
    done = evaluate("--limit", 1, *flags)
    assert done.returncode == 0, done.stderr
    assert evaluate.lines("header")[0]["settings"][name] == value
    started = evaluate.started()
    found = getattr(started.limits if name.startswith("max_") else started, name.removeprefix("max_"))
    assert (list(found) if isinstance(found, tuple) else found) == value


def test_a_rule_changes_what_is_reached(evaluate: Eval) -> None:
    evaluate("--deny", "write_file", script=[WRITES[0], *[saying("I could not")] * 4])
    assert evaluate.verdicts()["write hello"] is False


@pytest.mark.parametrize(
    ("flags", "step", "asked"),
    [
        (["--retries", "1"], {"status": 500, "error": {"message": "on fire"}, "times": -1}, 2),
        (["--idle-seconds", "0.3", "--retries", "0"], {"hang": "before", "times": -1}, 1),
    ],
    ids=["retries", "idle"],
)
def test_remote_flags_reach_the_server(
    evaluate: Eval, flags: list[str], step: dict[str, Any], asked: int
) -> None:
    with OpenAIServer([step]) as server:
        remote = ["--model", "openai:test", "--base-url", server.url, "--limit", 1]
        done = evaluate(*remote, *flags, env={"OPENAI_API_KEY": "sk-test"})
        assert len(server.bodies) == asked
    assert done.returncode == 1
    assert evaluate.verdicts() == {"write hello": None}


def test_cases_share_the_connections_of_one_remote_model(evaluate: Eval) -> None:
    with OpenAIServer([{"text": "nothing", "times": -1}]) as server:
        remote = ["--model", "openai:test", "--base-url", server.url, "--parallel", 1]
        evaluate(*remote, env={"OPENAI_API_KEY": "sk-test"})
        assert evaluate.verdicts()["tell nothing"] is True
        assert (len(server.bodies) >= 3, server.connections) == (True, 1)


def test_compare_tests_two_logs_on_the_same_cases(evaluate: Eval) -> None:
    first = evaluate.out
    evaluate(task="many")
    evaluate.out = evaluate.cli.folder / "second.jsonl"
    evaluate(task="many", script=[saying("done")])
    done = evaluate.cli("eval", "--compare", first, evaluate.out)
    assert done.returncode == 0, done.stderr
    assert "of 8 cases, only A reached 8, only B 0" in done.stdout
    assert "p = 0.00781" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no task was named"),
        (["none.py:x"], "no file of tasks 'none.py'"),
        (["--compare", "a.jsonl", "b.jsonl"], "log a.jsonl: No such file"),
        (["x.py:y", "--compare", "a.jsonl", "b.jsonl"], "leave the task out"),
        (["x.py:y", "--parallel", "0"], "--parallel"),
        (["x.py:y", "--limit", "0"], "--limit"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_in_one_line(cli: Cli, arguments: list[str], said: str) -> None:
    done = cli("eval", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_case_like_that_is_refused_with_the_families(evaluate: Eval) -> None:
    done = evaluate("--only", "nonsense")
    assert done.returncode == 2
    assert "its families: write, tell" in done.stderr
    assert not evaluate.out.exists()


def test_a_model_that_is_not_there_is_said_before_anything_runs(evaluate: Eval) -> None:
    done = evaluate("--model", "scripted:none.jsonl")
    assert done.returncode == 2
    assert evaluate.lines() == []


def test_a_log_of_another_task_is_refused(evaluate: Eval) -> None:
    evaluate()
    before = evaluate.out.read_bytes()
    done = evaluate(task="many")
    assert done.returncode == 2
    assert "task 'ports' there, 'many' here" in done.stderr
    assert evaluate.out.read_bytes() == before


def test_killed_in_the_middle_it_goes_on_without_doing_a_finished_case_again(evaluate: Eval) -> None:
    slow = [WRITES[0], {**WRITES[1], "wait": 0.3}]
    command = ["eval", f"{evaluate.tasks}:many", "--model", evaluate.model(slow), "--out", evaluate.out]
    process = evaluate.cli.start(*command, "--parallel", 2)
    wait_until(lambda: len(evaluate.lines()) >= 3)
    process.kill()
    process.communicate()
    finished = {line["id"]: line["run"] for line in evaluate.lines()}
    assert 3 <= len(finished) < 8
    with evaluate.out.open("ab") as log:
        log.write(b'{"line":"case","id":"case')  # as if killed while writing

    done = evaluate.cli(*command)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("2 steps") == 8 - len(finished)
    lines = evaluate.lines()
    assert sorted(line["id"] for line in lines) == [f"case {n}" for n in range(8)]
    assert all(line["reached"] for line in lines)
    assert {line["id"]: line["run"] for line in lines} == {
        **{line["id"]: line["run"] for line in lines},
        **finished,
    }
    # every finished case ran once; only what was at work when it was killed ran twice
    asked = Counter(path.name for path in evaluate.out.with_suffix(".journals").glob("*.db"))
    assert len(asked) == 8
    assert 8 <= len(evaluate.runs()) <= 10
    assert set(finished.values()) <= set(evaluate.runs())


def test_stopped_by_a_signal_it_says_how_to_go_on(evaluate: Eval) -> None:
    slow = [WRITES[0], {**WRITES[1], "wait": 5}]
    command = ["eval", f"{evaluate.tasks}:many", "--model", evaluate.model(slow), "--out", evaluate.out]
    process = evaluate.cli.start(*command)
    wait_until(lambda: Path(evaluate.out).exists() and evaluate.runs())
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143
    assert b"the same command goes on" in err
    assert evaluate.lines() == []
