"""What adapters cost: eight answers of smollm2 at once, with none, one for all, and eight different ones.

    python benchmarks/adapters.py [--tokens N] [--rounds N]

Each case writes eight greedy answers of N tokens, in one batch and by one thread, several times in turn. The
fewest seconds of processor time count: the machine may do other things meanwhile. Adapters are random and of
rank 32 on every matrix, as the shipped one is. `joined` is the adapter that an engine was loaded with; the
others are loaded by name. What is guessed ahead would differ between answers, so nothing is.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from facts import machine_facts, write_result

from agentkit_local_models.adapter_file import save_packed
from agentkit_local_models.answer import Completion
from agentkit_local_models.arch import Arch
from agentkit_local_models.catalogue import SMOLLM2, path_of
from agentkit_local_models.engine import Engine
from agentkit_local_models.lora import Adapter, LoraConfig, Pair
from agentkit_local_models.sampling import Sampling

ANSWERS = 8
PROMPT = "<|im_start|>user\nTell me of the sea.<|im_end|>\n<|im_start|>assistant\n"


def random_adapter(arch: Arch, seed: int) -> Adapter:
    """Small enough that answers stay long."""
    fresh = Adapter.fresh(LoraConfig(32, 64.0), arch, seed)
    generator = torch.Generator().manual_seed(seed)
    pairs = {
        name: Pair(pair.a, 1e-4 * torch.randn(pair.b.shape, generator=generator))
        for name, pair in fresh.pairs.items()
    }
    return Adapter(fresh.config, pairs)


def seconds_of(engines: list[Engine], tokens: int) -> float:
    """Processor seconds of the answers together, without their prompts; stop tokens are never chosen."""
    stops = dict.fromkeys(engines[0].checkpoint.stop_ids, -1e9)
    ids = engines[0].tokenizer.encode(PROMPT, allow_special=True)
    sampling = Sampling(temperature=0.0, max_tokens=tokens, logit_bias=stops)
    for engine in engines:
        engine.prefill(ids)
    answers = [engine.generate(ids, sampling) for engine in engines]
    begin = time.process_time()
    written = 0
    while answers:
        for answer in list(answers):
            if isinstance(event := next(answer), Completion):
                written += event.output_tokens
                answers.remove(answer)
                answer.close()
    assert written == len(engines) * tokens
    return time.process_time() - begin


def cases(folder: Path) -> Mapping[str, list[Engine]]:
    engine = Engine.load(path_of(SMOLLM2), threads=1, drafts=False)
    for place in range(ANSWERS):
        file = folder / f"{place}.safetensors"
        save_packed(random_adapter(engine.config, place), file, {})
        engine.load_adapter(str(place), file)
    joined = Engine.load(path_of(SMOLLM2), threads=1, adapter=folder / "0.safetensors", drafts=False)
    return {
        "none": [engine] * ANSWERS,
        "joined": [joined] * ANSWERS,
        "one for all": [engine.using("0")] * ANSWERS,
        "eight different": [engine.using(str(place)) for place in range(ANSWERS)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engines = cases(Path(folder))
        best = dict.fromkeys(engines, float("inf"))
        for _ in range(given.rounds):
            for name, these in engines.items():
                best[name] = min(best[name], seconds_of(these, given.tokens))
    speeds = {name: round(ANSWERS * given.tokens / seconds, 1) for name, seconds in best.items()}
    native = engines["none"][0].native
    for name, speed in speeds.items():
        print(f"{name:16} {speed:8.1f} tokens a processor second  {speed / speeds['none']:.2f}")
    write_result(
        "adapters", {"tokens_a_processor_second": speeds, "native": native, "machine": machine_facts()}
    )


if __name__ == "__main__":
    main()
