"""Every flag is tested by what it changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentkit.core.events import RunStarted
from agentkit.journal.store import Journal

from .conftest import Cli, OpenAIServer, calling, saying

WRITES = [calling("write_file", path="a.txt", content="hello\n"), saying("written")]


def test_text_is_the_result_alone_and_progress_goes_elsewhere(cli: Cli) -> None:
    done = cli.run(*WRITES)
    assert done.stdout == "written\n"
    assert "write_file(" in done.stderr
    assert "finished" in done.stderr


def test_json_is_one_object(cli: Cli) -> None:
    told = json.loads(cli.run(*WRITES, flags=["--output", "json"]).stdout)
    assert (told["result"], told["steps"], told["run"]) == ("written", 2, cli.run_id())
    assert {"claim": "a.txt was made", "holds": True, "found": "6 bytes"} in told["verified"]


def test_jsonl_is_one_event_a_line(cli: Cli) -> None:
    done = cli.run(*WRITES, flags=["--output", "jsonl"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["event"]["type"] == "run started"
    assert events[-1]["event"]["type"] == "run ended"
    shown = cli("runs", "show", cli.run_id(), "--output", "jsonl")
    assert shown.stdout == done.stdout


@pytest.mark.parametrize("arguments", [["run"], ["run", "-"]])
def test_the_goal_can_come_from_standard_input(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments, "--model", cli.script(saying("done")), stdin="grüße the world\n")
    assert done.returncode == 0
    assert "grüße the world" in done.stderr


def test_a_goal_that_is_no_text_is_refused(cli: Cli) -> None:
    done = cli("run", "--model", cli.script(saying("done")), stdin=b"\xff\xfe")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not UTF-8" in done.stderr


def test_workspace_and_journal_say_where(cli: Cli) -> None:
    place, journal = cli.folder / "elsewhere", cli.folder / "other.db"
    place.mkdir()
    cli.run(*WRITES, flags=["--workspace", place, "--journal", journal])
    assert (place / "a.txt").read_text() == "hello\n"
    assert not cli.journal.exists()
    assert "do it" in cli("runs", "list", "--journal", journal).stdout


@pytest.mark.parametrize(
    ("flags", "written"),
    [
        ([], True),
        (["--approve", "read"], False),
        (["--approve", "ask"], False),  # nobody is here to ask
        (["--approve", "ask", "--allow", "write_file"], True),
        (["--approve", "ask", "--allow", "writes"], True),
        (["--approve", "all"], True),
        (["--deny", "write_file"], False),
        (["--deny", "writes", "--approve", "all"], False),
        (["--ask", "write_file"], False),
        (["--allow", "write_file", "--deny", "write_file"], False),
    ],
)
def test_rules_decide_what_runs(cli: Cli, flags: list[str], written: bool) -> None:
    cli.run(*WRITES, *[saying("written")] * 3, flags=flags)
    assert (cli.workspace / "a.txt").exists() is written


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--max-steps", "1"], "1 steps"),
        (["--max-tokens", "1"], "1 tokens"),
        (["--max-seconds", "0.000001"], "1e-06 seconds"),
    ],
)
def test_a_limit_ends_the_run(cli: Cli, flags: list[str], why: str) -> None:
    done = cli.run(*WRITES, flags=flags)
    assert (done.returncode, done.stdout) == (4, "")
    assert why in done.stderr


def test_a_limit_in_money_ends_the_run_with_what_it_has(cli: Cli) -> None:
    writes = [
        {**calling("write_file", path=f"{n}.txt", content="x"), "text": f"{n} files are written"}
        for n in range(20)
    ]
    price = f"scripted:{cli.folder}/script0.jsonl=100/100/100"
    done = cli.run(*writes, flags=["--prices", price, "--max-cost", "1"])
    assert done.returncode == 4
    assert "$1 does not allow another answer" in done.stderr
    count = len(list(cli.workspace.iterdir()))
    assert done.stdout == f"{count} files are written\n"  # its last answer
    assert 1 < count < 19


def test_a_limit_on_the_seconds_of_tools_cuts_a_command_off(cli: Cli) -> None:
    slow = [calling("run_shell", command="sleep 30; touch late"), saying("it was slow")]
    done = cli.run(*slow, flags=["--max-tool-seconds", "0.5"])
    assert (done.returncode, done.stdout) == (4, "it was slow\n")
    assert "the limit of 0.5 seconds in tools is reached" in done.stderr
    assert not (cli.workspace / "late").exists()


KEY = {"OPENAI_API_KEY": "k"}


def test_a_limit_in_money_is_refused_where_nobody_knows_the_price(cli: Cli) -> None:
    done = cli("run", "x", "-m", "openai:test", "--max-cost", "1", env=KEY)
    assert done.returncode == 2
    assert "--prices openai:test=INPUT/OUTPUT" in done.stderr
    assert "--max-tokens" in done.stderr
    assert "no runs" in cli("runs", "list").stdout


@pytest.mark.parametrize(
    ("source", "shown", "cost"),
    [
        ("none", "cost unknown", None),
        ("flag", "$0.00024", "0.00024"),
        ("variable", "$0.00024", "0.00024"),
        ("file", "$0.00024", "0.00024"),
    ],
)
def test_what_a_run_cost_is_told_or_said_to_be_unknown(cli: Cli, source: str, shown: str, cost: Any) -> None:
    price = "openai:test=2/0.5/20"
    flags = ["--prices", price] if source == "flag" else []
    env = {"AGENTKIT_PRICES": price} if source == "variable" else {}
    if source == "file":
        folder = cli.folder / "home/.config/agentkit"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(
            '[prices."openai:test"]\ninput = 2.0\ncached = 0.5\noutput = 20.0\n'
        )
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 5,
        "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 40},
    }
    with OpenAIServer([{"text": "from afar", "usage": usage}]) as server:
        flags += ["--base-url", server.url, "--output", "json"]
        done = cli("run", "x", "-m", "openai:test", *flags, env=KEY | env)
    assert json.loads(done.stdout)["cost"] == cost
    assert f"105 tokens, {shown}," in done.stderr
    assert f"105 tokens, {shown}," in cli("runs", "show", cli.run_id()).stdout


def test_a_model_of_this_machine_costs_nothing_and_that_is_shown(cli: Cli) -> None:
    done = cli.run(saying("done"), flags=["--max-cost", "0.01"])
    assert done.returncode == 0
    assert "tokens, $0, " in done.stderr


def test_a_second_sitting_keeps_the_price_and_the_limit_in_money(cli: Cli) -> None:
    price = f"scripted:{cli.folder}/script0.jsonl=100/100"
    flags = ["--prices", price, "--max-cost", "1", "--max-steps", "1"]
    assert cli.run(*WRITES, *WRITES, flags=flags).returncode == 4
    again = cli("runs", "resume", cli.run_id(), "--max-steps", "5", "--max-cost", "0.3")
    assert again.returncode == 4
    assert "$0.3 " in again.stderr


STARTS = {"calls": [{"name": "start_agent", "arguments": {"name": "scout", "task": "look around"}}]}


def test_agents_are_offered_as_a_pack_and_shown_with_the_run_they_work_for(cli: Cli) -> None:
    done = cli.run(STARTS, saying("nothing there"), saying("done"), flags=["--packs", "agents"])
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert "scout finished: 1 step, " in done.stderr
    listed = json.loads(cli("runs", "list", "--output", "json").stdout)
    (child,) = [one for one in listed if one["parent"]]
    (parent,) = [one for one in listed if not one["parent"]]
    assert child["parent"] == parent["run_id"]
    assert f"(for {parent['run_id']}) look around" in cli("runs", "list").stdout
    assert f"run {parent['run_id']}, as its agent scout" in cli("runs", "show", child["run_id"]).stdout
    assert f"scout begins, run {child['run_id']}" in cli("runs", "show", parent["run_id"]).stdout


@pytest.mark.parametrize(
    ("flag", "told"),
    [("--max-agents", "0 agents are the most"), ("--max-agent-depth", "no agents can be started here")],
)
def test_how_many_agents_there_may_be_is_a_flag(cli: Cli, flag: str, told: str) -> None:
    flags = ["--packs", "agents", flag, "0", "--output", "jsonl"]
    done = cli.run(STARTS, saying("alone"), saying("alone"), flags=flags)
    assert told in done.stdout


def test_no_limit_can_be_said(cli: Cli) -> None:
    done = cli.run(
        *WRITES, flags=["--max-steps", "none", "--max-seconds", "none"], env={"AGENTKIT_MAX_STEPS": "1"}
    )
    assert done.returncode == 0


def test_a_check_sees_the_workspace(cli: Cli) -> None:
    done = cli.run(*WRITES, flags=["--check", "grep -q hello a.txt"])
    assert done.returncode == 0, done.stderr
    assert "the check 'grep -q hello a.txt' passes" in done.stderr


def test_remote_flags_reach_the_server(cli: Cli) -> None:
    with OpenAIServer([{"text": "from afar"}]) as server:
        flags = ["--base-url", server.url, "--temperature", "0.5", "--seed", "7"]
        done = cli("run", "x", "-m", "openai:test", *flags, env={"OPENAI_API_KEY": "k"})
        assert (done.returncode, done.stdout) == (0, "from afar\n")
        assert server.bodies[0]["temperature"] == 0.5
        assert server.bodies[0]["seed"] == 7


def test_a_second_sitting_asks_the_same_server_and_keeps_the_rules(cli: Cli) -> None:
    failing = [{"status": 401, "error": {"message": "no"}}]
    key = {"OPENAI_API_KEY": "k"}
    call = {"name": "write_file", "arguments": {"path": "a.txt", "content": "x"}}
    with OpenAIServer([*failing, {"calls": [call]}, {"text": "done", "times": -1}]) as server:
        flags = ["--base-url", server.url, "--seed", "7", "--deny", "write_file"]
        assert cli("run", "x", "-m", "openai:test", *flags, env=key).returncode == 7
        assert cli("runs", "resume", env=key).returncode == 6
        assert {body["seed"] for body in server.bodies} == {7}
    assert not (cli.workspace / "a.txt").exists()


@pytest.mark.parametrize(
    ("flags", "name", "sent"),
    [
        ([], "max_tokens", 4096),
        (["--max-output-tokens", "300"], "max_tokens", 300),
        (["--context-window", "8000"], "max_tokens", 2000),
        (["--calls-per-step", "1"], "parallel_tool_calls", False),
    ],
)
def test_what_is_known_of_a_remote_model_shapes_what_it_is_asked(
    cli: Cli, flags: list[str], name: str, sent: object
) -> None:
    failing = [{"status": 401, "error": {"message": "no"}}]
    with OpenAIServer([*failing, {"text": "done"}]) as server:
        asked = ["x", "-m", "openai:test", "--base-url", server.url]
        assert cli("run", *asked, *flags).returncode == 7
        # a second sitting knows it too
        assert cli("runs", "resume").returncode == 0
        assert [body[name] for body in server.bodies] == [sent, sent]


def test_thoughts_without_their_first_tag_are_no_answer_where_that_is_said(cli: Cli) -> None:
    for flags, result in (((), "Hm.\n</think>\nTwo.\n"), (("--thoughts", "opened"), "Two.\n")):
        with OpenAIServer([{"text": "Hm.\n</think>\nTwo."}]) as server:
            assert cli("run", "x", "-m", "openai:test", "--base-url", server.url, *flags).stdout == result


def test_of_more_tools_than_a_remote_model_can_take_packs_are_shown_on_request(cli: Cli) -> None:
    offered = {}
    for flags in ((), ("--most-tools", "16")):
        with OpenAIServer([{"text": "done"}]) as server:
            asked = ["run", "x", "-m", "openai:test", "--base-url", server.url, "--packs", "all"]
            assert cli(*asked, *flags).returncode == 0
            offered[flags] = {tool["function"]["name"] for tool in server.bodies[0]["tools"]}
    everything, few = offered.values()
    assert few < everything | {"load_tools"}
    assert len(few) < len(everything)


def test_calls_written_as_text_are_run_where_their_form_is_declared(cli: Cli) -> None:
    call = '{"name": "write_file", "arguments": {"path": "a.txt", "content": "x"}}'
    script = [{"text": f"<tool_call>{call}</tool_call>"}, {"text": "done"}]
    asked = ["run", "x", "-m", "openai:test", "--base-url"]
    with OpenAIServer(script) as server:
        assert "<tool_call>" in cli(*asked, server.url).stdout
    assert not (cli.workspace / "a.txt").exists()
    with OpenAIServer(script) as server:
        assert cli(*asked, server.url, "--text-calls", "hermes").stdout == "done\n"
    assert (cli.workspace / "a.txt").read_text() == "x"


def test_a_flag_of_the_second_sitting_lifts_a_limit(cli: Cli) -> None:
    assert cli.run(*WRITES, flags=["--max-steps", "1"]).returncode == 4
    assert cli("runs", "resume").returncode == 2  # as it is, it would end again at once
    again = cli("runs", "resume", cli.run_id(), "--max-steps", "5")
    assert (again.returncode, again.stdout) == (0, "written\n")


def test_a_batch_may_repeat_itself_and_a_loop_ends_with_its_evidence(cli: Cli) -> None:
    script = [*[calling("list_files")] * 12, saying("done")]
    assert cli.run(*script, flags=["--batch", "list_files"]).returncode == 0
    told = json.loads(cli.run(*script, flags=["--output", "json"]).stdout)
    assert told["exit_code"] == 5
    assert told["result"].startswith("You called list_files 3 times in the same way and got the same result.")
    assert "It was list_files(), and the last answer was: " in told["result"]
    assert (told["loop"]["signal"], told["loop"]["times"]) == ("call", 3)
    wrong = cli.run(*script, flags=["--batch", "list_file"])
    assert (wrong.returncode, "list_files" in wrong.stderr) == (2, True)


def test_a_larger_model_finds_the_way_out_of_a_loop_and_is_remembered(cli: Cli) -> None:
    stuck, way_out = [calling("list_files")] * 20, [saying("two files")] * 20
    flags = ["--larger-model", cli.script(*way_out)]
    done = cli.run(*stuck, flags=flags)
    assert (done.returncode, done.stdout) == (0, "two files\n")
    assert cli.run(*stuck, flags=[*flags, "--max-steps", 6]).returncode == 4
    assert cli("runs", "resume", cli.run_id(), "--max-steps", 20).stdout == "two files\n"
    assert cli.run(*stuck, flags=["--larger-model", "nope:x"]).returncode == 2
    priced = cli.run(*stuck, flags=["--larger-model", "openai:o", "--max-cost", "1"])
    assert (priced.returncode, "nobody said what openai:o costs" in priced.stderr) == (2, True)


def test_every_flag_of_a_setting_is_shown_with_its_origin(cli: Cli) -> None:
    done = cli("config", "show", "--origin", "--retries", "2", env={"AGENTKIT_SEED": "3"})
    assert "retries = 2    # --retries" in done.stdout
    assert "seed = 3    # AGENTKIT_SEED" in done.stdout
    assert "max_steps = 40    # default" in done.stdout
    assert "#" not in cli("config", "show").stdout


def test_tools_tell_arguments_effect_repetition_and_verdict(cli: Cli) -> None:
    told = cli("tools", "--approve", "ask", "--deny", "network", "--allow", "write_file").stdout
    assert "run_shell(command, seconds=60)" in told
    assert "effect: executes; never repeated after a crash" in told
    assert "ask: approve = ask" in told
    assert "allow: the rule allow = 'write_file'" in told


def test_models_tell_licence_size_and_origin(cli: Cli, tmp_path: Path) -> None:
    told = cli("models", env={"AGENTKIT_MODELS_DIR": str(tmp_path / "none")}).stdout
    assert "local:smollm2  missing" in told
    assert "Apache-2.0, 98 MB" in told
    assert "get it with: agentkit models fetch smollm2" in told
    assert "no model is ready" in told


def test_without_a_model_the_line_that_gets_one_is_told(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "x", env={"AGENTKIT_MODELS_DIR": str(tmp_path / "none")})
    assert done.returncode == 2
    assert "agentkit models fetch" in done.stderr


@pytest.mark.parametrize("columns", [40, 80])
def test_the_list_of_runs_fits_the_terminal(cli: Cli, columns: int) -> None:
    cli.run(saying("done"), goal="日本語 " * 40)
    (line,) = cli("runs", "list", env={"COLUMNS": str(columns)}).stdout.splitlines()
    assert cli.run_id() in line
    assert "finished" in line
    assert sum(2 if char > "\u2fff" else 1 for char in line) <= columns


def test_a_run_is_shown_as_it_was_seen(cli: Cli) -> None:
    live = cli.run({**WRITES[0], "text": "I write now."}, WRITES[1])
    shown = cli("runs", "show", cli.run_id()).stdout
    for line in live.stderr.splitlines():
        if line.split()[0] not in ("finished", "claimed", "written"):
            assert line in shown
    assert shown.endswith("written\n")


def test_packs_add_tools_and_a_name_that_is_none_is_refused(cli: Cli) -> None:
    script = [calling("write_todo", items=["look"]), saying("done")]
    assert "there is no tool 'write_todo'" in cli.run(*script).stderr
    done = cli.run(*script, flags=["--packs", "files,plan"])
    assert "the list has 1 item" in done.stderr
    told = cli.run(*script, flags=["--packs", "plans"])
    assert told.returncode == 2
    assert "packs = 'plans' names no pack that is installed; known: " in told.stderr


def test_a_resumed_run_has_the_packs_it_began_with(cli: Cli) -> None:
    script = [
        calling("write_todo", items=["look"]),
        calling("set_todo", number=1, state="done"),
        saying("done"),
    ]
    cli.run(*script, flags=["--packs", "plan", "--max-steps", "1"])
    done = cli("runs", "resume", cli.run_id(), "--max-steps", "9")
    assert "look: done" in done.stderr


def test_domains_are_the_only_hosts_that_are_reached(cli: Cli) -> None:
    script = [calling("http_get", url="https://evil.example/"), saying("done")]
    done = cli.run(*script, flags=["--packs", "http", "--domains", "example.org", "--approve", "all"])
    assert "evil.example is not among the domains that may be reached: example.org" in done.stderr
    inside = [calling("http_get", url="https://127.0.0.1/"), saying("done")]
    done = cli.run(*inside, flags=["--packs", "http", "--approve", "all"])
    assert "no public address" in done.stderr


def test_what_lets_agents_work_is_not_said_to_compute_only(cli: Cli) -> None:
    told = cli("tools", "--packs", "agents").stdout
    assert "it only lets agents work, whose own calls are decided on" in told


def test_a_conversation_takes_the_flags_of_a_run(cli: Cli) -> None:
    script = cli.script(saying("1. look"), saying("looked"), saying("done"), saying("and done"))
    words = ["--name", "Ada", "--role", "who looks", "--goal", "G", "--constraint", "C", "--resource", "R"]
    reach = [
        "--domains",
        "example.org",
        "--inside",
        "localhost:1",
        "--search",
        "brave",
        "--larger-model",
        script,
    ]
    files = ["--best-practice", "B", "--batch", "list_files", "--unkept", "*.iso"]
    (cli.workspace / "big.iso").write_text("not kept")
    flags = ["-m", script, "--strategy", "plan-and-execute", *words, *reach, *files]
    done = cli(*flags, stdin="look\n/why ls\n")
    assert done.returncode == 0, done.stderr
    assert "plan-and-execute: 2.0 times the model calls" in done.stdout
    assert "big.iso" in done.stdout
    with Journal.open(cli.journal) as journal:
        started = journal.events(cli.run_id())[0].event
    assert isinstance(started, RunStarted)
    assert all(word in started.opening[0].text for word in ("Ada", "who looks", "- G", "- C", "- R", "- B"))
    assert (started.domains, started.inside) == (("example.org",), ("localhost:1",))
    assert (started.batch, started.larger_model) == (("list_files",), str(script))


@pytest.mark.parametrize("flag", ["--strategy=rewoo", "--batch=list_files", "--goal=G", "--name=N"])
def test_what_only_a_beginning_can_have_is_refused_later_and_not_dropped(cli: Cli, flag: str) -> None:
    assert cli.run(saying("done")).returncode == 0
    name = flag.partition("=")[0]
    for command in (["--resume", cli.run_id()], ["run", "--fork", cli.run_id()]):
        refused = cli(*command, flag, stdin="more\n")
        assert refused.returncode == 2
        assert f"{name} is for a new" in refused.stderr
