import asyncio
import hashlib
import json

import pytest

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.discovery import installed_tools
from agentkit_tools.agents import PACK as AGENTS
from agentkit_tools.finish import finish
from agentkit_tools.jobs import PACK as JOBS
from agentkit_tools.person import ask_user

BUILT_IN = [
    tool for tool in installed_tools().values() if tool.signature.function.__module__.startswith("agentkit_")
]


def test_the_built_in_tools_are_found_by_entry_point() -> None:
    assert sorted(tool.name for tool in BUILT_IN) == [
        "append_file",
        "ask_user",
        "copy_file",
        "delete_file",
        "edit_file",
        "find_text",
        "finish",
        "list_files",
        "make_folder",
        "move_file",
        "read_file",
        "read_output",
        "run_python",
        "run_shell",
        "write_file",
    ]


@pytest.mark.parametrize("tool", BUILT_IN, ids=lambda tool: tool.name)
def test_a_tool_is_said_in_one_short_sentence_and_every_argument_in_words(tool) -> None:
    assert tool.description.count("\n") == 0
    assert len(tool.description) <= 90
    for name, part in tool.signature.json_schema["properties"].items():
        assert part.get("description"), f"{tool.name}({name}) has no words"


def test_the_everyday_tools_read_to_the_last_byte_as_the_embedded_model_learnt_them() -> None:
    """A change here wants the adapter trained anew; tools that are added belong into packs."""
    read = [(tool.name, tool.description, tool.signature.json_schema) for tool in BUILT_IN]
    assert hashlib.sha256(json.dumps(read).encode()).hexdigest()[:16] == "6822e08bbf28e975"


def test_effects_and_what_may_be_repeated_are_declared() -> None:
    effects = {tool.name: (tool.effect, tool.idempotent) for tool in BUILT_IN}
    reads = {"ask_user", "find_text", "list_files", "read_file", "read_output"}
    assert {name for name, (effect, _) in effects.items() if effect is Effect.READS} == reads
    assert {name for name, (effect, _) in effects.items() if effect is Effect.EXECUTES} == {
        "run_python",
        "run_shell",
    }
    assert {name for name, (_, idempotent) in effects.items() if idempotent} == reads | {
        "finish",
        "make_folder",
        "write_file",
    }
    assert [tool.name for tool in BUILT_IN if tool.ends_run] == ["finish"]


def test_what_is_looked_at_again_and_again_is_no_loop() -> None:
    assert [tool.name for tool in (*AGENTS.tools, *JOBS.tools) if tool.polls] == [
        "list_agents",
        "list_jobs",
        "read_job",
    ]


def test_finish_gives_its_result() -> None:
    assert finish("done", evidence=["a.txt"]) == "done"
    assert finish.check({"result": "x", "evidence": ["1"]})["evidence"] == ["1"]
    with pytest.raises(ToolFault, match="the result is empty"):
        finish(" ")


def test_a_question_reaches_the_person(world) -> None:
    async def answer(question: str) -> str:
        return f" about {question} "

    async def silence(_question: str) -> str:
        return ""

    assert asyncio.run(ask_user("tea?", world.with_(ask=answer))) == "about tea?"
    assert "gave no answer" in asyncio.run(ask_user("tea?", world.with_(ask=silence)))
    with pytest.raises(ToolFault, match="nobody is here"):
        asyncio.run(ask_user("tea?", world.context))
    with pytest.raises(ToolFault, match="the question is empty"):
        asyncio.run(ask_user(" ", world.context))
