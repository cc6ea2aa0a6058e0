import dataclasses

import pytest
import torch

from agentkit_local_models.arch import Arch
from agentkit_local_models.decoder import Decoder
from agentkit_local_models.errors import CheckpointError, PromptTooLong

from .oracle import random_weights, transformers_model

BASE = Arch(
    family="llama",
    vocabulary_size=131,
    width=48,
    layers=3,
    heads=4,
    kv_heads=2,
    head_width=12,
    feed_forward_width=96,
    rope_base=10_000.0,
    norm_epsilon=1e-5,
    context=1_200,
    tied_head=True,
    qkv_bias=False,
)
QWEN = dataclasses.replace(BASE, family="qwen2", qkv_bias=True, rope_base=1e6, norm_epsilon=1e-6)
CONFIGS = {
    "grouped": BASE,
    "untied": dataclasses.replace(BASE, tied_head=False),
    "every head its own": dataclasses.replace(BASE, kv_heads=4),
    "one key head": dataclasses.replace(BASE, kv_heads=1),
    "wide heads": dataclasses.replace(BASE, head_width=32),
    "biases": QWEN,
    "biases, untied": dataclasses.replace(QWEN, tied_head=False, kv_heads=1),
}
TOKENS = torch.randint(0, 131, (700,), generator=torch.Generator().manual_seed(7)).tolist()


def decoder(config: Arch, dtype: torch.dtype = torch.float32) -> Decoder:
    return Decoder(config, random_weights(config).items(), dtype)


def expected(config: Arch, tokens: list[int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    with torch.inference_mode():
        model = transformers_model(config, random_weights(config), dtype)
        return model(torch.tensor([tokens])).logits[0].float()


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def config(request: pytest.FixtureRequest) -> Arch:
    return request.param


def test_a_whole_prompt_has_the_logits_of_transformers(config: Arch) -> None:
    model = decoder(config)
    found = model.logits(TOKENS, model.new_cache(), every=True)
    torch.testing.assert_close(found, expected(config, TOKENS), atol=2e-5, rtol=0)


def test_token_by_token_has_the_logits_of_transformers(config: Arch) -> None:
    model = decoder(config)
    cache = model.new_cache()
    found = torch.stack([model.logits([token], cache) for token in TOKENS[:64]])
    torch.testing.assert_close(found, expected(config, TOKENS[:64]), atol=2e-5, rtol=0)


@pytest.mark.parametrize("size", [2, 100, 512])
def test_chunks_have_the_logits_of_transformers(config: Arch, size: int) -> None:
    model = decoder(config)
    cache = model.new_cache()
    chunks = [TOKENS[start : start + size] for start in range(0, len(TOKENS), size)]
    found = torch.cat([model.logits(chunk, cache, every=True) for chunk in chunks])
    torch.testing.assert_close(found, expected(config, TOKENS), atol=2e-5, rtol=0)


def test_bfloat16_stays_as_close_to_float32_as_transformers_does(config: Arch) -> None:
    exact = expected(config, TOKENS[:100])
    model = decoder(config, torch.bfloat16)
    ours = model.logits(TOKENS[:100], model.new_cache(), every=True)
    theirs = expected(config, TOKENS[:100], torch.bfloat16)
    assert (ours - exact).abs().mean() < 1.2 * (theirs - exact).abs().mean()


def test_only_the_last_logits_are_made_unless_asked() -> None:
    model = decoder(BASE)
    last = model.logits(TOKENS[:9], model.new_cache())
    every = model.logits(TOKENS[:9], model.new_cache(), every=True)
    assert last.shape == (131,)
    torch.testing.assert_close(last, every[-1], atol=1e-5, rtol=0)


def test_a_truncated_cache_goes_on_as_if_nothing_had_followed() -> None:
    model = decoder(BASE)
    cache = model.new_cache()
    model.logits(TOKENS[:600], cache)
    cache.truncate(40)
    found = model.logits(TOKENS[500:510], cache)
    fresh = model.logits(TOKENS[:40] + TOKENS[500:510], model.new_cache())
    torch.testing.assert_close(found, fresh, atol=1e-5, rtol=0)


def test_a_cache_cannot_be_cut_to_more_than_it_has() -> None:
    cache = decoder(BASE).new_cache()
    with pytest.raises(ValueError, match="cannot keep 1 tokens of 0"):
        cache.truncate(1)


def test_a_prompt_beyond_the_context_leaves_the_cache_as_it_was() -> None:
    model = decoder(BASE)
    cache = model.new_cache()
    model.logits(TOKENS, cache)
    with pytest.raises(PromptTooLong, match="1400 tokens; the model's context holds 1200"):
        model.logits(TOKENS, cache)
    assert cache.length == 700


def test_a_missing_weight_is_named() -> None:
    weights = random_weights(BASE)
    del weights["layers.1.attention.key.weight"]
    with pytest.raises(CheckpointError, match=r"missing: layers\.1\.attention\.key\.weight"):
        Decoder(BASE, weights.items(), torch.float32)


def test_an_unknown_weight_is_named() -> None:
    weights = random_weights(BASE) | {"layers.9.norm.weight": torch.ones(2)}
    with pytest.raises(CheckpointError, match=r"layers\.9\.norm\.weight \(2,\) is unexpected"):
        Decoder(BASE, weights.items(), torch.float32)


def test_a_misshapen_weight_is_named() -> None:
    # torch would broadcast it without a word
    weights = random_weights(BASE) | {"norm.weight": torch.ones(1)}
    with pytest.raises(CheckpointError, match=r"norm\.weight is \(1,\); the config asks for \(48,\)"):
        Decoder(BASE, weights.items(), torch.float32)
