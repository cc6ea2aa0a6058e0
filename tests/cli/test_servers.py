"""A server that misbehaves, seen from the command line."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from .conftest import Cli, OpenAIServer


def run(cli: Cli, server: OpenAIServer, *flags: str) -> subprocess.CompletedProcess[str]:
    model = ["-m", "openai:test", "--base-url", server.url]
    return cli("run", "x", *model, *flags, env={"OPENAI_API_KEY": "sk-test"})


def served(
    cli: Cli, *script: Mapping[str, Any], flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    with OpenAIServer(script) as server:
        return run(cli, server, *flags)


def test_too_many_requests_are_waited_for(cli: Cli) -> None:
    busy = {"status": 429, "headers": {"retry-after": "0"}, "error": {"message": "slow down"}, "times": 2}
    done = served(cli, busy, {"text": "finally"})
    assert (done.returncode, done.stdout) == (0, "finally\n")
    assert done.stderr.count("slow down") == 2


def test_a_server_that_only_fails_is_given_up_with_its_own_words(cli: Cli) -> None:
    broken = {"status": 500, "error": {"message": "the disk is on fire"}, "times": -1}
    with OpenAIServer([broken]) as server:
        done = run(cli, server, "--retries", "1", "--output", "json")
        assert len(server.bodies) == 2
    told = json.loads(done.stdout)
    assert done.returncode == 7
    assert "the disk is on fire" in told["result"]
    assert "agentkit runs resume" in done.stderr


def test_a_silent_server_is_given_up(cli: Cli) -> None:
    done = served(cli, {"hang": "before", "times": -1}, flags=("--idle-seconds", "0.3", "--retries", "0"))
    assert done.returncode == 7
    assert "0.3" in done.stderr


def test_a_stream_that_is_cut_begins_anew(cli: Cli) -> None:
    done = served(cli, {"text": "half of an answer", "cut": 3}, {"text": "a whole answer"})
    assert (done.returncode, done.stdout) == (0, "a whole answer\n")
    assert "begins anew" in done.stderr


def test_arguments_that_are_no_json_are_told_to_the_model(cli: Cli) -> None:
    call = {"name": "write_file", "arguments": '{"path": "a.txt", "con'}
    with OpenAIServer([{"calls": [call]}, {"text": "sorry", "times": 3}]) as server:
        done = run(cli, server)
        assert "not valid JSON" in json.dumps(server.bodies[1]["messages"])
    assert (done.returncode, done.stdout) == (0, "sorry\n")
    assert "a call that cannot be read" in done.stderr
    assert not list(cli.workspace.iterdir())


def test_a_refused_key_is_not_tried_again(cli: Cli) -> None:
    with OpenAIServer([], key="sk-other") as server:
        done = run(cli, server)
        assert len(server.requests) == 1
    assert done.returncode == 7
