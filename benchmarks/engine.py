"""Prefill and decode tokens a second of a local model, beside transformers on the same weights.

    python benchmarks/engine.py [--model PATH ...] [--rounds N]

Both compute the same prompts with the same weights, read from the file and dequantised once, in
bfloat16 and in float32, in turns (A, B, A, B) in one process, so that a slow moment of the machine
meets both. Needs the `oracle` dependencies. Without --model, the embedded models that were fetched.
"""

import argparse
import os
import random
import resource
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A thread that spins while it waits for the other takes the other's core when the machine is busy.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from facts import machine_facts, write_result
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.decoder import Decoder
from agentkit_local_models.weights import hub_name

# The name that replaces it is not in the older transformers the `oracle` group allows.
warnings.filterwarnings("ignore", message="`past_key_values` is deprecated")
MODELS = Path(os.environ.get("AGENTKIT_MODELS_DIR", Path.home() / ".cache/agentkit/models"))
PROMPT, CHUNK, ANSWER = 1_024, 512, 24
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
Times = dict[str, list[float]]


class Ours:
    """The engine's decoder."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder

    def start(self) -> None:
        """Forget everything."""
        self.cache = self.decoder.new_cache()

    def step(self, ids: list[int]) -> int:
        """The likeliest token after `ids`, which join the cache."""
        return int(self.decoder.logits(ids, self.cache).argmax())


class Theirs:
    """transformers' model with the same weights, its own cache and SDPA attention."""

    def __init__(self, decoder: Decoder, weights: dict[str, torch.Tensor]) -> None:
        config = decoder.config
        llama = config.family == "llama"
        config_class: Any = LlamaConfig if llama else Qwen2Config
        model_class: Any = LlamaForCausalLM if llama else Qwen2ForCausalLM
        extra: dict[str, Any] = {"head_dim": config.head_width} if llama else {}
        self.config = config_class(
            vocab_size=config.vocabulary_size,
            hidden_size=config.width,
            intermediate_size=config.feed_forward_width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.context,
            rms_norm_eps=config.norm_epsilon,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            tie_word_embeddings=config.tied_head,
            attn_implementation="sdpa",
            **extra,
        )
        with torch.device("meta"):
            model = model_class(self.config)
        model = model.to_empty(device="cpu")
        state = {hub_name(name): weight for name, weight in weights.items()}
        if config.tied_head:
            state["lm_head.weight"] = state["model.embed_tokens.weight"]
        model.load_state_dict(state, assign=True)
        model.tie_weights()
        model.model.rotary_emb = type(model.model.rotary_emb)(self.config)
        self.model = model.eval()

    def start(self) -> None:
        """Forget everything."""
        self.cache = DynamicCache(config=self.config)

    @torch.inference_mode()
    def step(self, ids: list[int]) -> int:
        """The likeliest token after `ids`, which join the cache."""
        tokens = torch.tensor([ids])
        output = self.model(tokens, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        return int(output.logits[0, -1].argmax())


def timed(work: Callable[[], object]) -> float:
    """Wall-clock seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(model: Ours | Theirs, prompt: list[int]) -> tuple[float, float, list[int]]:
    """Prefill and decode tokens a second, and the answer."""
    model.start()
    token = 0

    def prefill() -> None:
        nonlocal token
        for start in range(0, len(prompt), CHUNK):
            token = model.step(prompt[start : start + CHUNK])

    answer: list[int] = []

    def decode() -> None:
        nonlocal token
        for _ in range(ANSWER):
            answer.append(token)
            token = model.step([token])

    return len(prompt) / timed(prefill), ANSWER / timed(decode), answer


def compare(path: Path, dtype_name: str, rounds: int) -> dict[str, Any]:
    """One model in one dtype: medians, ranges and the ratio of the medians."""
    began = time.perf_counter()
    with Checkpoint.open(path) as checkpoint:
        decoder = Decoder.from_checkpoint(checkpoint, DTYPES[dtype_name])
        loaded = time.perf_counter() - began
        weights = dict(checkpoint.load_weights(DTYPES[dtype_name]))
    models: dict[str, Ours | Theirs] = {"agentkit": Ours(decoder), "transformers": Theirs(decoder, weights)}
    numbers = random.Random(0)
    prompt = [numbers.randrange(checkpoint.tokenizer.vocabulary_size) for _ in range(PROMPT)]
    prefill: Times = {name: [] for name in models}
    decode: Times = {name: [] for name in models}
    same = True
    for number in range(rounds + 1):
        answers: list[list[int]] = []
        for name, model in models.items():
            ahead, after, answer = measure(model, prompt)
            answers.append(answer)
            if number:  # the first warms the caches
                prefill[name].append(ahead)
                decode[name].append(after)
        same = same and answers[0] == answers[1]
    result: dict[str, Any] = {"load_seconds": round(loaded, 2), "same_answer": same}
    for kind, rates in (("prefill", prefill), ("decode", decode)):
        rows: dict[str, Any] = {
            name: {
                "tokens_per_second": round(statistics.median(values), 1),
                "least": round(min(values), 1),
                "most": round(max(values), 1),
            }
            for name, values in rates.items()
        }
        ratios = [a / b for a, b in zip(rates["agentkit"], rates["transformers"], strict=True)]
        result[kind] = {**rows, "ratio": round(statistics.median(ratios), 2)}
        print(
            f"  {dtype_name:<9}{kind:<8} agentkit {rows['agentkit']['tokens_per_second']:8.1f}  "
            f"transformers {rows['transformers']['tokens_per_second']:8.1f} tokens/s  "
            f"ratio {result[kind]['ratio']:.2f}",
            flush=True,
        )
    return result


def main() -> None:
    """Measure, print, and write `results/engine.json`."""
    parser = argparse.ArgumentParser(description="Tokens a second, beside transformers.")
    parser.add_argument("--model", type=Path, action="append", help="a GGUF file or hub folder")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    paths: list[Path] = arguments.model or sorted(MODELS.glob("*/*.gguf"))
    if not paths:
        parser.error("no model here; run: agentkit models fetch smollm2")
    load = os.getloadavg()[0]
    models: dict[str, Any] = {}
    for path in paths:
        print(path.name, flush=True)
        models[path.name] = {name: compare(path, name, arguments.rounds) for name in DTYPES}
    written = write_result(
        "engine",
        {
            "prompt_tokens": PROMPT,
            "chunk_tokens": CHUNK,
            "answer_tokens": ANSWER,
            "rounds": arguments.rounds,
            "threads": torch.get_num_threads(),
            "wait_policy": os.environ["OMP_WAIT_POLICY"],
            "load_before": round(load, 2),
            "load_after": round(os.getloadavg()[0], 2),
            "peak_memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, 2),
            "models": models,
            "machine": machine_facts("torch", "transformers"),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        },
    )
    print(f"written to {written}")


if __name__ == "__main__":
    main()
