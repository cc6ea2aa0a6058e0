"""What is done with recorded runs: exported, imported, removed, forked."""

import json

import pytest
from msgspec.structs import replace

from agentkit.core.events import Compacted, CompactionUndone, LeftOut, Nudged, PromptUsed, RunStarted
from agentkit.core.usage import Limits
from agentkit.journal.store import Journal

from .conftest import Cli, OpenAIServer, calling, saying, without_colour


@pytest.fixture
def run_id(cli: Cli) -> str:
    """A recorded run of two steps; the list of files at its start is kept as a text."""
    (cli.workspace / "long.txt").write_text("a line that is read\n" * 2000)
    assert cli.run(calling("read_file", path="long.txt"), saying("done")).returncode == 0
    return cli.run_id()


def test_a_run_travels_through_a_file_into_another_journal(cli: Cli, run_id: str) -> None:
    file = cli.folder / "run.jsonl"
    assert cli("runs", "export", run_id, file).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    other = ["--journal", cli.folder / "other.db"]
    done = cli("runs", "import", file, *other)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"imported run {run_id}" in done.stdout
    assert cli("runs", "export", run_id[:6], *other).stdout == file.read_text()
    assert cli("runs", "show", run_id, *other).stdout == cli("runs", "show", run_id).stdout
    assert "is here already, with the same" in cli("runs", "import", file, *other).stdout


def test_an_exported_run_is_read_by_jq(cli: Cli, run_id: str) -> None:
    cli("runs", "export", run_id, cli.folder / "run.jsonl")
    lines = [json.loads(line) for line in (cli.folder / "run.jsonl").read_text().splitlines()]
    assert [line["event"]["type"] for line in lines if line["line"] == "event"] == [
        json.loads(line)["event"]["type"]
        for line in cli("runs", "show", run_id, "--output", "jsonl").stdout.splitlines()
    ]
    assert any(line["line"] == "text" and "long.txt" in line["text"] for line in lines)


def test_what_a_compaction_left_out_is_shown_and_travels_with_the_run(cli: Cli, run_id: str) -> None:
    with Journal.open(cli.journal) as journal, journal.resume(run_id) as log:
        handle = log.keep("what was left out")
        log.append(Compacted("asked", 9000, 4000, (LeftOut(1, handle),), whole=5))
        log.append(CompactionUndone(4000, 9000))
    shown = cli("runs", "show", run_id).stdout
    assert "shorter  1 older result cut to the ends; 5 messages stay whole; 9,000 to 4,000 tokens" in shown
    assert "longer  shown whole again: 4,000 to 9,000 tokens" in shown
    file, other = cli.folder / "run.jsonl", cli.folder / "other.db"
    assert cli("runs", "export", run_id, file).returncode == 0
    assert cli("runs", "import", file, "--journal", other).returncode == 0
    with Journal.open(other) as journal, journal.resume(run_id) as log:
        assert log.recall(handle) == "what was left out"


def test_a_torn_file_is_told_by_its_line_and_not_imported(cli: Cli, run_id: str) -> None:
    file = cli.folder / "run.jsonl"
    cli("runs", "export", run_id, file)
    file.write_text(file.read_text()[:-20])
    other = ["--journal", cli.folder / "other.db"]
    done = cli("runs", "import", file, *other)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"{file}, line {len(file.read_text().splitlines())}: is cut off; nothing was imported" in done.stderr
    )
    assert cli("runs", "list", *other).stdout.startswith("no runs are recorded")


def test_an_export_writes_over_no_file(cli: Cli, run_id: str) -> None:
    (cli.folder / "mine").write_text("mine")
    done = cli("runs", "export", run_id, cli.folder / "mine")
    assert (done.returncode, (cli.folder / "mine").read_text()) == (2, "mine")
    assert "is there already" in done.stderr
    assert "cannot be written" in cli("runs", "export", run_id, "/proc/run.jsonl").stderr


def test_what_is_no_file_cannot_be_imported(cli: Cli) -> None:
    assert "cannot be read" in cli("runs", "import", cli.folder / "gone").stderr


def test_an_exported_run_cannot_steer_the_terminal(cli: Cli) -> None:
    cli.run(saying("red \x9b31m"))
    terminal = cli.terminal("runs", "export", cli.run_id())
    assert terminal.end() == 0
    assert "\\u009b31m" in without_colour(terminal.text)


@pytest.fixture
def aged(cli: Cli) -> list[str]:
    """Runs of long ago, the oldest first."""
    names: list[str] = []
    for at in (1.6e9, 1.7e9):
        with Journal.open(cli.journal, clock=lambda at=at: at) as journal, journal.start() as log:
            log.append(Nudged("n", "long ago"))
            names.append(log.run_id)
    return names


def names(cli: Cli) -> list[str]:
    return [run["run_id"] for run in json.loads(cli("runs", "list", "--output", "json").stdout)][::-1]


def test_a_named_run_is_removed_when_nobody_has_to_be_asked(cli: Cli, aged: list[str]) -> None:
    done = cli("runs", "rm", aged[0])
    assert (done.returncode, done.stdout) == (2, "")
    assert "say --yes" in done.stderr
    assert names(cli) == aged
    done = cli("runs", "rm", aged[0], "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("removed 1 run")
    assert "given back" in done.stdout
    assert names(cli) == aged[1:]


@pytest.mark.parametrize(("answer", "left"), [("y", 1), ("n", 2)])
def test_a_person_is_asked_and_shown_what_would_go(cli: Cli, aged: list[str], answer: str, left: int) -> None:
    terminal = cli.terminal("runs", "rm", aged[0])
    assert aged[0] in terminal.wait_for("Remove 1 run for good?")
    terminal.type(f"{answer}\r")
    assert terminal.end() == 0
    assert len(names(cli)) == left


def test_the_rules_of_retention_choose_by_age_and_by_number(cli: Cli, aged: list[str]) -> None:
    with Journal.open(cli.journal) as journal, journal.start() as log:
        log.append(Nudged("n", "just now"))
    assert "removed 0 runs" in cli("runs", "rm", "--keep", 5, "--yes").stdout
    assert "removed 1 run " in cli("runs", "rm", "--keep", 2, "--yes").stdout
    assert names(cli) == [aged[1], log.run_id]
    assert "removed 0 runs" in cli("runs", "rm", "--keep", 2, "--older-than", "1d", "--yes").stdout
    assert "removed 1 run " in cli("runs", "rm", "--older-than", "30d", "--yes").stdout
    assert names(cli) == [log.run_id]
    assert "'soon' cannot be" in cli("runs", "rm", "--older-than", "soon").stderr
    assert "or give a rule" in cli("runs", "rm").stderr
    assert "or give a rule" in cli("runs", "rm", log.run_id, "--keep", 1).stderr


def test_a_run_at_work_is_spared_and_said(cli: Cli, aged: list[str]) -> None:
    with Journal.open(cli.journal) as journal, journal.start() as log:
        log.append(Nudged("n", "at work"))
        done = cli("runs", "rm", log.run_id, aged[0], "--yes")
        assert done.returncode == 2
        assert f"{log.run_id} cannot be removed: process" in done.stderr
        done = cli("runs", "rm", "--keep", 0, "--yes")
        assert done.returncode == 0, done.stderr
        assert f"{log.run_id} stays" in done.stderr
        assert "texts and files stay while a run is at work" in done.stdout
        assert log.append(Nudged("n", "and goes on")).seq == 2
    assert names(cli) == [log.run_id]


@pytest.fixture
def family(cli: Cli) -> tuple[str, str, str]:
    """An early run, one of a day later, and a run that works for that one and began last."""
    started = RunStarted("g", "scripted:x", str(cli.workspace), "ask", Limits(), PromptUsed("p", "1", ""), ())
    made: list[str] = []
    for at in (1.6e9, 1.7e9, 1.7e9 + 1):
        with Journal.open(cli.journal, clock=lambda at=at: at) as journal, journal.start() as log:
            log.append(replace(started, parent=made[1]) if len(made) == 2 else started)
            made.append(log.run_id)
    return made[0], made[1], made[2]


def test_a_run_and_those_that_work_for_it_are_removed_together(
    cli: Cli, family: tuple[str, str, str]
) -> None:
    _, head, helper = family
    assert "removed 1 run " in cli("runs", "rm", "--keep", 1, "--yes").stdout
    assert names(cli) == [head, helper]
    done = cli("runs", "rm", helper, "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"agentkit runs rm {head}" in done.stderr
    assert names(cli) == [head, helper]
    assert "removed 2 runs" in cli("runs", "rm", head, "--yes").stdout
    assert names(cli) == []


def test_a_family_is_as_young_as_what_happened_last_in_it(cli: Cli, family: tuple[str, str, str]) -> None:
    _, head, helper = family
    with Journal.open(cli.journal) as journal, journal.resume(helper) as log:
        log.append(Nudged("n", "just now"))
        done = cli("runs", "rm", "--keep", 0, "--yes")
        assert f"run {helper} stays" in done.stderr
        assert names(cli) == [head, helper]
    assert "removed 0 runs" in cli("runs", "rm", "--older-than", "1d", "--yes").stdout
    assert names(cli) == [head, helper]


WRITES_A = calling("write_file", path="a.txt", content="a")


@pytest.fixture
def finished(cli: Cli) -> str:
    """A run of three steps: it looks, writes a.txt, and says so."""
    assert cli.run(calling("list_files"), WRITES_A, saying("a is there")).returncode == 0
    return cli.run_id()


def test_a_fork_goes_on_from_its_step_with_another_model(cli: Cli, finished: str) -> None:
    writes_b = calling("write_file", path="b.txt", content="b")
    other = cli.script(saying("not asked again"), writes_b, saying("b is there"))
    done = cli("runs", "fork", f"{finished}@1", "--model", other)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"has the history of {finished} up to step 1" in done.stdout
    assert f"the files in {cli.workspace} are not set back" in done.stdout
    fork = cli.run_id()
    assert f"agentkit runs resume {fork}" in done.stdout
    done = cli("runs", "resume", fork)
    assert (done.returncode, done.stdout) == (0, "b is there\n"), done.stderr
    assert (cli.workspace / "b.txt").read_text() == "b"
    shown = cli("runs", "show", fork).stdout
    assert f"from  {finished}@1" in shown
    assert other in shown
    assert "list_files" in shown
    assert 'write_file(path="a.txt"' not in shown
    assert other not in cli("runs", "show", finished).stdout


def test_another_model_is_asked_where_the_person_has_their_models(cli: Cli, finished: str) -> None:
    with OpenAIServer([{"text": "from the server at hand"}]) as server:
        at_hand = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url}
        made = cli("runs", "fork", f"{finished}@1", "--model", "openai:other", env=at_hand)
        assert made.returncode == 0, made.stderr
        done = cli("runs", "resume", env=at_hand)
    assert (done.returncode, done.stdout) == (0, "from the server at hand\n"), done.stderr


def test_a_fork_keeps_the_model_unless_another_is_named(cli: Cli, finished: str) -> None:
    cli("runs", "fork", f"{finished}@0")
    assert cli("runs", "resume").stdout == "a is there\n"


def test_a_fork_of_the_whole_run_is_only_reviewed_again(cli: Cli, finished: str) -> None:
    done = cli("runs", "fork", finished)
    assert "fork before step 3" in done.stdout
    assert cli("runs", "resume", cli.run_id(), "--check", "test -e a.txt").returncode == 0
    shown = cli("runs", "show", cli.run_id()).stdout
    assert "the check 'test -e a.txt' passes" in shown


@pytest.mark.parametrize(
    ("at", "flags", "words"),
    [
        ("@7", [], "no step 7 whose calls are over; it can be forked at 0 to 3"),
        ("@x", [], "names no step; say RUN@STEP"),
        ("@", [], "names no step; say RUN@STEP"),
        ("@-1", [], "names no step; say RUN@STEP"),
        ("", ["--model", "nope:1"], "no model 'nope:1'"),
    ],
)
def test_a_fork_that_cannot_be_is_told(
    cli: Cli, finished: str, at: str, flags: list[str], words: str
) -> None:
    done = cli("runs", "fork", finished + at, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert names(cli) == [finished]


def test_a_run_that_lost_its_end_is_told_and_refused_until_the_journal_is_accepted(
    cli: Cli, run_id: str
) -> None:
    old = cli.journal.read_bytes()
    assert cli("runs", "fork", f"{run_id}@0").returncode == 0
    with Journal.open(cli.journal) as journal, journal.resume(run_id, force=True) as log:
        count = len(log.events())
        log.append(Nudged("n", "on the disk"), durable=True)
    cli.journal.write_bytes(old)
    listed = cli("runs", "list")
    assert (listed.returncode, "damaged" in listed.stdout) == (0, True)
    assert f"run {run_id} has {count} events of at least {count + 1}; to take" in listed.stderr
    assert "a run of at least 1 event is gone; to take" in listed.stderr
    for refused in (cli("runs", "show", run_id), cli("runs", "resume", run_id), cli.run(saying("done"))):
        assert refused.returncode == 2
        assert "agentkit runs accept" in refused.stderr
    accepted = cli("runs", "accept")
    assert (accepted.returncode, accepted.stderr) == (0, "")
    assert accepted.stdout.splitlines() == [
        f"run {run_id} has {count} events of at least {count + 1}",
        "a run of at least 1 event is gone",
        f"the journal {cli.journal} is taken as it is from now on",
    ]
    assert cli("runs", "show", run_id).returncode == 0
    assert cli.run(saying("done")).returncode == 0
    assert "has lost nothing" in cli("runs", "accept").stdout


def test_a_run_from_a_time_that_no_calendar_has_is_listed_and_shown(cli: Cli) -> None:
    with Journal.open(cli.journal, clock=lambda: 1e18) as journal, journal.start() as log:
        log.append(Nudged("n", "from afar"), durable=True)
    assert "?" in cli("runs", "list", env={"COLUMNS": "100"}).stdout
    assert cli("runs", "show", log.run_id).returncode == 0
    done = cli("runs", "show", log.run_id, "--html", cli.folder / "run.html")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        *("runs list", "runs show x", "runs undo x", "runs redo x", "runs diff x", "runs rm x --yes"),
        *("runs resume", "runs fork x", "runs replay x", "runs export x", "runs accept", "--resume"),
    ],
)
def test_looking_into_a_journal_that_is_not_there_says_so_and_makes_none(cli: Cli, command: str) -> None:
    done = cli(*command.split(), "--journal", cli.folder / "typo.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no journal {cli.folder / 'typo.db'}" in done.stderr
    assert not list(cli.folder.glob("typo*"))


def test_where_nothing_was_recorded_yet_there_are_no_runs(cli: Cli) -> None:
    del cli.env["AGENTKIT_JOURNAL"]
    done = cli("runs", "list")
    assert done.returncode == 0
    assert "no runs are recorded in" in done.stdout
    assert not list((cli.folder / "home").rglob("*.db"))
