import json
from dataclasses import replace

import pytest
from transformers import LlamaConfig, Qwen2Config

from agentkit_local_models.arch import Arch, RopeScaling
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.families import read_family
from agentkit_local_models.gguf import GGUFFile, TensorKind
from agentkit_local_models.gguf_config import config_from_gguf

from .gguf_writer import gguf_bytes

TINY = Arch(
    family="llama",
    vocabulary_size=8,
    width=4,
    layers=2,
    heads=2,
    kv_heads=1,
    head_width=2,
    feed_forward_width=6,
    rope_base=5000.0,
    norm_epsilon=0.5,
    context=16,
    tied_head=True,
    qkv_bias=False,
)

GGUF = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 16,
    "llama.embedding_length": 4,
    "llama.feed_forward_length": 6,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 0.5,
    "llama.rope.freq_base": 5000.0,
    "llama.rope.dimension_count": 2,
}


def from_gguf(folder, metadata, extra=()) -> Arch:
    tensors = {"token_embd.weight": ((8, 4), TensorKind.F32, bytes(128))}
    tensors |= {name: ((8, 4), TensorKind.F32, bytes(128)) for name in extra}
    (folder / "m.gguf").write_bytes(gguf_bytes(metadata, tensors))
    with GGUFFile.open(folder / "m.gguf") as file:
        return config_from_gguf(file)


def test_smollm2_has_the_published_shape(smollm2_path) -> None:
    with GGUFFile.open(smollm2_path) as file:
        config = config_from_gguf(file)
    assert replace(config, norm_epsilon=1e-5) == Arch(
        family="llama",
        vocabulary_size=49152,
        width=576,
        layers=30,
        heads=9,
        kv_heads=3,
        head_width=64,
        feed_forward_width=1536,
        rope_base=100_000.0,
        norm_epsilon=1e-5,
        context=8192,
        tied_head=True,
        qkv_bias=False,
    )
    assert config.norm_epsilon == pytest.approx(1e-5)


def test_gguf_metadata_becomes_a_config(tmp_path) -> None:
    assert from_gguf(tmp_path, GGUF) == TINY
    assert not from_gguf(tmp_path, GGUF, extra=["output.weight"]).tied_head


def test_qwen2_has_biases(tmp_path) -> None:
    metadata = {key.replace("llama.", "qwen2."): value for key, value in GGUF.items()}
    metadata["general.architecture"] = "qwen2"
    assert from_gguf(tmp_path, metadata) == replace(TINY, family="qwen2", qkv_bias=True)


def test_what_gguf_leaves_out_has_the_formats_default(tmp_path) -> None:
    optional = ("llama.attention.head_count_kv", "llama.rope.freq_base", "llama.rope.dimension_count")
    metadata = {key: value for key, value in GGUF.items() if key not in optional}
    assert from_gguf(tmp_path, metadata) == replace(TINY, kv_heads=2, rope_base=10_000.0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"general.architecture": "gpt2"}, UnsupportedCheckpoint, "'gpt2' is not built; llama, qwen2"),
        ({"llama.rope.scaling.type": "yarn"}, UnsupportedCheckpoint, "rope.scaling.type = 'yarn'"),
        ({"llama.rope.scaling.factor": 4.0}, UnsupportedCheckpoint, "rope.scaling.factor = 4.0"),
        ({"llama.attention.sliding_window": 512}, UnsupportedCheckpoint, "sliding_window = 512"),
        ({"llama.expert_count": 8}, UnsupportedCheckpoint, "expert_count = 8"),
        ({"llama.rope.dimension_count": 1}, UnsupportedCheckpoint, "dimension_count is 1, the head width 2"),
        ({"llama.attention.value_length": 4}, UnsupportedCheckpoint, "value_length is 4"),
        ({"llama.attention.head_count": 0}, CheckpointError, "heads is 0"),
        ({"llama.attention.head_count": (2, 2)}, CheckpointError, "whole number, found an array of 2"),
        ({"llama.attention.head_count_kv": 3}, CheckpointError, "2 heads do not divide into 3 groups"),
        ({"llama.block_count": 2**31}, CheckpointError, "layers is 2147483648; 1 to 1024"),
        ({"llama.context_length": "long"}, CheckpointError, "whole number, found 'long'"),
        ({"llama.rope.freq_base": float("nan")}, CheckpointError, "finite number, found nan"),
        ({"llama.rope.freq_base": -1.0}, CheckpointError, "rope_base is -1.0"),
        ({"llama.attention.layer_norm_rms_epsilon": 0.0}, CheckpointError, "norm_epsilon is 0.0"),
    ],
)
def test_a_gguf_config_that_is_wrong_or_not_built_is_refused(tmp_path, change, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        from_gguf(tmp_path, GGUF | {"llama.attention.key_length": 2} | change)
    assert str(caught.value).count("m.gguf") == 1


def test_an_odd_head_width_is_refused() -> None:
    with pytest.raises(CheckpointError, match="head_width is 3; RoPE needs an even one"):
        replace(TINY, head_width=3)


HUB = {
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 8,
    "hidden_size": 4,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 6,
    "rms_norm_eps": 0.5,
    "max_position_embeddings": 16,
    "tie_word_embeddings": True,
    "rope_theta": 5000.0,
    "hidden_act": "silu",
}


def from_hub(folder, settings) -> Arch:
    (folder / "config.json").write_text(json.dumps(settings))
    return read_family(folder / "config.json")[0]


@pytest.mark.parametrize("old", [{"rope_scaling": None}, {"attention_bias": False, "head_dim": 2}, {}])
def test_an_old_hub_config_is_read(tmp_path, old) -> None:
    assert from_hub(tmp_path, HUB | old) == TINY


@pytest.mark.parametrize(
    ("kind", "family"), [(LlamaConfig, "llama"), (Qwen2Config, "qwen2")], ids=["llama", "qwen2"]
)
def test_a_config_of_todays_transformers_is_read(tmp_path, kind, family) -> None:
    same = {k: v for k, v in HUB.items() if k not in ("rope_theta", "architectures")}
    config = kind(**same, rope_parameters={"rope_type": "default", "rope_theta": 5000.0})
    config.architectures = HUB["architectures"] if family == "llama" else ["Qwen2ForCausalLM"]
    config.save_pretrained(tmp_path)
    found = read_family(tmp_path / "config.json")[0]
    assert found == replace(TINY, family=family, qkv_bias=family == "qwen2")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"architectures": ["OPTForCausalLM"]}, UnsupportedCheckpoint, "OPT.*LlamaForCausalLM, Mistral"),
        ({"architectures": None}, UnsupportedCheckpoint, "None are not built"),
        ({"rope_scaling": {"type": "waves", "factor": 2}}, UnsupportedCheckpoint, "'waves' is not built"),
        (
            {"rope_parameters": {"rope_type": "llama3"}},
            CheckpointError,
            "factor should be a number, found None",
        ),
        ({"rope_parameters": [1]}, CheckpointError, "should be an object"),
        ({"hidden_act": "gelu"}, UnsupportedCheckpoint, "hidden_act = 'gelu'"),
        ({"quantization_config": {"bits": 4}}, UnsupportedCheckpoint, "quantization_config"),
        ({"hidden_size": "wide"}, CheckpointError, "hidden_size should be a whole number, found 'wide'"),
        ({"vocab_size": -1}, CheckpointError, "vocabulary_size is -1"),
        ({"rms_norm_eps": None}, CheckpointError, "rms_norm_eps should be a number, found None"),
        ({"rope_theta": 10**400}, CheckpointError, "rope_theta is too large"),
        ({"tie_word_embeddings": "yes"}, CheckpointError, "should be true or false, found 'yes'"),
    ],
)
def test_a_hub_config_that_is_wrong_or_not_built_is_refused(tmp_path, change, error, message) -> None:
    with pytest.raises(error, match=message) as caught:
        from_hub(tmp_path, HUB | change)
    assert str(caught.value).count("config.json") == 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xff", "not JSON"),
        (b"[1]", "should hold a JSON object, found list"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_config_that_is_not_a_json_object_is_refused(tmp_path, data, message) -> None:
    if data is not None:
        (tmp_path / "config.json").write_bytes(data)
    with pytest.raises(CheckpointError, match=message):
        read_family(tmp_path / "config.json")[0]


OLD = {
    "llama 3.1": (
        {
            "rope_theta": 500_000.0,
            "rope_scaling": {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8192,
            },
        },
        {
            "rope_base": 500_000.0,
            "rope_scaling": RopeScaling("llama3", 8.0, 8192, low=1.0, high=4.0),
        },
    ),
    "qwen2, a window that is not used": (
        {"architectures": ["Qwen2ForCausalLM"], "sliding_window": 4096, "max_window_layers": 1},
        {"family": "qwen2", "qkv_bias": True, "window": 0},
    ),
    "mistral": (
        {"architectures": ["MistralForCausalLM"], "sliding_window": 16},
        {"family": "mistral", "window": 16, "windowed": ()},
    ),
    "gemma 3": (
        {
            "architectures": ["Gemma3ForCausalLM"],
            "hidden_activation": "gelu_pytorch_tanh",
            "hidden_act": None,
            "rope_theta": 1e6,
            "rope_local_base_freq": 10_000.0,
            "rope_scaling": {"rope_type": "linear", "factor": 8.0},
            "sliding_window_pattern": 2,
            "head_dim": 4,
        },
        {
            "rope_base": 1e6,
            "rope_scaling": RopeScaling("linear", 8.0),
            "window_rope_base": 10_000.0,
            "windowed": (True, False),
        },
    ),
    "phi 3, long": (
        {
            "architectures": ["Phi3ForCausalLM"],
            "max_position_embeddings": 131_072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "su", "short_factor": [1.0], "long_factor": [2.0]},
        },
        {
            "context": 131_072,
            "rope_scaling": RopeScaling(
                "factors", 1.0, 4096, attention_factor=1.1902380714, factors=(1.0,), long_factors=(2.0,)
            ),
        },
    ),
    "llama, dynamic": (
        {"max_position_embeddings": 2048, "rope_scaling": {"type": "dynamic", "factor": 4.0}},
        {"context": 8192, "rope_scaling": RopeScaling("dynamic", 4.0, 2048)},
    ),
    "glm 4": (
        {"architectures": ["GlmForCausalLM"], "head_dim": 4, "attention_bias": True},
        {"rope_width": 2, "qkv_bias": True, "output_bias": False},
    ),
}


@pytest.mark.parametrize(("change", "expected"), OLD.values(), ids=OLD)
def test_a_config_of_an_earlier_transformers_says_the_same(tmp_path, change, expected) -> None:
    config = from_hub(tmp_path, HUB | change)
    for name, value in expected.items():
        found = getattr(config, name)
        if isinstance(value, RopeScaling):
            factor = pytest.approx(value.attention_factor)
            assert found.attention_factor == factor
            found, value = (replace(one, attention_factor=1.0) for one in (found, value))
        assert found == value, name
