"""Runs without a person: -p, the goal from a pipe, events in a file, an answer of a given form, forks."""

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agentkit.journal.store import Journal

from .conftest import AGENTKIT, Cli, calling, saying


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def goal_of(cli: Cli) -> str:
    return json.loads(cli("runs", "list", "--output", "json").stdout)[0]["goal"]


@pytest.mark.parametrize("before", [True, False])
def test_p_is_a_run_whose_answer_alone_is_on_standard_output(cli: Cli, before: bool) -> None:
    model = ["--model", cli.script(calling("list_files"), saying("There are none."))]
    done = cli(*model, "-p", "how many files?") if before else cli("-p", "how many files?", *model)
    assert (done.returncode, done.stdout) == (0, "There are none.\n")
    assert "list_files" in done.stderr
    assert goal_of(cli) == "how many files?"


def test_p_without_a_text_takes_the_goal_from_standard_input(cli: Cli) -> None:
    model = cli.script(saying("done"))
    assert cli("-p", "--model", model, stdin="from a pipe").returncode == 0
    assert goal_of(cli) == "from a pipe"
    assert cli("run", "--model", model, stdin="and so").returncode == 0
    assert goal_of(cli) == "and so"
    assert cli("-p-", "-m", model, stdin="in one word").returncode == 0
    assert goal_of(cli) == "in one word"


def test_a_goal_that_is_given_twice_is_refused(cli: Cli) -> None:
    done = cli("run", "-p", "one", "two")
    assert done.returncode == 2
    assert "given twice" in done.stderr


def test_p_asks_nobody_even_at_a_terminal(cli: Cli) -> None:
    script = cli.script(calling("delete_file", path="a.txt"), saying("I may not."))
    (cli.workspace / "a.txt").write_text("a")
    terminal = cli.terminal("-p", "delete a.txt", "-m", script, "--approve", "ask")
    assert terminal.end() == 6
    assert "nobody is here to ask" in terminal.text
    assert "Allow it?" not in terminal.text
    assert (cli.workspace / "a.txt").exists()


def test_every_event_is_added_to_a_file_as_it_happens(cli: Cli) -> None:
    file = cli.folder / "events.jsonl"
    file.write_text('{"what":"was there"}\n')
    done = cli("-p", "count", "-m", cli.script(calling("list_files"), saying("done")), "--events", file)
    assert (done.returncode, done.stdout) == (0, "done\n")
    first, *rest = lines_of(file)
    assert first == {"what": "was there"}
    shown = cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout
    assert rest == [json.loads(line) for line in shown.splitlines()]


def test_events_reach_a_pipe_while_the_run_goes_on(cli: Cli) -> None:
    pipe = cli.folder / "pipe"
    os.mkfifo(pipe)
    script = cli.script(calling("list_files"), saying("done"))
    process = cli.start("-p", "do it", "-m", script, "--events", pipe)
    with pipe.open() as events:
        kinds = [json.loads(line)["event"]["type"] for line in events]
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"done\n")
    assert kinds[0] == "run started"
    assert kinds[-1] == "run ended"


def test_a_file_of_events_is_private_and_holds_no_secret(cli: Cli) -> None:
    file = cli.folder / "events.jsonl"
    key = "sk-" + "a1B2c3D4" * 5
    done = cli("-p", f"the key is {key}", "-m", cli.script(saying("done")), "--events", file)
    assert done.returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in file.read_text()


def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(cli: Cli) -> None:
    done = cli("-p", "do it", "-m", cli.script(saying("done")), "--events", "/proc/none")
    assert done.returncode == 2
    assert "/proc/none cannot be written" in done.stderr
    assert not cli.journal.exists()


def test_events_that_cannot_be_written_end_the_work_and_not_the_record(cli: Cli) -> None:
    done = cli("-p", "do it", "-m", cli.script(saying("done")), "--events", "/dev/full")
    assert done.returncode == 1
    assert "/dev/full cannot be written any more" in done.stderr
    assert "Traceback" not in done.stderr
    assert cli("runs", "resume").returncode == 0


def test_a_resumed_run_goes_on_in_the_same_file(cli: Cli) -> None:
    file = cli.folder / "events.jsonl"
    script = cli.script(calling("list_files"), calling("list_files", folder="."), saying("done"))
    assert cli("-p", "do it", "-m", script, "--events", file, "--max-steps", 1).returncode == 4
    assert cli("runs", "resume", cli.run_id(), "--max-steps", 9, "--events", file).returncode == 0
    assert [line["seq"] for line in lines_of(file)] == list(range(1, len(lines_of(file)) + 1))


SCHEMA = {
    "type": "object",
    "properties": {"port": {"type": "integer"}},
    "required": ["port"],
    "additionalProperties": False,
}


@pytest.fixture
def schema(cli: Cli) -> Path:
    file = cli.folder / "port.schema.json"
    file.write_text(json.dumps(SCHEMA))
    return file


def test_an_answer_of_the_form_is_printed_and_nothing_else(cli: Cli, schema: Path) -> None:
    script = cli.script(saying('{"port": 8080}'))
    done = cli("-p", "which port?", "-m", script, "--output-schema", schema)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"port": 8080})
    started = json.loads(cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout.splitlines()[0])
    assert json.dumps(SCHEMA) in str(started["event"]["opening"][-1]["text"])
    assert started["event"]["goal"] == "which port?"


def test_an_answer_without_the_form_is_asked_for_again_with_the_exact_fault(cli: Cli, schema: Path) -> None:
    script = cli.script(saying("8080"), saying('{"port": "8080"}'), saying('{"port": 8080}'))
    done = cli("-p", "which port?", "-m", script, "--output-schema", schema)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"port": 8080})
    assert "the value must be object, and is 8080" in done.stderr
    assert "the value['port'] must be integer, and is \"8080\"" in done.stderr
    assert cli("runs", "replay", cli.run_id()).returncode == 0


def test_after_two_more_answers_without_the_form_the_exit_code_is_8(cli: Cli, schema: Path) -> None:
    script = cli.script(*(saying(f"no {n}") for n in range(5)))
    done = cli("-p", "which port?", "-m", script, "--output-schema", schema, "--output", "json")
    assert done.returncode == 8
    outcome = json.loads(done.stdout)
    assert (outcome["ending"], outcome["steps"], outcome["result"]) == ("check failed", 3, "no 2")
    assert outcome["verified"][-1]["holds"] is False
    assert cli("runs", "replay", cli.run_id()).returncode == 0


def test_the_form_counts_after_a_kill_although_its_file_is_gone(cli: Cli, schema: Path) -> None:
    script = cli.script(calling("list_files"), saying("no"), saying('{"port": 1}'))
    assert cli("-p", "x", "-m", script, "--output-schema", schema, "--max-steps", 1).returncode == 4
    schema.unlink()
    done = cli("runs", "resume", cli.run_id(), "--max-steps", 9)
    assert (done.returncode, done.stdout) == (0, '{"port": 1}\n')


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is not JSON"), ('{"type": "prime"}', "is none of"), ('{"dependentSchemas": {}}', "not checked")],
)
def test_a_schema_that_cannot_be_checked_is_refused_before_anything_is_done(
    cli: Cli, text: str, words: str
) -> None:
    file = cli.folder / "bad.json"
    file.write_text(text)
    done = cli("-p", "x", "-m", cli.script(saying("done")), "--output-schema", file)
    assert done.returncode == 2
    assert f"{file}" in done.stderr
    assert words in done.stderr
    assert "no runs" in cli("runs", "list").stdout


def test_a_run_forks_and_goes_on_at_once_with_another_model(cli: Cli) -> None:
    script = cli.script(calling("list_files"), saying("by the first"))
    assert cli("-p", "count", "-m", script).returncode == 0
    first = cli.run_id()
    other = cli.script(saying("never asked"), saying("by the second"))
    done = cli("run", "--fork", f"{first[:8]}@1", "-m", other)
    assert (done.returncode, done.stdout) == (0, "by the second\n")
    assert f"has the history of {first} up to step 1" in done.stderr
    with Journal.open(cli.journal) as journal:
        forked = journal.runs()[-1]
        assert (forked.forked_from, forked.model) == (f"{first}@1", other)
        assert journal.events(first)[2:5] == journal.events(forked.run_id)[2:5]


def test_a_fork_in_another_folder_leaves_the_first_alone(cli: Cli) -> None:
    script = cli.script(calling("write_file", path="a.txt", content="a"), saying("done"))
    assert cli("-p", "write a.txt", "-m", script).returncode == 0
    there = cli.folder / "there"
    there.mkdir()
    (cli.workspace / "a.txt").unlink()
    done = cli("run", "--fork", f"{cli.run_id()}@0", "-w", there)
    assert done.returncode == 0, done.stderr
    assert (there / "a.txt").read_text() == "a"
    assert not (cli.workspace / "a.txt").exists()


def test_a_fork_begins_with_the_words_of_another_prompt(cli: Cli) -> None:
    (cli.workspace / "seen.txt").write_text("x")
    assert cli("-p", "count", "-m", cli.script(calling("list_files"), saying("one"))).returncode == 0
    first = cli.run_id()
    (cli.workspace / "later.txt").write_text("y")
    file = cli.folder / "terse.md"
    file.write_text("---\nversion: 1\nuser: 'Do {goal}. Files: {files}'\n---\nBe terse.\n")
    forked = cli("runs", "fork", f"{first}@1", "--prompt", file)
    assert forked.returncode == 0, forked.stderr
    shown = cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout.splitlines()
    event = json.loads(shown[0])["event"]
    assert [message["text"] for message in event["opening"]] == ["Be terse.", "Do count. Files: seen.txt"]
    assert (event["prompt"]["name"], event["prompt"]["origin"]) == ("terse", "file")
    assert len(shown) == 5
    assert cli("runs", "fork", f"{first}@1", "--prompt", "agent/small").returncode == 0
    small = json.loads(cli("runs", "show", cli.run_id(), "--output", "jsonl").stdout.splitlines()[0])
    assert small["event"]["prompt"]["name"] == "agent/small"


def test_a_fork_that_cannot_be_made_says_why(cli: Cli) -> None:
    assert cli("-p", "count", "-m", cli.script(saying("one"))).returncode == 0
    run_id = cli.run_id()
    for flags, words in (
        (["--fork", run_id, "a goal"], "keeps the goal"),
        (["--fork", run_id, "--strategy", "rewoo"], "--strategy is for a new run"),
        (["--fork", run_id, "--goal", "x"], "--goal is for a new run"),
        (["--fork", f"{run_id}@x"], "names no step"),
        (["--fork", f"{run_id}@9"], "has no step 9"),
        (["--fork", run_id, "--prompt", "none.md"], "none.md is not there"),
        (["--fork", run_id, "--prompt", "none"], "no prompt 'none'"),
        (["--fork", run_id, "-m", "nobody:x"], "nobody"),
        (["a goal", "--prompt", "agent/small"], "--prompt is for a fork"),
    ):
        done = cli("run", *flags, "--output", "json")
        assert done.returncode == 2, flags
        assert words in done.stderr
        assert words.split()[0] in json.loads(done.stdout)["error"]["message"]
    assert len(json.loads(cli("runs", "list", "--output", "json").stdout)) == 1


def completed(cli: Cli, *words: str) -> list[str]:
    """What a real bash offers for the last word, after sourcing the script."""
    program = cli.folder / "agentkit"
    program.write_text(f'#!/bin/sh\nexec {" ".join(AGENTKIT)} "$@"\n')
    program.chmod(0o755)
    script = f"""
        export PATH={cli.folder}:$PATH
        source <(agentkit completion bash)
        COMP_WORDS=({" ".join(map(repr, words))}); COMP_CWORD={len(words) - 1}
        _agentkit_completion agentkit
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script], cwd=cli.workspace, env=cli.env, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_a_real_bash_completes_commands_flags_values_and_runs(cli: Cli) -> None:
    assert completed(cli, "agentkit", "ru") == ["rules", "run", "runs"]
    assert {"list", "show", "resume", "fork", "replay", "rm"} <= set(completed(cli, "agentkit", "runs", ""))
    assert completed(cli, "agentkit", "run", "--output-s") == ["--output-schema"]
    assert completed(cli, "agentkit", "run", "--approve", "a") == ["ask", "auto", "all"]
    assert {"openai:", "replay:", "scripted:"} <= set(completed(cli, "agentkit", "run", "-m", ""))
    assert completed(cli, "agentkit", "models", "fetch", "qw") == ["qwen2.5-coder:1.5b"]
    assert completed(cli, "agentkit", "completion", "") == ["bash", "zsh", "fish"]
    assert completed(cli, "agentkit", "runs", "show", "") == []
    assert not cli.journal.exists()
    cli.run(saying("done"))
    assert completed(cli, "agentkit", "runs", "show", cli.run_id()[:4]) == [cli.run_id()]


@pytest.mark.parametrize(("shell", "at"), [("zsh", "1"), ("fish", "ru")])
def test_the_other_shells_get_a_script_that_asks_the_same_program(cli: Cli, shell: str, at: str) -> None:
    done = cli("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_AGENTKIT_COMPLETE={shell}_complete" in done.stdout
    asked = cli(
        env={"_AGENTKIT_COMPLETE": f"{shell}_complete", "COMP_WORDS": "agentkit ru", "COMP_CWORD": at}
    )
    assert "runs" in asked.stdout


def test_a_shell_that_is_not_known_is_refused(cli: Cli) -> None:
    assert cli("completion", "tcsh").returncode == 2


def test_a_fork_is_made_for_another_folder_and_goes_on_there_later(cli: Cli) -> None:
    script = cli.script(calling("write_file", path="a.txt", content="a"), saying("done"))
    assert cli("-p", "write a.txt", "-m", script).returncode == 0
    (cli.workspace / "a.txt").unlink()
    there = cli.folder / "there"
    there.mkdir()
    forked = cli("runs", "fork", f"{cli.run_id()}@0", "--workspace", there)
    assert forked.returncode == 0, forked.stderr
    assert f"the files in {there}" in forked.stdout
    assert cli("runs", "resume").returncode == 0
    assert (there / "a.txt").read_text() == "a"
    assert not (cli.workspace / "a.txt").exists()


def test_what_looked_wrong_when_the_agent_said_it_was_done_is_told_to_the_person(cli: Cli) -> None:
    doubt = "the task names port.txt, and there is no such file"
    script = cli.script(saying("It is done."), saying("It is done, I say."))
    done = cli("run", "-m", script, "write the port to port.txt")
    assert done.returncode == 0
    assert f"doubtful  {doubt}" in done.stderr + done.stdout
    told = cli("run", "-m", script, "--output", "json", "write the port to port.txt")
    assert json.loads(told.stdout)["doubts"] == [doubt]
    run = json.loads(told.stdout)["run"]
    assert f"doubtful  {doubt}" in cli("runs", "show", run).stdout
    assert cli("runs", "replay", run).returncode == 0
