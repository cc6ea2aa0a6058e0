"""A server in a thread of its own, of a model of random weights that speaks as SmolLM2 does."""

import dataclasses
import http.client
import json
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import openai
import torch

from agentkit.models.dialects import DIALECTS
from agentkit.models.local import LocalModel, local_profile
from agentkit.models.speech import DialectSpeech
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.model import Model
from agentkit_local_models.serving.served import Decoder, Served
from agentkit_local_models.serving.server import Server, address_of, bound

from ..tiny import random_weights  # noqa: TID252

NAME = "tiny"
SIZES = {
    "width": 32, "layers": 2, "heads": 2, "kv_heads": 1, "head_width": 16, "feed_forward_width": 64,
    "context": 1_600,
}  # fmt: skip


def tiny_engine(path: Path, seed: int = 0) -> Engine:
    """SmolLM2's tokenizer on random weights in float64: what is computed beside it changes no token."""
    with Checkpoint.open(path) as checkpoint:
        config = dataclasses.replace(checkpoint.config, **SIZES)
        checkpoint = dataclasses.replace(checkpoint, config=config)
    return Engine(checkpoint, Model(config, random_weights(config, seed).items(), torch.float64))


def fresh(engine: Engine, **options) -> Engine:
    """The same model with nothing in its cache."""
    return Engine(engine.checkpoint, engine._model, **options)


def spoken(engine: Engine, dialect: str = "lines") -> Decoder:
    profile = local_profile("agent/lines", engine.context, 64)
    return Decoder(engine, DialectSpeech(LocalModel(NAME, engine, DIALECTS[dialect], profile)))


class Running:
    """A server that listens while the `with` block lasts, and clients of it."""

    def __init__(self, model, *, key=None, grace_seconds=20.0, limits=None, name=NAME, profile=None):
        models = model if isinstance(model, dict) else {name: model}
        self.served = Served(models, limits=limits, profile=profile)
        self.server = Server(self.served, key, grace_seconds=grace_seconds)
        self.key = key or "none"
        self._socket = bound("127.0.0.1", 0)
        self.url = address_of(self._socket)
        self._thread = threading.Thread(target=self.server.run, args=([self._socket],))
        self._open = ExitStack()

    def __enter__(self):
        self._socket.listen()  # who comes before the loop runs waits
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._open.close()
        self.end()

    @property
    def engine(self) -> Engine:
        return self.served.first.engine

    def end(self):
        """Tell it to end, and wait until it has."""
        self.server.end()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()

    def client(self, **options) -> openai.OpenAI:
        options = {"api_key": self.key, "max_retries": 0, **options}
        return self._open.enter_context(openai.OpenAI(base_url=f"{self.url}/v1", **options))


def sent(running, method="POST", path="/v1/chat/completions", body=None, **headers):
    """One plain request: the status, the headers, and the body, as JSON where it is some."""
    host, port = running.url.removeprefix("http://").rsplit(":", 1)
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=60)
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(connection):
        connection.request(method, path, body, {"content-type": "application/json", **told})
        response = connection.getresponse()
        text = response.read()
        kind = response.headers["content-type"]
        return response.status, response.headers, json.loads(text) if "json" in kind else text.decode()


def eventually(holds) -> None:
    """Wait until something holds that another thread is about to do."""
    for _ in range(6000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to hold within a minute")
