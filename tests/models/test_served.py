"""The same model in process and behind `agentkit serve`: what it says, and what a run does, is the same."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agentkit.agents.loop import Agent
from agentkit.core.errors import UnknownModel
from agentkit.core.events import CallFinished, ModelAnswered, PromptUsed, RunEnded, RunStarted
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, UserMessage
from agentkit.core.protocols import Answer, ModelRequest, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.embedded import load_local
from agentkit.models.local import LocalModel
from agentkit.models.registry import ModelOptions, make_model
from agentkit.models.served import ServedModel
from agentkit.models.speech import DialectSpeech
from agentkit.prompts.library import load_prompt
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.workspace import Workspace
from agentkit_local_models.serving.served import Decoder

from ..local_models.serving.running import Running  # noqa: TID252

READ = ToolSpec(
    "read_file",
    "Read a text file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    {"path": ("config.ini", "notes/todo.md")},
)
PORT = {
    "type": "object",
    "properties": {"port": {"type": "integer", "minimum": 1, "maximum": 65535}},
    "required": ["port"],
    "additionalProperties": False,
}
LOOKED = AssistantMessage(calls=(ToolCall("call_4", "read_file", {"path": "config.ini"}),))
TALKS = {
    "text": ModelRequest((SystemMessage("Be brief."), UserMessage("Name a city.")), max_tokens=16),
    "drawn": ModelRequest((UserMessage("Name a city."),), max_tokens=16, temperature=1.3, seed=5, top_p=0.9),
    "stopped": ModelRequest((UserMessage("Count: 1, 2, 3"),), max_tokens=16, stop=(",",)),
    "a call": ModelRequest((UserMessage("Read a file."),), (READ,), must_call=True, max_tokens=40),
    "a call that is cut": ModelRequest((UserMessage("Read a file."),), (READ,), must_call=True, max_tokens=3),
    "a schema": ModelRequest((UserMessage("Name a port."),), answer_schema=PORT, max_tokens=24),
    "a result that looks like an error": ModelRequest(
        (
            UserMessage("Look."),
            LOOKED,
            ToolMessage("call_4", "read_file", "Error: 404 in line 7"),
        ),
        (READ,),
        max_tokens=8,
    ),
    "results": ModelRequest(
        (
            UserMessage("Look."),
            UserMessage("Do it now."),
            LOOKED,
            ToolMessage("call_4", "read_file", "no such file", failed=True),
            UserMessage("[older steps]"),
            ToolMessage("call_1", "read_file", "port = 80"),
            AssistantMessage(),
            UserMessage("Again."),
        ),
        (READ,),
        max_tokens=40,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def here() -> LocalModel:
    return load_local("local:smollm2", "smollm2")


@pytest.fixture(scope="module")
def server(here: LocalModel) -> Iterator[Running]:
    profile = msgspec.to_builtins(here.profile)
    with Running(Decoder(here.engine, DialectSpeech(here)), name="smollm2", profile=profile) as running:
        yield running


@pytest.fixture
def there(server: Running) -> ServedModel:
    return make_model("served:smollm2", ModelOptions(base_url=f"{server.url}/v1", retries=0))


async def answer_of(model, asked: ModelRequest) -> tuple[str, Answer]:
    text = ""
    async for piece in model.stream(asked):
        if isinstance(piece, Answer):
            return text, piece
        assert isinstance(piece, TextDelta)
        text += piece.text
    raise AssertionError("the stream ended without an answer")


def test_the_loop_treats_it_as_it_treats_the_model_in_process(here, there) -> None:
    assert there.profile == here.profile
    assert there.name == "served:smollm2"


@pytest.mark.parametrize("talk", TALKS)
async def test_an_answer_is_the_same_in_process_and_over_http(here, there, talk) -> None:
    asked = TALKS[talk]
    await answer_of(here, asked)  # a prompt that is known already has other last bits than one that is not
    text, answer = await answer_of(here, asked)
    served_text, served = await answer_of(there, asked)
    await there.aclose()
    assert served.message == answer.message
    assert served.finish == answer.finish
    assert served_text.strip() == text.strip()
    tokens = (answer.usage.input_tokens, answer.usage.output_tokens)
    assert (served.usage.input_tokens, served.usage.output_tokens) == tokens
    assert not served.usage.estimated


async def test_a_run_is_the_same_in_process_and_over_http(here, there, tmp_path: Path) -> None:
    async def run(model, folder: Path) -> list[object]:
        goal = "Write the port of config.ini to port.txt"
        log = MemoryLog()
        opening = load_prompt(model.profile.prompt).render({"goal": goal, "files": "config.ini"})
        limits = Limits(steps=4)
        start = RunStarted(goal, "m", "w", "auto", limits, PromptUsed("p", "1", "d"), tuple(opening))
        with Workspace.open(folder) as workspace:
            await Agent(model, installed_tools(), workspace, log, limits=limits).run(start)
        return [seen for recorded in log.events() if (seen := _lasting(recorded.event)) is not None]

    before, first, second = (_folder(tmp_path / name) for name in ("before", "here", "there"))
    await run(here, before)  # so that both find the same in the cache
    alone = await run(here, first)
    assert await run(there, second) == alone
    await there.aclose()
    assert any(seen[0] == "call" for seen in alone)
    assert _files(second) == _files(first)


def _folder(path: Path) -> Path:
    path.mkdir()
    (path / "config.ini").write_text("port = 8080\n")
    return path


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def _lasting(event: object) -> tuple[object, ...] | None:
    """What of an event hangs on no clock."""
    match event:
        case ModelAnswered():
            return "said", event.message, event.usage.input_tokens, event.usage.output_tokens
        case CallFinished():
            return "call", event.result.name, event.result.outcome, event.result.text
        case RunEnded():
            return "ended", event.ending, event.result
        case _:
            return None


def test_another_name_is_refused_with_the_one_there_is(server: Running) -> None:
    with pytest.raises(UnknownModel, match="there is smollm2"):
        make_model("served:qwen", ModelOptions(base_url=f"{server.url}/v1", retries=0))


def test_a_server_of_others_is_refused(serve) -> None:
    with pytest.raises(UnknownModel, match="openai:NAME asks other servers"):
        make_model("served:test", ModelOptions(base_url=serve().url, retries=0))
