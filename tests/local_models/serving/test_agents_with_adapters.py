"""Two agents with two adapters share one engine: side by side, each does what it does alone."""

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch

from agentkit.agents.loop import Agent
from agentkit.core.events import CallFinished, ModelAnswered, PromptUsed, RunStarted
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.dialects import DIALECTS
from agentkit.models.local import LocalModel, local_profile
from agentkit.models.registry import ModelOptions, make_model
from agentkit.models.served import ServedModel
from agentkit.models.speech import DialectSpeech
from agentkit.prompts.library import load_prompt
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.workspace import Workspace
from agentkit_local_models.adapter_file import save_packed
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.lora import LoraConfig
from agentkit_local_models.model import Model
from agentkit_local_models.serving.served import Decoder

from ..test_adapters import random_adapter  # noqa: TID252
from ..tiny import random_weights  # noqa: TID252
from .running import SIZES, Running

NAMES = ("one", "two")


class Watched(Model):
    """Remembers which adapters it computed in one step."""

    together: tuple[frozenset[str], ...] = ()

    def hidden(self, steps):
        self.together += (frozenset(cache.variant.space.split("#")[0] for _, cache in steps),)
        return super().hidden(steps)


@pytest.fixture(scope="module")
def computes(smollm2_path: Path) -> Watched:
    """Random weights in float64: what is computed beside it changes no token."""
    with Checkpoint.open(smollm2_path) as checkpoint:
        config = dataclasses.replace(checkpoint.config, **{**SIZES, "context": 4_096})
    return Watched(config, random_weights(config, 0).items(), torch.float64)


@pytest.fixture(scope="module")
def engine(smollm2_path: Path, computes: Watched, tmp_path_factory) -> Engine:
    with Checkpoint.open(smollm2_path) as opened:
        checkpoint = dataclasses.replace(opened, config=computes.arch)
    engine = Engine(checkpoint, computes)
    folder = tmp_path_factory.mktemp("adapters")
    for seed, name in enumerate(NAMES):
        path = folder / f"{name}.safetensors"
        save_packed(random_adapter(engine.config, LoraConfig(4, 8.0), seed), path, {})
        engine.load_adapter(name, path)
    return engine


@pytest.fixture(scope="module")
def here(engine: Engine) -> dict[str, LocalModel]:
    profile = local_profile("agent/lines", engine.context, 64)
    return {
        name: LocalModel(f"local:tiny+{name}", engine.using(name), DIALECTS["lines"], profile)
        for name in NAMES
    }


@pytest.fixture(scope="module")
def server(here: dict[str, LocalModel]) -> Iterator[Running]:
    models = {f"tiny+{name}": Decoder(model.engine, DialectSpeech(model)) for name, model in here.items()}
    with Running(models, profile=msgspec.to_builtins(here["one"].profile)) as running:
        yield running


@pytest.fixture
def there(server: Running) -> dict[str, ServedModel]:
    at = ModelOptions(base_url=f"{server.url}/v1", retries=0)
    return {name: make_model(f"served:tiny+{name}", at) for name in NAMES}


def folder_in(path: Path) -> Path:
    path.mkdir()
    (path / "config.ini").write_text("port = 8080\n")
    return path


async def did(model, folder: Path) -> list[object]:
    """What an agent said and what its tools returned."""
    goal, log, limits = "Find the port.", MemoryLog(), Limits(steps=2)
    opening = load_prompt(model.profile.prompt).render({"goal": goal, "files": "config.ini"})
    start = RunStarted(goal, "m", "w", "auto", limits, PromptUsed("p", "1", "d"), tuple(opening))
    tools = {name: tool for name, tool in installed_tools().items() if name in ("read_file", "list_files")}
    with Workspace.open(folder) as workspace:
        await Agent(model, tools, workspace, log, limits=limits).run(start)
    events = [recorded.event for recorded in log.events()]
    said = [
        (event.message, event.usage.output_tokens) for event in events if isinstance(event, ModelAnswered)
    ]
    returned = [event.result.text for event in events if isinstance(event, CallFinished)]
    assert said, events[-1]
    return [*said, *returned]


async def test_two_agents_side_by_side_do_what_each_does_alone(here, there, computes, tmp_path: Path) -> None:
    alone = [await did(here[name], folder_in(tmp_path / f"alone {name}")) for name in NAMES]
    assert alone[0] != alone[1]
    for place, models in {"here": here, "there": there}.items():
        computes.together = ()
        runs = (did(models[name], folder_in(tmp_path / f"{place} {name}")) for name in NAMES)
        assert await asyncio.gather(*runs) == alone
        assert frozenset(NAMES) in computes.together  # in one pass
    for model in there.values():
        await model.aclose()


def test_openais_client_asks_for_an_adapter_by_the_models_name(server: Running) -> None:
    client = server.client()

    def answer(name: str) -> str | None:
        talk = [{"role": "user", "content": "Name a port."}]
        asked = {"model": name, "messages": talk, "max_tokens": 12, "temperature": 0}
        return client.chat.completions.create(**asked).choices[0].message.content

    assert [model.id for model in client.models.list()] == ["tiny+one", "tiny+two"]
    assert answer("tiny+one") == answer("local:tiny+one") != answer("tiny+two")
