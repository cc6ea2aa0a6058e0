"""What an adapter took from its base: perplexity on ordinary English, before and after.

`python benchmarks/forgetting.py [ADAPTER]`: by default the adapter that ships for smollm2. Each paragraph is
scored alone, from its second token on, in the dtype that the engine uses.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from facts import machine_facts, write_result

from agentkit.models.embedded import MANNERS, adapter_file
from agentkit_local_models.catalogue import SMOLLM2, path_of
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
    adapter = Path(sys.argv[1]) if len(sys.argv) > 1 else adapter_file(MANNERS["smollm2"].adapter)
    texts = [json.loads(line)["text"] for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    base, tokens = perplexity(Engine.load(path_of(SMOLLM2)), texts)
    adapted, _ = perplexity(Engine.load(path_of(SMOLLM2), adapter=adapter), texts)
    change = adapted / base - 1
    print(f"perplexity on {tokens} tokens of English: base {base:.2f}, adapted {adapted:.2f} ({change:+.1%})")
    result = {"tokens": tokens, "base": base, "adapted": adapted, "change": change}
    write_result("forgetting", {**result, "machine": machine_facts()})


if __name__ == "__main__":
    main()
