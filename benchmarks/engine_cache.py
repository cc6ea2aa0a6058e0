"""What a session's fork costs, and how much of an agent's prompts is not computed again.

    python benchmarks/engine_cache.py [--runs FILE.jsonl]

The fork is one of 8,192 tokens in pages of SmolLM2's sizes: of the session, and until its next request has
found its pages. The prompts are those of recorded runs: lines of JSON whose `traj` is a list of turns with
`role`, `content` and `tool_calls`, as tau-bench publishes them. They go through the engine's own scheduler
and prefix tree with SmolLM2's tokenizer, on a model of next to no weights: which tokens are a hit does not
depend on what is computed.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from facts import machine_facts, write_result

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

FORK_TOKENS, ROUNDS = 8_192, 200
FORK_BAR_MS, REUSE_BAR = 5.0, 0.94
CONTEXT = 65_536


def main() -> None:
    """Measure, print, and write `results/engine_cache.json`."""
    parser = argparse.ArgumentParser(description="Forks, and prompts that are known already.")
    parser.add_argument("--runs", type=Path, help="recorded runs; without them only the fork is measured")
    parser.add_argument("--most", type=int, default=20, help="runs that are read, from the first on")
    arguments = parser.parse_args()
    with Checkpoint.open(path_of(SMOLLM2)) as checkpoint:
        rows = [fork(checkpoint)]
        if arguments.runs is not None:
            rows += reuse(checkpoint, arguments.runs, arguments.most)
    for row in rows:
        print(f"{row['case']:<58} {row['ours']:>8} {row['unit']:<8} bar {row['bar']}, holds: {row['holds']}")
    written = write_result("engine_cache", {"rows": rows, "machine": machine_facts("torch")})
    print(f"written to {written}")


def fork(checkpoint: Checkpoint) -> dict[str, Any]:
    """Milliseconds of processor time for a fork of a long session, the longest of many."""
    engine = small_engine(checkpoint, FORK_TOKENS)
    ids = list(range(FORK_TOKENS))
    pool = PagePool(checkpoint.config, torch.bfloat16, pages_for(FORK_TOKENS) + 8)
    tree = PrefixTree(pool)
    pages = pool.take(pages_for(FORK_TOKENS))
    tree.insert("", ids, pages)
    pool.release(pages)
    session, times = engine.session(ids), list[float]()
    for _ in range(ROUNDS):
        began = time.process_time()
        (other,) = session.fork(1)
        cache = tree.take("", other.ids, FORK_TOKENS)
        times.append(1_000 * (time.process_time() - began))
        assert cache.length == FORK_TOKENS
        cache.release()
    longest = max(times)
    return {
        "case": "fork of a session of 8,192 tokens, the longest of 200",
        "unit": "ms",
        "ours": round(longest, 2),
        "median": round(statistics.median(times), 2),
        "pages_copied": pool.copied,
        "bar": FORK_BAR_MS,
        "holds": longest <= FORK_BAR_MS and not pool.copied,
    }


def reuse(checkpoint: Checkpoint, runs: Path, most: int) -> list[dict[str, Any]]:
    """Of the prompts of later steps, how much was computed before."""
    assert checkpoint.chat_template is not None
    template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
    engine = small_engine(checkpoint, CONTEXT)
    shares: list[float] = []
    prompts = hits = known = 0
    for turns in islice(recorded(runs), most):
        written = Written(checkpoint.tokenizer)
        before: list[int] = []
        for place, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            prompt = encode_chat(template, checkpoint.tokenizer, turns[:place], written=written)
            *_, done = engine.generate(prompt, Sampling(max_tokens=1))
            assert isinstance(done, Completion)
            if before:
                shares.append(done.reused_tokens / done.prompt_tokens)
                prompts += done.prompt_tokens
                hits += done.reused_tokens
                known += shared(before, prompt)
            answer = checkpoint.tokenizer.encode(turn["content"], first=False)
            written.add(prompt, answer)
            before = [*prompt, *answer]
            engine.prefill(before)
    return [
        {
            "case": f"prompts of {len(shares)} later steps of recorded runs: computed before",
            "unit": "share",
            "ours": round(hits / prompts, 4),
            "median_of_steps": round(statistics.median(shares), 4),
            "prompt_tokens": prompts,
            "bar": REUSE_BAR,
            "holds": hits / prompts >= REUSE_BAR,
        },
        {
            "case": "of what a prompt shares with the step before: computed before",
            "unit": "share",
            "ours": round(hits / known, 4),
            "bar": 1.0,
            "holds": hits >= known,
        },
    ]


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


if __name__ == "__main__":
    main()
