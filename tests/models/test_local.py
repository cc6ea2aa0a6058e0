"""The local adapter, on the real small model: what it is told, and what it can answer."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from agentkit.agents.loop import Agent
from agentkit.core.errors import BadRequest, ContextOverflow, UnknownModel
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelRequest, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.journal.memory import MemoryLog
from agentkit.models.dialects import DIALECTS
from agentkit.models.embedded import BY_REACH, SMALL_MACHINE, best_ready, fetch, load_local
from agentkit.models.local import LocalModel, step_after
from agentkit.prompts.library import load_prompt
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.workspace import Workspace
from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.engine import Engine

READ = ToolSpec(
    "read_file",
    "Read a text file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    {"path": ("config.ini", "notes/todo.md")},
)


def test_calls_are_numbered_by_answer_also_when_older_answers_have_left_the_view() -> None:
    whole = [AssistantMessage(calls=(ToolCall(f"call_{n}", "look", {}),)) for n in range(1, 9)]
    opening = (SystemMessage("Be brief."), UserMessage("look"))
    assert step_after(opening) == 1
    assert step_after((*opening, *whole)) == 9
    assert step_after((*opening, *whole, AssistantMessage("done"), UserMessage("go on"))) == 10
    assert step_after((*opening, UserMessage("[older steps]"), *whole[-2:])) == 9
    assert step_after((*opening, AssistantMessage(calls=(ToolCall("call_12_1", "look", {}),)))) == 13


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return load_local("local:smollm2", "smollm2")


def request(words: str, *tools: ToolSpec, **more: object) -> ModelRequest:
    return ModelRequest((SystemMessage("Be brief."), UserMessage(words)), tools, **more)


async def answer_of(model: LocalModel, asked: ModelRequest) -> tuple[list[str], Answer]:
    texts: list[str] = []
    async for piece in model.stream(asked):
        if isinstance(piece, TextDelta):
            texts.append(piece.text)
        elif isinstance(piece, Answer):
            return texts, piece
    raise AssertionError("the stream ended without an answer")


def test_the_small_prompt_with_every_tool_is_at_most_700_tokens(model: LocalModel, tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as workspace:
        # a file and a folder, so that every tool can be offered
        workspace.write_bytes("folder/a.txt", b"x")
        agent = Agent(model, installed_tools(), workspace, MemoryLog())
        offered = agent.offered()
    assert len(offered) >= 13
    opening = load_prompt(model.profile.prompt).render({"goal": "", "files": ""})
    assert model.estimate(ModelRequest(opening, offered)) <= 700


async def test_text_comes_in_pieces_that_join_to_the_answer(model: LocalModel) -> None:
    pieces, answer = await answer_of(model, request("Say hello.", max_tokens=24))
    assert len(pieces) > 1
    assert "".join(pieces).strip() == answer.message.text.strip()
    assert answer.usage.output_tokens > 1


async def test_the_estimate_is_the_count_and_a_repeated_prompt_is_reused(model: LocalModel) -> None:
    asked = request("What is the capital of France?", max_tokens=8)
    _, first = await answer_of(model, asked)
    _, second = await answer_of(model, asked)
    assert first.usage.input_tokens == model.estimate(asked)
    assert second.usage.cached_tokens >= first.usage.input_tokens - 1
    assert second.message == first.message


@pytest.mark.parametrize("seed", range(8))
async def test_every_call_parses_and_names_a_file_that_exists(model: LocalModel, seed: int) -> None:
    asked = request("Read a file.", READ, temperature=1.5, seed=seed, must_call=True, max_tokens=200)
    _, answer = await answer_of(model, asked)
    (call,) = answer.message.calls
    assert call.name == "read_file"
    assert call.arguments["path"] in READ.choices["path"]
    assert answer.message.malformed == ()


async def test_a_call_is_not_shown_as_text(model: LocalModel) -> None:
    pieces, answer = await answer_of(model, request("Read a file.", READ, must_call=True))
    assert answer.message.calls
    assert pieces == []


class Saying:
    """The engine of a model, which says one text, a letter at a time, whatever it is asked."""

    def __init__(self, engine: Engine, text: str) -> None:
        self.checkpoint, self.tokenizer, self.text = engine.checkpoint, engine.tokenizer, text

    def generate(self, *_: object, **__: object) -> Iterator[Piece | Completion]:
        yield from (Piece(letter, ()) for letter in self.text)
        yield Completion(self.text, "stop", 1, 0, 1, ())

    def lease(self, ids: Sequence[int], seconds: float) -> int:
        return len(ids)


@pytest.mark.parametrize(
    ("dialect", "said", "shown"),
    [
        ("hermes", "Only if a < b holds.", "Only if a < b holds."),
        ("hermes", '\n\nI look.\n<tool_call>{"name": "read_file", "arguments": {}}</tool_call>', "I look."),
        ("lines", "It has no mark.", "It has no mark."),
        ("python", "Answer: It is done. ", "It is done."),
    ],
)
async def test_what_was_held_back_and_is_no_call_is_shown_in_the_end(
    model: LocalModel, dialect: str, said: str, shown: str
) -> None:
    engine = cast("Engine", Saying(model._engine, said))
    pieces, answer = await answer_of(
        LocalModel("local:said", engine, DIALECTS[dialect], model.profile), request("?", READ)
    )
    assert "".join(pieces).strip() == answer.message.text == shown


async def test_a_request_beyond_the_window_says_so(model: LocalModel) -> None:
    with pytest.raises(ContextOverflow, match="8192"):
        await answer_of(model, request("word " * 9000))


async def test_a_cancelled_answer_leaves_the_model_usable(model: LocalModel) -> None:
    begun = asyncio.Event()

    async def listen() -> None:
        async for _ in model.stream(request("Count to one hundred.", max_tokens=2000)):
            begun.set()

    task = asyncio.ensure_future(listen())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, answer = await answer_of(model, request("Say hello.", max_tokens=8))
    assert isinstance(answer.message, AssistantMessage)


def test_an_unknown_local_model_names_those_there_are() -> None:
    with pytest.raises(UnknownModel, match=r"local:smollm2.*local:PATH"):
        load_local("local:gpt", "gpt")


def test_weights_that_are_not_here_are_named_with_the_line_that_gets_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_MODELS_DIR", str(tmp_path))
    with pytest.raises(UnknownModel, match="agentkit models fetch smollm2"):
        load_local("local:smollm2", "smollm2")
    assert best_ready() is None


@pytest.mark.parametrize("name", ["smollm2", "local:smollm2", "smollm2-base"])
def test_the_weights_of_a_model_are_fetched_by_its_own_name(name: str) -> None:
    assert fetch(name, lambda done, total, what: None) == path_of(SMOLLM2)


def test_a_machine_with_little_memory_gets_the_small_model() -> None:
    assert best_ready(SMALL_MACHINE - 1) == "smollm2"
    assert BY_REACH[0] == "qwen2.5-coder:1.5b"


async def test_without_tools_the_answer_is_held_to_its_schema(model: LocalModel) -> None:
    schema = {
        "type": "object",
        "properties": {
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "open": {"type": "boolean"},
        },
        "required": ["port", "open"],
        "additionalProperties": False,
    }
    asked = request("Sing me a song about ports.", answer_schema=schema, max_tokens=48)
    pieces, answer = await answer_of(model, asked)
    assert "".join(pieces) == answer.message.text
    found = json.loads(answer.message.text)
    assert set(found) == {"port", "open"}
    assert 1 <= found["port"] <= 65535
    assert isinstance(found["open"], bool)


async def test_a_schema_that_it_cannot_be_held_to_is_a_bad_request(model: LocalModel) -> None:
    asked = request("Name a port.", answer_schema={"type": "object", "not": {"required": ["port"]}})
    with pytest.raises(BadRequest, match="cannot be held to this schema"):
        await answer_of(model, asked)


async def test_a_conversation_goes_on_with_the_tokens_that_were_written_and_not_with_others(
    model: LocalModel,
) -> None:
    asked = request("Write ten rare words.", temperature=1.6, seed=5, max_tokens=40)
    _, answer = await answer_of(model, asked)
    text = f"assistant\n{answer.message.text}"
    own = model._written.find(text)
    assert own is not None
    # otherwise the tokenizer would find the same tokens, and this would show nothing
    assert list(own) != model._engine.tokenizer.encode(text, first=False)
    prompt = model.prompt(asked)
    read = prompt + list(own[-answer.usage.output_tokens :])
    follow = ModelRequest((*asked.messages, answer.message, UserMessage("And ten more.")), max_tokens=2)
    assert model.prompt(follow)[: len(read)] == read
    _, second = await answer_of(model, follow)
    # but for the last token of the answer, which was chosen and never computed
    assert second.usage.cached_tokens == len(read) - 1


async def test_calls_at_once_are_computed_together(model: LocalModel) -> None:
    asked = [request(f"Name a city in {country}.", max_tokens=12) for country in ("Italy", "Peru", "Japan")]
    alone = [(await answer_of(model, one))[1].message for one in asked]
    together = await asyncio.gather(*(answer_of(model, one) for one in asked))
    assert [answer.message for _, answer in together] == alone
