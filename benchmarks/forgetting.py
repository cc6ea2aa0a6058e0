"""What an adapter took from its base: perplexity on ordinary English, before and after.

`python benchmarks/forgetting.py [--model MODEL] [--adapter FILE]`: by default smollm2 and the adapter that it
ships with. Each paragraph is scored alone, from its second token on, in the dtype that the engine uses.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from adapted import pair_of
from facts import machine_facts, write_result

from agentkit_local_models.engine import Engine

TEXTS = Path(__file__).parents[1] / "tests/data/english/paragraphs.jsonl"


def perplexity(engine: Engine, texts: Sequence[str]) -> tuple[float, int]:
    loss = count = 0.0
    for text in texts:
        ids = engine.tokenizer.encode(text)
        logits = engine.logits(ids)
        loss += float(torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="sum"))
        count += len(ids) - 1
    return math.exp(loss / count), int(count)


def main() -> None:
    tried = pair_of(__doc__)
    texts = [json.loads(line)["text"] for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    base, tokens = perplexity(tried.base(), texts)
    adapted, _ = perplexity(tried.adapted(), texts)
    change = adapted / base - 1
    print(f"perplexity on {tokens} tokens of English: base {base:.2f}, adapted {adapted:.2f} ({change:+.1%})")
    result = {"tokens": tokens, "base": base, "adapted": adapted, "change": change}
    write_result(tried.result("forgetting"), {**result, "machine": machine_facts()})


if __name__ == "__main__":
    main()
