"""Whatever a model would like to write, what it is held to is a call that fits its tool."""

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from agentkit.core.tools import ToolSpec
from agentkit.models.dialects import DIALECTS, Dialect
from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.grammar import GrammarCompiler, Matcher

from .bfcl import offers, rows

OFFERS = [(name, tools) for name, _, tools in rows()]
# A walk that closes what it can this often ends after some fifty tokens.
CLOSING = 0.3
MANY = 3_000


@pytest.fixture(scope="module")
def checkpoint(smollm2_path: Path) -> Checkpoint:
    with Checkpoint.open(smollm2_path) as checkpoint:
        return checkpoint


@pytest.fixture(scope="module")
def compiler(checkpoint: Checkpoint) -> GrammarCompiler:
    return GrammarCompiler(checkpoint.tokenizer, checkpoint.stop_ids)


class Wanderer:
    """A model that wants anything at all, and now and then an end."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._tokenizer = checkpoint.tokenizer
        self._stops = checkpoint.stop_ids
        closing = {'"', '"}', "}", "]", '"]', ")", '")', '"""', "\n", "\n</", "0", "1", " "}
        self._closing = [
            token
            for token in range(self._tokenizer.vocabulary_size)
            if self._tokenizer.token_bytes(token).decode(errors="replace") in closing
        ]

    def answer(self, matcher: Matcher, dice: random.Random) -> str:
        """The text of an answer."""
        made: list[int] = []
        while not matcher.is_stopped:
            assert len(made) < MANY, self._tokenizer.decode(made)
            forced = matcher.forced_tokens()
            token = None if forced else self._choice(matcher.allowed(), dice)
            if token in self._stops:
                break
            new = [one for one in forced if one not in self._stops] if token is None else [token]
            if not new:
                break
            matcher.accept(new)
            made += new
        return self._tokenizer.decode(made)

    def _choice(self, allowed: torch.Tensor, dice: random.Random) -> int:
        ends = [token for token in (*self._stops, *self._closing) if allowed[token]]
        if ends and dice.random() < CLOSING:
            return dice.choice(ends)
        tokens = allowed.nonzero().flatten()
        return int(tokens[dice.randrange(len(tokens))])


@pytest.fixture(scope="module")
def wanderer(checkpoint: Checkpoint) -> Wanderer:
    return Wanderer(checkpoint)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
@pytest.mark.parametrize(("name", "tools"), OFFERS, ids=[name for name, _ in OFFERS])
def test_a_call_held_to_its_grammar_fits_its_tool(
    dialect: Dialect, name: str, tools: Sequence[ToolSpec], compiler: GrammarCompiler, wanderer: Wanderer
) -> None:
    assert_fits(dialect, name, tools, wanderer, compiler)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_calls_of_every_open_row_fit_their_tools(
    dialect: Dialect, compiler: GrammarCompiler, wanderer: Wanderer
) -> None:
    every = list(offers())
    assert len(every) > 450
    for name, tools in every:
        assert_fits(dialect, name, tools, wanderer, compiler)


def assert_fits(
    dialect: Dialect, name: str, tools: Sequence[ToolSpec], wanderer: Wanderer, compiler: GrammarCompiler
) -> None:
    """What is written under the grammar of the tools is one call of one of them."""
    matcher = compiler.compile(dialect.grammar(tools, must_call=True))
    text = wanderer.answer(matcher, random.Random(name))
    message = dialect.read(text, 0, tools)
    assert not message.malformed, (text, message.malformed)
    assert len(message.calls) == 1, text
    call = message.calls[0]
    tool = next(tool for tool in tools if tool.name == call.name)
    fault = JsonSchema(json.dumps(tool.parameters)).fault(json.dumps(call.arguments))
    assert fault is None, text
