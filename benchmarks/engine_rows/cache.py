"""What a session's fork costs, and how much of an agent's prompts is not computed again.

The fork is one of 8,192 tokens in pages of SmolLM2's sizes: of the session, and until its next request has
found its pages. The prompts are those of recorded runs (`tests/data/tau`). They go through the engine's own
scheduler and prefix tree with SmolLM2's tokenizer, on a model of next to no weights: which tokens are a hit
does not depend on what is computed.
"""

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import torch
from engine_measure import Row, Setting

from agentkit_local_models.answer import Completion
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.engine import Engine
from agentkit_local_models.model import Model
from agentkit_local_models.pages import PagePool, pages_for
from agentkit_local_models.radix import PrefixTree
from agentkit_local_models.sampling import Sampling
from agentkit_local_models.weights import weight_shapes
from agentkit_local_models.written import Written

FORK_TOKENS, TIMES = 8_192, 200
FORK_MS, REUSED = 5.0, 0.94
CONTEXT = 65_536
RUNS: Final = Path(__file__).parents[2] / "tests/data/tau/runs.jsonl"


def rows(setting: Setting) -> Iterator[Row]:
    """The fork, and the share of prompts."""
    if setting.quick:
        return
    with Checkpoint.open(path_of(SMOLLM2)) as checkpoint:
        yield from fork(checkpoint)
        yield from reuse(checkpoint)


def fork(checkpoint: Checkpoint) -> Iterator[Row]:
    """Milliseconds of processor time for forks of a long session, and the pages they copied."""
    engine = small_engine(checkpoint, FORK_TOKENS)
    ids = list(range(FORK_TOKENS))
    pool = PagePool(checkpoint.config, torch.bfloat16, pages_for(FORK_TOKENS) + 8)
    tree = PrefixTree(pool)
    pages = pool.take(pages_for(FORK_TOKENS))
    tree.insert("", ids, pages)
    pool.release(pages)
    session, times = engine.session(ids), list[float]()
    for _ in range(TIMES):
        began = time.process_time()
        (other,) = session.fork(1)
        cache = tree.take("", other.ids, FORK_TOKENS)
        times.append(1_000 * (time.process_time() - began))
        assert cache.length == FORK_TOKENS
        cache.release()
    # less is better, so the inverse is compared
    longest = round(max(times), 3)
    case = f"fork of a session of {FORK_TOKENS:,} tokens"
    yield Row(
        f"{case}, the longest of {TIMES}", "ms", longest, "the bar", FORK_MS, round(FORK_MS / longest, 3), 1.0
    )
    yield Row(f"{case}, pages copied", "pages", pool.copied, "the bar", 0, 1.0 - pool.copied, 1.0)


def reuse(checkpoint: Checkpoint) -> Iterator[Row]:
    """Of the prompts of later steps, how much was computed before."""
    assert checkpoint.chat_template is not None
    template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
    engine = small_engine(checkpoint, CONTEXT)
    steps = prompts = hits = known = 0
    for turns in recorded(RUNS):
        written = Written(checkpoint.tokenizer)
        before: list[int] = []
        for place, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            prompt = encode_chat(template, checkpoint.tokenizer, turns[:place], written=written)
            *_, done = engine.generate(prompt, Sampling(max_tokens=1))
            assert isinstance(done, Completion)
            if before:
                steps += 1
                prompts += done.prompt_tokens
                hits += done.reused_tokens
                known += shared(before, prompt)
            answer = checkpoint.tokenizer.encode(turn["content"], first=False)
            written.add(prompt, answer)
            before = [*prompt, *answer]
            engine.prefill(before)
    share, of_known = round(hits / prompts, 4), round(hits / known, 4)
    case = f"prompts of {steps} later steps of recorded runs, computed before"
    yield Row(case, "share", share, "the bar", REUSED, round(share / REUSED, 3), 1.0)
    case = "what these share with the step before, computed before"
    yield Row(case, "share", of_known, "the bar", 1.0, of_known, 1.0)


def recorded(runs: Path) -> Iterator[list[dict[str, str]]]:
    """The turns of each run as a chat template takes them; a call is the JSON it is made of."""
    for line in runs.read_text(encoding="utf-8").splitlines():
        turns = cast("list[dict[str, Any]]", json.loads(line)["traj"])
        yield [
            {
                "role": turn["role"] if turn["role"] in ("system", "assistant") else "user",
                "content": turn.get("content") or json.dumps(turn.get("tool_calls")),
            }
            for turn in turns
        ]


def shared(first: list[int], second: list[int]) -> int:
    """How many tokens two prompts begin with alike."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), len(first))


def small_engine(checkpoint: Checkpoint, context: int) -> Engine:
    """A model of one narrow layer with the checkpoint's tokenizer; it expects nothing in particular."""
    arch = dataclasses.replace(
        checkpoint.config, width=8, layers=1, heads=1, kv_heads=1, head_width=8, feed_forward_width=8,
        context=context,
    )  # fmt: skip
    weights = {name: torch.ones(shape) for name, shape in weight_shapes(arch).items()}
    model = Model(arch, weights.items(), torch.float32)
    return Engine(dataclasses.replace(checkpoint, config=arch), model)
