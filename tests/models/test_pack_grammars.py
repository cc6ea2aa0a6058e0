"""Every tool of every pack can be called by a model of this machine: its grammar is one, in each dialect."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from llguidance import LLMatcher, LLTokenizer, grammar_from

from agentkit.core.messages import SystemMessage, UserMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects import DIALECTS
from agentkit.tooling.discovery import PACKS, installed_packs
from agentkit.tooling.packs import offering
from agentkit.tooling.tool import Tool

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
ENTRIES = PROJECT["entry-points"]["agentkit.packs"]
HERE = installed_packs(["all"], [EntryPoint(name, value, PACKS) for name, value in ENTRIES.items()])
TOOLS = [*reversed(offering({}, HERE, 20, lambda _: True).tools.values())]  # the loader first
BYTES = LLTokenizer("byte")


def spec(one: Tool) -> ToolSpec:
    return ToolSpec(one.name, one.description, one.signature.json_schema)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_has_a_grammar(dialect: str, tool: Tool) -> None:
    matcher = LLMatcher(BYTES, grammar_from("lark", DIALECTS[dialect].grammar((spec(tool),), must_call=True)))
    assert not matcher.is_error(), matcher.get_error()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_says_what_each_pack_is_for(dialect: str) -> None:
    [told, *_] = DIALECTS[dialect].turns((SystemMessage("Work."), UserMessage("Do it.")), (spec(TOOLS[0]),))
    assert all(pack.purpose in str(told) for pack in HERE)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_all_of_them_together_have_one(dialect: str) -> None:
    grammar = DIALECTS[dialect].grammar(tuple(map(spec, TOOLS)))
    matcher = LLMatcher(BYTES, grammar_from("lark", grammar))
    assert not matcher.is_error(), matcher.get_error()
