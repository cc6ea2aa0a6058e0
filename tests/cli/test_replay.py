"""`agentkit runs replay`."""

import json

from agentkit.journal.store import Journal

from .conftest import Cli, calling, saying


def test_a_run_comes_out_again_offline_and_without_its_model(cli: Cli) -> None:
    cli.run(calling("write_file", path="a.txt", content="a"), saying("a.txt is written"))
    for script in cli.folder.glob("script*"):
        script.unlink()
    (cli.workspace / "a.txt").unlink()
    run_id = cli.run_id()
    done = cli("runs", "replay", run_id)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"run {run_id}: 8 events of 2 steps came out again byte for byte\n"
    assert not (cli.workspace / "a.txt").exists()
    values = json.loads(cli("runs", "replay", run_id[:6], "--output", "json").stdout)
    assert values == {
        "run": run_id,
        "recorded": 8,
        "same": 8,
        "rewritten": 0,
        "steps": 2,
        "unchecked": [],
        "difference": None,
    }


def test_the_first_event_that_comes_out_otherwise_is_shown(cli: Cli) -> None:
    cli.run(saying("done"))
    with Journal.open(cli.journal) as journal:
        lines = list(journal.export(cli.run_id()))
    # the same words from another hand: an export whose hashes hold
    from agentkit.journal.chain import first_link, link

    run_id = json.loads(lines[0])["run"]
    prev, forged = first_link(run_id), []
    for line in lines[1:]:
        if b'"line":"event"' not in line:
            forged.append(line)
            continue
        line = line.replace(b'"ending":"finished"', b'"ending":"gave up"')
        body = line[line.index(b'"event":') + len('"event":') : -2]
        event = json.loads(line)
        prev = link(prev, event["seq"], event["at"], event["event"]["type"], body)
        forged.append(line.replace(event["hash"].encode(), prev.hex().encode()))
    head = lines[0].replace(json.loads(lines[0])["last"].encode(), prev.hex().encode())
    (cli.folder / "forged.jsonl").write_bytes(b"".join([head, *forged]))
    other = ["--journal", cli.folder / "other.db"]
    assert cli("runs", "import", cli.folder / "forged.jsonl", *other).returncode == 0
    done = cli("runs", "replay", run_id, *other)
    assert done.returncode == 8
    words = done.stdout.splitlines()
    assert words[0] == f"run {run_id} comes out otherwise at event 4 of 4"
    assert words[1].startswith('recorded: {"type":"run ended","ending":"gave up"')
    assert words[2].startswith('came:     {"type":"run ended","ending":"finished"')


def test_a_run_that_was_cut_off_comes_out_as_far_as_it_goes(cli: Cli) -> None:
    cli.run(calling("list_files"), saying("done"))
    with Journal.open(cli.journal) as journal, journal.start() as log:
        for one in journal.events(journal.runs()[0].run_id)[:3]:
            log.append(one.event)
    done = cli("runs", "replay", log.run_id)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"run {log.run_id}: 3 events of 1 step came out again byte for byte",
        f"it has not ended; go on with: agentkit runs resume {log.run_id}",
    ]
