"""`agentkit serve` as a person starts it, and OpenAI's own client before it."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import openai
import pytest
import torch
from click.testing import CliRunner

from agentkit.cli.main import cli
from agentkit.core.errors import BadRequest, UnknownModel, UsageError
from agentkit.models.embedded import adapter_file
from agentkit.models.serving import Serving, open_server
from agentkit_local_models.adapter_file import save_packed
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.serving.server import bound

from ..local_models.test_adapters import random_adapter  # noqa: TID252
from ..local_models.training.tiny import LLAMA, hub_model  # noqa: TID252

READ = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a text file.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}


@contextmanager
def served(*flags: str):
    """The process of `agentkit serve`, and its address."""
    command = [sys.executable, "-m", "agentkit", "serve", "local:smollm2", "--port", "0", *flags]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
        start_new_session=True,  # so that its processes can be told something together, as a terminal does
    ) as started:
        try:
            told = started.stdout.readline()
            found = re.search(r"serving \S+ at (http://127\.0\.0\.1:\d+/v1)", told)
            assert found, told + started.stderr.read()
            yield started, found[1]
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


@pytest.mark.timeout(400)  # a process that loads torch and lets it go, on a machine that may be busy
def test_the_small_model_streams_calls_and_keeps_to_a_schema_and_ends_when_it_is_told_to():
    with served() as (process, url), openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:

        def ask(words: str, **more):
            talk = [{"role": "user", "content": words}]
            return client.chat.completions.create(model="smollm2", messages=talk, temperature=0, **more)

        with ask("What is the capital of France?", max_tokens=30, stream=True) as stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        assert text == "The capital of France is Paris."
        (call,) = ask("Read notes.txt", tools=[READ], max_tokens=60).choices[0].message.tool_calls
        assert call.function.name == "read_file"
        assert json.loads(call.function.arguments) == {"path": "notes.txt"}
        form = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}
        place = json.loads(
            ask("Name a city and its country.", response_format=form, max_tokens=60)
            .choices[0]
            .message.content
        )
        assert set(place) == {"city", "country"}
        with ask("Tell a story.", max_tokens=24, stream=True) as stream:
            pieces = iter(stream)
            next(pieces)
            process.send_signal(signal.SIGTERM)
            *_, last = pieces
        assert last.choices[0].finish_reason == "length"
        assert process.wait() == 0


@pytest.mark.timeout(400)
def test_the_name_how_much_is_taken_at_once_and_how_long_the_end_waits_are_flags():
    flags = ("--name", "small", "--queue", "1", "--most-bytes", "2000", "--grace", "0")
    with served(*flags) as (process, url), openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:

        def ask(words: str, **more):
            talk = [{"role": "user", "content": words}]
            return client.chat.completions.create(model="small", messages=talk, **more)

        assert [model.id for model in client.models.list()] == ["small"]
        with pytest.raises(openai.APIStatusError) as large:
            ask("word " * 500)
        assert large.value.status_code == 413
        with ask("Count to a thousand.", max_tokens=4000, stream=True) as stream:
            pieces = iter(stream)
            next(pieces)
            with pytest.raises(openai.RateLimitError):
                ask("And you?")
            process.send_signal(signal.SIGTERM)
            with pytest.raises(openai.APIError, match="shutting down"):
                list(pieces)
        assert process.wait() == 0


@pytest.mark.timeout(400)
def test_ctrl_c_at_a_model_that_processes_share_ends_all_of_them_in_order():
    flags = ("--tensor-parallel", "3", "--grace", "0")
    with served(*flags) as (process, url), openai.OpenAI(base_url=url, api_key="x", max_retries=0) as client:
        talk = [{"role": "user", "content": "Count to a thousand."}]
        ask = client.chat.completions.create
        with ask(model="smollm2", messages=talk, max_tokens=4000, stream=True) as stream:
            pieces = iter(stream)
            next(pieces)
            os.killpg(process.pid, signal.SIGINT)
            with pytest.raises(openai.APIError, match="shutting down"):
                list(pieces)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)


def test_an_address_that_others_reach_needs_a_key():
    done = CliRunner().invoke(cli, ["serve", "local:smollm2", "--host", "0.0.0.0"])
    assert isinstance(done.exception, UsageError)
    assert "AGENTKIT_SERVE_KEY" in str(done.exception)


def test_a_model_that_is_not_computed_here_is_not_served():
    done = CliRunner().invoke(cli, ["serve", "openai:gpt-4o"])
    assert "is not computed here" in str(done.exception)


def test_an_address_that_is_taken_is_told_before_anything_is_loaded():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port} cannot be served"):
            open_server("local:smollm2", Serving(port=port))
        done = CliRunner().invoke(cli, ["serve", "local:smollm2", "--port", str(port)])
        assert f"127.0.0.1:{port} cannot be served" in str(done.exception)


def test_an_address_that_another_server_took_meanwhile_is_told_in_words():
    with bound("127.0.0.1", 0) as other:
        port = other.getsockname()[1]

        class Meanwhile(dict[str, Path]):
            """No adapters; while they are looked at, the other server, which began as early, is ready."""

            def items(self):
                other.listen()
                return super().items()

        with pytest.raises(UsageError, match=f"127.0.0.1:{port} cannot be served"):
            open_server("local:smollm2", Serving(port=port, adapters=Meanwhile()))


@pytest.mark.parametrize(
    ("model", "device", "why"),
    [
        ("local:smollm2", "cuda:99", "cuda:99 is not there"),
        ("local:smollm2", "tpu", "no device 'tpu'; cpu, cuda and cuda:NUMBER are"),
        ("local:smollm2?device=cuda", "cpu", "is not on cpu; one device works"),
        ("local:minilm", "cuda", "makes vectors, and takes no .device=cuda"),
    ],
)
def test_a_device_is_served_on_or_refused_in_words(model, device, why):
    with pytest.raises((BadRequest, UnknownModel, UsageError), match=why):
        open_server(model, Serving(port=0, device=device))
    done = CliRunner().invoke(cli, ["serve", model, "--port", "0", "--device", device])
    assert done.exit_code != 0
    assert re.search(why, str(done.exception))


@pytest.mark.parametrize("missing", ["uvicorn", "starlette"])
def test_what_is_not_installed_is_named_with_the_line_that_gets_it(monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("agentkit_local_models.serving")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UsageError, match=rf"serving needs {missing}.*pip install 'agentkit\[local,serve\]'"):
        open_server("local:smollm2", Serving())


def test_adapters_are_served_beside_the_model_and_share_its_engine():
    adapters = {"agent": adapter_file("smollm2.safetensors")}
    opened = open_server("local:smollm2-base", Serving(port=0, adapters=adapters, device="cpu"))
    opened.listens.close()
    assert opened.names == ("smollm2-base", "smollm2-base+agent")
    base, tuned = (model.engine for model in opened.server._served.models.values())
    assert base._loop is tuned._loop
    ids = [1, 2, 3]
    assert not base.logits(ids).equal(tuned.logits(ids))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("agent",), "NAME=FILE works"),
        (("=x",), "NAME=FILE works"),
        (("a=x", "a=y"), "two adapters are called a"),
    ],
)
def test_adapters_need_names_of_their_own(given, why):
    flags = [part for one in given for part in ("--adapter", one)]
    done = CliRunner().invoke(cli, ["serve", "local:smollm2", *flags])
    assert isinstance(done.exception, UsageError)
    assert why in str(done.exception)


def test_a_file_that_is_no_adapter_is_refused(tmp_path):
    with pytest.raises(BadRequest, match=r"mine\.safetensors"):
        open_server("local:smollm2", Serving(port=0, adapters={"mine": tmp_path / "mine.safetensors"}))


def test_a_model_that_two_processes_share_answers_as_one_does_with_and_without_an_adapter(tmp_path):
    path = hub_model(tmp_path / "model", LLAMA)
    with Checkpoint.open(path) as checkpoint:
        adapter = random_adapter(checkpoint.config, LoraConfig(2, 4.0), 1)
    save_packed(adapter, tmp_path / "mine.safetensors", {})
    serving = Serving(port=0, adapters={"mine": tmp_path / "mine.safetensors"})
    opened = [
        open_server(f"local:{path}?precision=float32", replace(serving, processes=count)) for count in (1, 2)
    ]
    for one in opened:
        one.listens.close()
    alone, split = ([model.engine for model in one.server._served.models.values()] for one in opened)
    assert split[0]._model.arch.heads * 2 == alone[0]._model.arch.heads
    for one, other in zip(alone, split, strict=True):
        assert torch.allclose(one.logits([40, 41, 42]), other.logits([40, 41, 42]), atol=1e-5)
    assert not alone[0].logits([40]).equal(alone[1].logits([40]))
    opened[1].release()


@pytest.mark.parametrize(
    ("model", "flags", "why"),
    [
        ("local:smollm2", (), "3 key heads, .* cannot be split over 2 processes; 1, 3 work"),
        ("local:smollm2", ("--device", "cuda"), "2 processes need a GPU each"),
        ("local:smollm2", ("--device", "cuda:1"), "cpu and cuda work"),
        ("local:smollm2?threads=1", (), "takes no .threads=1; precision and device"),
        ("local:minilm", (), "takes no --tensor-parallel"),
    ],
)
def test_a_model_that_cannot_be_shared_so_is_refused_in_words(model, flags, why):
    done = CliRunner().invoke(cli, ["serve", model, "--port", "0", "--tensor-parallel", "2", *flags])
    assert done.exit_code != 0
    assert re.search(why, str(done.exception))
