"""Each family as its makers' own class computes it: the folder that class writes is read and run here."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file

from agentkit_local_models.engine import Engine
from agentkit_local_models.errors import CheckpointError, PromptTooLong
from agentkit_local_models.families import read_family
from agentkit_local_models.hub_weights import find_weights, places_in
from agentkit_local_models.model import Model
from agentkit_local_models.safetensors_file import open_safetensors
from agentkit_local_models.sampling import Sampling

from .test_checkpoint import hub_folder

VOCABULARY = 101
TOKENS = torch.randint(0, VOCABULARY, (90,), generator=torch.Generator().manual_seed(3)).tolist()
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
HEADED = SMALL | {"head_dim": 16}
BLOOM = {"vocab_size": VOCABULARY, "hidden_size": 48, "n_layer": 3, "n_head": 6, "pad_token_id": 0}
MPT = {"vocab_size": VOCABULARY, "d_model": 48, "n_layers": 3, "n_heads": 6, "max_seq_len": 128}
FALCON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
THETA = {"rope_theta": 10_000.0}
LLAMA3 = THETA | {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = THETA | {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
LONG = THETA | {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.3, 1.7, 2.0, 2.5],
    "long_factor": [2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    "original_max_position_embeddings": 96,
}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", SMALL),
    "llama, biases": ("Llama", SMALL | {"attention_bias": True, "mlp_bias": True}),
    "llama, one key head, tied": ("Llama", SMALL | {"num_key_value_heads": 1, "tie_word_embeddings": True}),
    "llama 3.1": ("Llama", SMALL | {"rope_parameters": LLAMA3}),
    "llama, linear": ("Llama", SMALL | {"rope_parameters": THETA | {"rope_type": "linear", "factor": 4.0}}),
    "llama, yarn": ("Llama", SMALL | {"rope_parameters": YARN}),
    "mistral": ("Mistral", SMALL | {"sliding_window": 17}),
    "mistral, no window": ("Mistral", SMALL | {"sliding_window": None}),
    "qwen2": ("Qwen2", SMALL),
    "qwen2, window": (
        "Qwen2",
        SMALL | {"use_sliding_window": True, "sliding_window": 17, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", HEADED),
    "gemma": ("Gemma", HEADED),
    "gemma 2": ("Gemma2", HEADED | {"sliding_window": 17, "query_pre_attn_scalar": 20}),
    "gemma 3": (
        "Gemma3",
        HEADED | {"num_hidden_layers": 7, "sliding_window": 17, "query_pre_attn_scalar": 20},
    ),
    "phi 3": ("Phi3", SMALL | {"sliding_window": 17}),
    "phi 3, long": ("Phi3", SMALL | {"rope_parameters": LONG}),
    "phi 4, part of a head": (
        "Phi3",
        HEADED | {"rope_parameters": THETA | {"rope_type": "default", "partial_rotary_factor": 0.5}},
    ),
    "glm 4": ("Glm", HEADED | {"attention_bias": True}),
    "bloom": ("Bloom", BLOOM),
    "bloom, heads a power of two": ("Bloom", BLOOM | {"n_head": 4}),
    "bloom, normed residual": ("Bloom", BLOOM | {"apply_residual_connection_post_layernorm": True}),
    "mpt": ("Mpt", MPT),
    "falcon 7b": ("Falcon", FALCON | {"multi_query": True, "parallel_attn": True}),
    "falcon 40b": ("Falcon", FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon 2": (
        "Falcon",
        FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1},
    ),
    "falcon rw": (
        "Falcon",
        FALCON | {"multi_query": False, "parallel_attn": False, "alibi": True, "bias": True},
    ),
}


def theirs(kind: str, **changes: Any) -> Any:
    """A model of transformers with random weights, none of them zero or one."""
    name, settings = KINDS[kind]
    settings = settings | changes
    config_name = f"{name}TextConfig" if name == "Gemma3" else f"{name}Config"
    config = getattr(transformers, config_name)(**settings)
    # its eager code adds the penalty of ALiBi twice
    config._attn_implementation = "sdpa" if name == "Falcon" else "eager"
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = getattr(transformers, f"{name}ForCausalLM")(config)
        with torch.no_grad():
            for parameter in model.parameters():
                scale = parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 0.2
                parameter.add_(torch.randn_like(parameter) * scale)
    return model.eval()


def ours(folder: Path) -> Model:
    arch, names = read_family(folder / "config.json")
    weights = find_weights(folder, arch, names, open_safetensors(folder))
    return Model(arch, weights.load(tuple(weights.places), torch.float32), torch.float32)


@pytest.fixture(scope="module", params=KINDS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Model, torch.Tensor]:
    """Our model of a folder, and the logits of the class that wrote it."""
    model = theirs(request.param)
    folder = tmp_path_factory.mktemp("family")
    model.save_pretrained(folder)
    with torch.inference_mode():
        expected = model(torch.tensor([TOKENS])).logits[0]
    return ours(folder), expected


def assert_as_theirs(found: torch.Tensor, expected: torch.Tensor) -> None:
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def test_a_whole_prompt_has_the_logits_of_transformers(pair: tuple[Model, torch.Tensor]) -> None:
    model, expected = pair
    assert_as_theirs(model.logits(TOKENS, model.new_cache(), every=True), expected)


def test_token_by_token_has_the_logits_of_transformers(pair: tuple[Model, torch.Tensor]) -> None:
    model, expected = pair
    cache = model.new_cache()
    assert_as_theirs(torch.stack([model.logits([token], cache) for token in TOKENS]), expected)


def test_chunks_have_the_logits_of_transformers(pair: tuple[Model, torch.Tensor]) -> None:
    model, expected = pair
    cache = model.new_cache()
    chunks = [model.logits(TOKENS[at : at + 23], cache, every=True) for at in range(0, len(TOKENS), 23)]
    assert_as_theirs(torch.cat(chunks), expected)


def test_sequences_at_different_places_are_computed_at_once(pair: tuple[Model, torch.Tensor]) -> None:
    model, expected = pair
    early, late = model.new_cache(), model.new_cache()
    model.logits(TOKENS[:40], late)
    found = model.logits_of(model.hidden([(TOKENS[:13], early), (TOKENS[40:41], late)]))
    assert_as_theirs(found, torch.cat((expected[:13], expected[40:41])))


@pytest.mark.parametrize("kind", ["gemma 3", "phi 3", "bloom", "falcon 40b", "mpt", "glm 4"])
def test_an_engine_writes_what_transformers_writes(tmp_path: Path, kind: str) -> None:
    model = theirs(kind, vocab_size=260, eos_token_id=257)
    engine = Engine.load(hub_folder(tmp_path, model), dtype="float32")
    prompt = [token % 250 for token in TOKENS[:30]]
    *_, done = engine.generate(prompt, Sampling(max_tokens=20))
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + list(done.token_ids)])).logits[0]
    likeliest = logits.argmax(-1).tolist()[len(prompt) - 1 :]
    assert likeliest[: len(done.token_ids)] == list(done.token_ids)
    assert done.finish == "length" or likeliest[len(done.token_ids)] == 257


INTERNLM2 = {
    "input_layernorm": "attention_norm",
    "self_attn.o_proj": "attention.wo",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
    "embed_tokens": "tok_embeddings",
    "lm_head": "output",
}


def test_internlm2_is_the_llama_that_its_makers_convert_it_to(tmp_path: Path) -> None:
    """Their `convert2llama.py` backwards: queries, key and value of each key head in one matrix."""
    model = theirs("llama")
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"architectures": ["InternLM2ForCausalLM"]}
    (tmp_path / "config.json").write_text(json.dumps(config | {"bias": False}))
    weights: dict[str, torch.Tensor] = {}
    for name, weight in model.state_dict().items():
        if "q_proj" in name:
            parts = [model.state_dict()[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            heads = [part.view(SMALL["num_key_value_heads"], -1, 12, SMALL["hidden_size"]) for part in parts]
            stem = name.replace("self_attn.q_proj", "attention.wqkv")
            weights[stem] = torch.cat(heads, dim=1).reshape(-1, SMALL["hidden_size"])
        elif "k_proj" not in name and "v_proj" not in name:
            for old, new in INTERNLM2.items():
                name = name.replace(old, new)
            weights[name] = weight.clone()
    save_file(weights, tmp_path / "model.safetensors")
    found = ours(tmp_path)
    with torch.inference_mode():
        assert_as_theirs(
            found.logits(TOKENS, found.new_cache(), every=True), model(torch.tensor([TOKENS])).logits[0]
        )


@pytest.mark.parametrize("prefixed", [True, False])
def test_names_may_lack_what_some_files_leave_out(tmp_path: Path, prefixed: bool) -> None:
    model = theirs("bloom")
    model.save_pretrained(tmp_path)
    arch, names = read_family(tmp_path / "config.json")
    found = {
        name: tuple(weight.shape) for name, weight in model.state_dict().items() if name != "lm_head.weight"
    }
    if not prefixed:
        found = {name.removeprefix("transformer."): shape for name, shape in found.items()}
    assert {place.name: place.shape for place in places_in(arch, names, found).values()} == found


def test_one_message_tells_all_that_is_missing_extra_or_misshapen_in_fused_weights(tmp_path: Path) -> None:
    model = theirs("phi 3")
    model.save_pretrained(tmp_path)
    state = dict(model.state_dict())
    weights = {
        name: weight.contiguous() for name, weight in state.items() if "layers.1.mlp.gate_up" not in name
    }
    weights["model.layers.0.self_attn.qkv_proj.weight"] = torch.zeros(5, 48)
    weights["model.layers.0.self_attn.q_proj.weight"] = torch.zeros(48, 48)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        ours(tmp_path)
    for fault in (
        "missing model.layers.1.mlp.gate_up_proj.weight (160, 48)",
        "model.layers.0.self_attn.qkv_proj.weight is (5, 48), not (96, 48)",
        "unexpected model.layers.0.self_attn.q_proj.weight (48, 48)",
    ):
        assert fault in str(caught.value)


def test_tokens_that_do_not_fit_are_refused_before_anything_is_computed(
    pair: tuple[Model, torch.Tensor],
) -> None:
    model, _ = pair
    cache = model.new_cache()
    with pytest.raises(PromptTooLong):
        model.logits([1] * (model.arch.context + 1), cache)
    assert cache.length == 0
