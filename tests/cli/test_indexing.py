"""`agentkit index`, `search` and `ask` as a person uses them: real folders, no model, no network."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Cli, OpenAIServer, calling, saying


@pytest.fixture
def notes(cli: Cli) -> Path:
    """A folder of English and Chinese notes in the workspace."""
    folder = cli.workspace / "notes"
    folder.mkdir()
    (folder / "plan.md").write_text("# Plan\n\nThe port is 8080.\n\n## Budget\n\nPaper costs 40 dollars.\n")
    (folder / "故宫.txt").write_text("故宫位于北京市中心。\n它建于1420年。\n", encoding="gb18030")
    (folder / "table.csv").write_text("city,people\nOslo,700000\nBern,130000\n")
    (folder / "song.mp3").write_bytes(b"\xff\xfb\0")
    return folder


def test_a_folder_is_indexed_searched_and_asked_in_two_languages(cli: Cli, notes: Path) -> None:
    first = cli("index", "notes")
    assert first.returncode == 0
    assert "3 added, 0 replaced, 0 removed, 0 unchanged; 3 pieces written" in first.stdout
    assert "left out, as files of no kind that is read: 1 .mp3" in first.stderr
    assert "3 unchanged; 0 pieces written" in cli("index", "notes").stdout

    found = cli("search", "which port?")
    assert found.returncode == 0
    assert found.stdout.startswith(" 1  notes/plan.md:1-7  Plan  (1.00)\n    # Plan\n    The port is 8080.\n")
    answer = cli("ask", "故宫是哪一年建的？")
    assert answer.returncode == 0
    assert "它建于1420年。\n    notes/故宫.txt:2\n" in answer.stdout
    assert "[1] Paper costs 40 dollars.\n    notes/plan.md:7\n" in cli("ask", "What does paper cost?").stdout


BASE_ALONE = """
import sys
for extra in (
    "numpy", "torch", "tokenizers", "safetensors", "llguidance", "jinja2", "trafilatura", "lxml", "protego",
    "pypdf", "pypdfium2", "ddgs", "playwright", "chromadb", "langchain_core",
):
    sys.modules[extra] = None  # as if it were not installed

def alone(event, given):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise AssertionError(f"{event} {given}")

sys.addaudithook(alone)
from agentkit.cli.main import cli
for line in (["index", "notes"], ["ask", "When is the tide high?"], ["ask", "故宫是哪一年建的？"]):
    cli.main(line, standalone_mode=False)
"""


def test_the_base_install_is_enough_to_ask_without_a_key_or_a_network(cli: Cli, notes: Path) -> None:
    (notes / "tides.html").write_text("<title>Tides</title><p>The tide is high at noon.</p>")
    fresh = {
        name: str(cli.folder / "fresh")
        for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    }
    env = {"PATH": os.defpath, "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **fresh}
    done = subprocess.run(
        [sys.executable, "-c", BASE_ALONE],
        cwd=cli.workspace,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "4 added, 0 replaced, 0 removed, 0 unchanged; 4 pieces written" in done.stdout
    assert "[1] The tide is high at noon.\n    notes/tides.html:3\n" in done.stdout
    assert "它建于1420年。\n    notes/故宫.txt:2\n" in done.stdout


def test_the_index_tells_what_it_holds(cli: Cli, notes: Path) -> None:
    cli("index", "notes")
    told = cli("index").stdout
    assert "3 documents, 3 pieces" in told
    assert f"    {notes}: 3 documents" in told
    assert "found by words (terms-1)\n" in told


def test_who_has_no_model_of_vectors_is_told_the_line_that_gets_one(cli: Cli, notes: Path) -> None:
    env = {"AGENTKIT_EMBEDDINGS": "auto", "AGENTKIT_MODELS_DIR": str(cli.folder / "none")}
    line = "agentkit models fetch minilm && agentkit index --anew --embeddings local:minilm\n"
    first = cli("index", "notes", env=env)
    assert (first.returncode, line in first.stderr) == (0, True)
    assert line not in cli("index", "notes", env=env).stderr  # it is said once
    assert line in cli("index", env=env).stderr
    assert line not in cli("index").stderr  # here none was wanted
    refused = cli("index", "--anew", "--embeddings", "local:minilm", env=env)
    assert (refused.returncode, "run: agentkit models fetch minilm" in refused.stderr) == (2, True)


def test_what_a_search_rests_on_is_shown_and_printed_as_json(cli: Cli, notes: Path) -> None:
    cli("index", "notes")
    told = cli("search", "papers", "--explain", "--limit", "1").stdout
    assert told.startswith("looked for: paper\n")
    assert "    words 1 (" in told
    found = json.loads(cli("search", "papers", "--json").stdout)
    assert found["hits"][0]["hit"]["chunk"]["headings"] == ["Plan"]
    where = cli("search", "papers", "--where", "media_type=text/csv")
    assert (where.returncode, where.stderr) == (1, "nothing was found\n")
    assert "names no fact" in cli("search", "papers", "--where", "x").stderr


def test_the_lines_that_were_looked_for_are_shown(cli: Cli, notes: Path) -> None:
    (notes / "long.txt").write_text("\n".join(f"line {number}" for number in range(30)) + "\nthe zeppelin\n")
    cli("index", "notes")
    assert cli("search", "zeppelin").stdout.endswith(
        "    … 27 above\n    line 27\n    line 28\n    line 29\n    the zeppelin\n"
    )


def test_a_dry_run_prints_the_plan_and_does_nothing(cli: Cli, notes: Path) -> None:
    cli("index", "notes")
    (notes / "plan.md").write_text("changed")
    (notes / "table.csv").unlink()
    (notes / "new.md").write_text("new")
    told = cli("index", "notes", "--dry-run")
    assert told.stdout == (
        "would add new.md\nwould replace plan.md\nwould remove table.csv\nunchanged: 1 document\n"
    )
    assert "1 of 3 are gone: this would be refused without --allow-shrink" in told.stderr
    assert cli("search", "8080").returncode == 0


def test_a_dry_run_names_what_cannot_be_read_as_the_run_does(cli: Cli, notes: Path) -> None:
    (notes / "scan.pdf").write_bytes(b"%PDF-1.4 torn")
    told = cli("index", "notes", "--dry-run")
    assert (told.returncode, "scan.pdf" in told.stdout) == (1, False)
    assert told.stdout.startswith("would add plan.md\nwould add table.csv\nwould add 故宫.txt\n")
    (reason,) = (line for line in told.stderr.splitlines() if line.startswith("not read: "))
    done = cli("index", "notes")
    assert (done.returncode, reason in done.stderr) == (1, True)
    assert "3 added" in done.stdout


def test_a_dry_run_needs_no_index_and_makes_none(cli: Cli, notes: Path) -> None:
    told = cli("index", "notes", "--dry-run", "--index", "mine.db")
    assert (told.returncode, told.stdout.count("would add")) == (0, 3)
    assert not (cli.workspace / "mine.db").exists()


def test_a_folder_that_lost_much_is_refused_until_it_is_allowed(cli: Cli, notes: Path) -> None:
    cli("index", "notes")
    (notes / "table.csv").unlink()
    refused = cli("index", "notes")
    assert refused.returncode == 2
    assert "1 of the 3 documents" in refused.stderr
    assert "say --allow-shrink" in refused.stderr
    assert "1 removed" in cli("index", "notes", "--allow-shrink").stdout


def test_what_is_forgotten_leaves_no_byte(cli: Cli, notes: Path) -> None:
    index = cli.folder / "docs.db"
    cli("index", "notes", "--index", str(index))
    assert b"dollars" in index.read_bytes()
    assert cli("index", "notes/plan.md", "--forget", "--index", str(index)).stdout.startswith(
        "forgot 1 document below "
    )
    assert not any(b"ollars" in file.read_bytes() for file in cli.folder.glob("docs.db*"))
    again = cli("index", "notes/plan.md", "--forget", "--index", str(index))
    assert again.returncode == 2
    assert "holds nothing below" in again.stderr


def test_a_file_that_cannot_be_read_is_named_and_the_rest_taken_in(cli: Cli, notes: Path) -> None:
    (notes / "broken.docx").write_bytes(b"PK\3\4 no archive")
    told = cli("index", "notes")
    assert told.returncode == 1
    assert "3 added" in told.stdout
    assert "not read: " in told.stderr
    assert "broken.docx" in told.stderr


def test_a_changed_file_is_said_to_be_so_beside_a_quote(cli: Cli, notes: Path) -> None:
    cli("index", "notes")
    quoted = "notes/plan.md:7; the file has changed since it was indexed, "
    plan = (notes / "plan.md").read_text()
    for now, means in (
        (f"{plan}\nMore.\n", "and still says this here"),
        ("rewritten", "and no longer says this here"),
        (None, "and cannot be read now"),
    ):
        if now is None:
            (notes / "plan.md").unlink()
        else:
            (notes / "plan.md").write_text(now)
        assert f"{quoted}{means}\n" in cli("ask", "What does paper cost?").stdout


def test_a_models_answer_is_printed_with_what_became_of_its_quotes(cli: Cli, notes: Path) -> None:
    cli("index", "notes")
    words = {
        "answer": "It is 8080.",
        "quotes": [{"passage": 1, "quote": "the port is 8080"}, {"passage": 1, "quote": "invented"}],
    }
    told = cli("ask", "Which port?", "--model", cli.script(saying(json.dumps(words))))
    assert told.returncode == 8
    assert told.stdout.startswith("It is 8080.\n\n[1] The port is 8080\n    notes/plan.md:3\n[2] invented\n")
    assert "    unverified: these words are in none of the passages\n" in told.stdout


def test_what_cannot_be_is_said_in_one_line(cli: Cli, notes: Path) -> None:
    for argv, said in (
        (["search", "x"], "there is no index"),
        (["index"], "there is no index"),
        (["index", "nowhere"], "is not there; name a folder or a file"),
        (["index", "notes", "--dry-run", "--forget"], "do not go together"),
        (["index", "--allow-shrink"], "name the PATH"),
        (["search", " ", "--index", "x.db"], "the question is empty"),
        (["search", "x", "--index", "none"], "no file is named"),
    ):
        told = cli(*argv)
        assert told.returncode == 2, argv
        assert said in told.stderr
        assert told.stderr.count("\n") <= 3


def test_anew_takes_in_every_folder_of_the_index_again(cli: Cli, notes: Path) -> None:
    other = cli.workspace / "other"
    other.mkdir()
    (other / "a.md").write_text("A zeppelin.")
    for folder in ("notes", "other"):
        cli("index", folder)
    index = cli.folder / "home/.local/state/agentkit/index.db"
    import sqlite3

    with sqlite3.connect(index) as database:
        database.execute("UPDATE settings SET value = replace(value, 'terms-1', 'terms-0')")
    database.close()
    refused = cli("search", "zeppelin")
    assert refused.returncode == 2
    mend = shlex.split(refused.stderr.strip().rpartition("make it anew: agentkit ")[2])
    done = cli(*mend).stdout
    assert done.count("added") == 2
    assert cli("search", "zeppelin").returncode == 0


def test_a_signal_ends_it_and_the_next_time_goes_on(cli: Cli, notes: Path) -> None:
    for number in range(600):
        (notes / f"n{number}.md").write_text(f"# Note {number}\n\n" + f"words of {number}. " * 200)
    process = cli.start("index", "notes")
    assert process.stderr is not None
    while b"200 of" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    process.communicate()
    done = cli("index", "notes")
    assert done.returncode == 0
    unchanged = int(done.stdout.split(" removed, ")[1].split(" unchanged")[0])
    assert 50 < unchanged < 603


def test_an_agent_searches_what_was_indexed(cli: Cli, notes: Path) -> None:
    steps = calling("search_documents", question="which port?"), saying("It is 8080.")
    flags = ["--packs", "documents", "--approve", "read"]
    assert "there is no index" in cli.run(*steps, flags=flags).stderr
    cli("index", "notes")
    done = cli.run(*steps, flags=flags)
    assert done.returncode == 0
    assert "plan.md, characters 0 to 61, under Plan" in done.stderr


def letters(asked: dict[str, list[str]]) -> dict[str, object]:
    """Vectors that tell how often each of a few letters is in a text."""
    items = [
        {"index": at, "embedding": [0.1 + text.lower().count(letter) for letter in "aeioulstr"]}
        for at, text in enumerate(asked["input"])
    ]
    return {"json": {"object": "list", "data": items}}


def test_vectors_of_a_server_count_beside_words_and_no_other_model_is_taken(cli: Cli, notes: Path) -> None:
    env = {"AGENTKIT_EMBEDDINGS": "auto", "OPENAI_API_KEY": "sk-test-0123456789"}
    with OpenAIServer(embeds=letters) as server:
        url = ["--base-url", server.url]
        done = cli("index", "notes", "--embeddings", "openai:letters", *url, env=env)
        assert "3 pieces written, 3 embedded" in done.stdout
        assert "vectors of openai:letters" in cli("index", env=env).stdout
        told = cli("search", "papers", "--explain", *url, env=env).stdout
        assert "    words 1 (" in told
        assert ", vectors " in told
    keyless = {**env, "OPENAI_API_KEY": ""}
    for flags, now, why in (
        (url, {**env, "AGENTKIT_RETRIES": "0"}, "searched without vectors: "),
        ([], keyless, "searched without vectors: "),
    ):
        for command in ("search", "ask"):
            told = cli(command, "papers", *flags, env=now)
            assert (told.returncode, why in told.stderr) == (0, True), told.stderr
        as_json = json.loads(cli("search", "papers", *flags, "--json", env=now).stdout)
        assert list(as_json["failed"]) == ["vectors"]
    assert cli("index", "notes", env=keyless).returncode == 2
    refused = cli("index", "notes", "--embeddings", "none")
    assert refused.returncode == 2
    assert "was made with embeddings 'openai:letters" in refused.stderr
