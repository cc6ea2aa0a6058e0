"""Calls of tools held to their grammar: what known tokens bring, what masks cost, and whether the calls fit.

The questions and functions are rows of the Berkeley Function-Calling Leaderboard (`tests/data/bfcl`), asked
in the form that models write calls in by themselves. Known tokens are those that the grammar leaves no choice
about and those that are guessed from the prompt; without them the same model chooses each by itself, under
the same mask. Prompts are computed before a turn begins.
"""

import json
import runpy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from engine_measure import FAST, Row, Setting, row
from torch import Tensor

from agentkit.core.messages import SystemMessage, UserMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects import HermesCalls
from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit_local_models.answer import Answer
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.drafts import PromptLookup
from agentkit_local_models.grammar import GrammarCompiler, Matcher
from agentkit_local_models.loading import load_model
from agentkit_local_models.pages import PagedCache, PagePool, pages_for
from agentkit_local_models.request import Prefill, Request
from agentkit_local_models.sampling import Sampling, only
from agentkit_local_models.scheduler import Scheduler

FASTER: Final = 1.5
MASKS: Final = 0.05
BFCL: Final = Path(__file__).parents[2] / "tests/local_models/bfcl.py"
MOST, QUICK = 16, 4
CONTEXT, ANSWER = 4_096, 600


class Watched(Matcher):
    """A matcher that may keep to itself what it knows, and says how long it was at work."""

    def __init__(self, inner: Matcher, clock: Callable[[], float], *, tells: bool) -> None:
        self._inner = inner
        self._clock = clock
        self._tells = tells
        self._row: Tensor | None = None
        self.spent = 0.0

    @property
    def is_accepting(self) -> bool:
        """See `Matcher`."""
        return self._inner.is_accepting

    @property
    def is_stopped(self) -> bool:
        """See `Matcher`."""
        return self._inner.is_stopped

    def allowed(self) -> Tensor:
        """See `Matcher`; what it takes to mask logits is counted as well, on some that nobody needs."""
        began = self._clock()
        mask = self._inner.allowed()
        if self._row is None:
            self._row = torch.zeros(len(mask))
        only(self._row, mask)
        self.spent += self._clock() - began
        return mask

    def accept(self, tokens: Sequence[int]) -> None:
        """See `Matcher`."""
        began = self._clock()
        self._inner.accept(tokens)
        self.spent += self._clock() - began

    def forced_tokens(self) -> list[int]:
        """See `Matcher`; none where it does not tell."""
        if not self._tells:
            return []
        began = self._clock()
        forced = self._inner.forced_tokens()
        self.spent += self._clock() - began
        return forced


@dataclass(slots=True)
class Turn:
    """What was written in one round.

    Attributes:
        tokens: of all answers.
        seconds: that they took.
        spent: of these, in the grammar.
        texts: of the answers that came to an end, with the tools that they could call.
    """

    tokens: int = 0
    seconds: float = 0.0
    spent: float = 0.0
    texts: list[tuple[str, Sequence[ToolSpec]]] = field(default_factory=list[tuple[str, Sequence[ToolSpec]]])


class Caller:
    """A model that writes calls, with what is known of them or without."""

    def __init__(self, path: Path, setting: Setting) -> None:
        torch.set_num_threads(setting.threads)
        self._clock = setting.clock
        with Checkpoint.open(path) as checkpoint:
            self._model = load_model(
                checkpoint, "file", FAST, None, native=True, threads=setting.threads,
                device=torch.device("cpu"),
            ).model  # fmt: skip
        assert checkpoint.chat_template is not None
        self._template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
        self._checkpoint = checkpoint
        self._compiler = GrammarCompiler(checkpoint.tokenizer, checkpoint.stop_ids)
        self._pool = PagePool(self._model.arch, self._model.dtype, pages_for(2 * CONTEXT))
        self._scheduler = Scheduler(self._model, self._pool)

    def read(self, question: str, tools: Sequence[ToolSpec]) -> tuple[list[int], PagedCache]:
        """The prompt, and what is computed of it."""
        turns = HermesCalls().turns([SystemMessage("Be brief."), UserMessage(question)], tools)
        prompt = encode_chat(self._template, self._checkpoint.tokenizer, turns)
        self._run(Request(Prefill(prompt)))
        cache = self._scheduler.tree.take("", prompt, CONTEXT)
        assert cache.length == len(prompt)
        return prompt, cache

    def write(
        self, prompt: Sequence[int], cache: PagedCache, tools: Sequence[ToolSpec], turn: Turn, *, known: bool
    ) -> None:
        """A call after a prompt that is computed; nothing of earlier answers is."""
        self._scheduler.tree.clear()
        self._scheduler.tree.insert("", prompt, cache.pages)
        began = self._clock()
        inner = self._compiler.compile(HermesCalls().grammar(tools, must_call=True))
        compiled = self._clock() - began
        matcher = Watched(inner, self._clock, tells=known)
        answer = Answer(
            prompt, Sampling(max_tokens=ANSWER), matcher, self._checkpoint.tokenizer,
            self._checkpoint.stop_ids, CONTEXT - len(prompt), PromptLookup() if known else None,
        )  # fmt: skip
        answer.begin()
        self._run(Request(answer))
        turn.seconds += self._clock() - began
        turn.spent += compiled + matcher.spent
        done = answer.completion(0)
        turn.tokens += done.output_tokens
        turn.texts.append((done.text, tools))

    def _run(self, request: Request) -> None:
        self._scheduler.add(request)
        while not request.done:
            self._scheduler.step()
        if request.error is not None:
            raise request.error


def rows(setting: Setting) -> Iterator[Row]:
    """Of the real models, as their files lie."""
    for path in setting.models:
        name = path.stem.partition("-")[0]
        known, alone = _turns(setting, path)
        rates = {
            "agentkit": [turn.tokens / turn.seconds for turn in known],
            "without known tokens": [turn.tokens / turn.seconds for turn in alone],
        }
        yield row(f"{name} calls of tools", "tokens/s", rates, "without known tokens", FASTER)
        shares = {
            "masks": [turn.spent / (turn.seconds - turn.spent) for turn in known],
            "the bar": [MASKS for _ in known],
        }
        cost = row(f"{name} calls of tools, in the grammar", "of decode", shares, "the bar", None)
        # less is better, so the inverse is compared
        yield Row(cost.case, cost.unit, cost.ours, cost.peer, cost.peers, round(1 / cost.ratio, 3), 1.0)
        texts = [text for turn in (*known, *alone) for text in turn.texts]
        fit = sum(_fits(text, tools) for text, tools in texts) / len(texts)
        yield Row(f"{name}, of {len(texts)} calls fit their tools", "share", fit, "the bar", 1.0, fit, 1.0)


def _turns(setting: Setting, path: Path) -> tuple[list[Turn], list[Turn]]:
    """In each round all calls with known tokens, and all without; the first warms up."""
    caller = Caller(path, setting)
    offers: list[tuple[str, str, list[ToolSpec]]] = list(runpy.run_path(str(BFCL))["rows"]())
    known = [Turn() for _ in range(setting.rounds + 1)]
    alone = [Turn() for _ in range(setting.rounds + 1)]
    for _, question, tools in offers[: QUICK if setting.quick else MOST]:
        prompt, cache = caller.read(question, tools)
        for number in range(setting.rounds + 1):
            for tells in (True, False) if number % 2 else (False, True):
                turn = known[number] if tells else alone[number]
                caller.write(prompt, cache, tools, turn, known=tells)
        cache.release()
    return known[1:], alone[1:]


def _fits(text: str, tools: Sequence[ToolSpec]) -> bool:
    """Whether it is one call that its tool's schema allows."""
    message = HermesCalls().read(text, 0, tools)
    if message.malformed or len(message.calls) != 1:
        return False
    call = message.calls[0]
    schemas: dict[str, Any] = {tool.name: tool.parameters for tool in tools}
    schema = schemas.get(call.name)
    return schema is not None and JsonSchema(json.dumps(schema)).fault(json.dumps(call.arguments)) is None
