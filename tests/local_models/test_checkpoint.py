import doctest
import json

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from agentkit_local_models import weights
from agentkit_local_models.arch import RopeScaling
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.safetensors_file import INDEX
from agentkit_local_models.weights import hub_name, weight_shapes

from .gguf_writer import byte_level_metadata, float_tensor, gguf_bytes, gguf_name

SIZES = {
    "vocab_size": 260,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "eos_token_id": 257,
}
FAMILIES = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM)}


def tiny(family, *, tied=False):
    """A random model of transformers."""
    torch.manual_seed(0)
    kind, model = FAMILIES[family]
    return model(kind(**SIZES, tie_word_embeddings=tied)).eval()


def hub_folder(path, model, shard="5GB"):
    """A folder as the hub has it, with a tokenizer of bytes."""
    model.save_pretrained(path, max_shard_size=shard)
    metadata = byte_level_metadata("gpt-2")
    step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    document = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": 257,
                "content": "<|end|>",
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
        ],
        "normalizer": None,
        "pre_tokenizer": step,
        "post_processor": None,
        "decoder": step,
        "model": {
            "type": "BPE",
            "vocab": {text: i for i, text in enumerate(metadata["tokenizer.ggml.tokens"])},
            "merges": [merge.split(" ") for merge in metadata["tokenizer.ggml.merges"]],
        },
    }
    (path / "tokenizer.json").write_text(json.dumps(document))
    return path


def permuted(rows, heads):
    """llama.cpp's `LlamaModel.permute`, which its converter applies to query and key."""
    pairs = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def gguf_file(path, model, family, *, change=None, extra=None):
    """The same model as llama.cpp's converter writes it."""
    config = model.config
    metadata = {
        "general.architecture": family,
        f"{family}.block_count": config.num_hidden_layers,
        f"{family}.context_length": config.max_position_embeddings,
        f"{family}.embedding_length": config.hidden_size,
        f"{family}.feed_forward_length": config.intermediate_size,
        f"{family}.attention.head_count": config.num_attention_heads,
        f"{family}.attention.head_count_kv": config.num_key_value_heads,
        f"{family}.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "tokenizer.chat_template": "{{ messages[0].content }}",
    }
    canonical = canonical_weights(model)
    if config.tie_word_embeddings:
        del canonical["head.weight"]
    tensors = {}
    for name, weight in canonical.items():
        if family == "llama" and ".query." in name:
            weight = permuted(weight, config.num_attention_heads)
        if family == "llama" and ".key." in name:
            weight = permuted(weight, config.num_key_value_heads)
        tensors[gguf_name(name)] = float_tensor(weight)
    tensors |= extra or {}
    path.write_bytes(gguf_bytes(metadata | byte_level_metadata("gpt-2") | (change or {}), tensors))
    return path


def canonical_weights(model):
    """A model's weights under canonical names."""
    stored = model.state_dict()
    names = ["embed.weight", "norm.weight", "head.weight"]
    for layer in range(model.config.num_hidden_layers):
        at = f"layers.{layer}"
        names += [f"{at}.{part}.weight" for part in ("attention_norm", "feed_forward_norm")]
        names += [f"{at}.feed_forward.{part}.weight" for part in ("gate", "up", "down")]
        for part in ("query", "key", "value", "output"):
            names += [f"{at}.attention.{part}.weight", f"{at}.attention.{part}.bias"]
    return {name: stored[hub_name(name)] for name in names if hub_name(name) in stored}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("shard", ["5GB", "4KB"], ids=["one file", "shards"])
def test_a_hub_folder_gives_its_weights(tmp_path, family, tied, shard) -> None:
    model = tiny(family, tied=tied)
    with Checkpoint.open(hub_folder(tmp_path, model, shard)) as checkpoint:
        assert (tmp_path / INDEX).exists() == (shard == "4KB")
        assert checkpoint.config.family == family
        assert checkpoint.config.tied_head == tied
        assert checkpoint.stop_ids == {257}
        assert checkpoint.chat_template is None
        loaded = dict(checkpoint.load_weights(torch.float32))
    assert tuple(loaded) == checkpoint.weight_names()
    wanted = canonical_weights(model)
    if tied:
        del wanted["head.weight"]
    assert loaded.keys() == wanted.keys()
    assert all(torch.equal(loaded[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_a_gguf_file_gives_the_same_weights(tmp_path, family, tied) -> None:
    model = tiny(family, tied=tied)
    path = gguf_file(tmp_path / "m.gguf", model, family)
    with Checkpoint.open(path) as checkpoint:
        assert checkpoint.config.tied_head == tied
        assert checkpoint.stop_ids == {257}
        assert checkpoint.chat_template == "{{ messages[0].content }}"
        assert checkpoint.special_texts == {"eos_token": "<|end|>"}
        loaded = dict(checkpoint.load_weights(torch.float32))
        half = dict(checkpoint.load_weights(torch.bfloat16))
    wanted = canonical_weights(model)
    for name, weight in loaded.items():
        assert torch.equal(weight, wanted[name]), name
        assert torch.equal(half[name], wanted[name].bfloat16()), name


def test_biases_are_named_and_loaded(tmp_path) -> None:
    model = tiny("qwen2")
    with torch.no_grad():
        model.model.layers[1].self_attn.k_proj.bias.copy_(torch.arange(8.0))
    with Checkpoint.open(gguf_file(tmp_path / "m.gguf", model, "qwen2")) as checkpoint:
        loaded = dict(checkpoint.load_weights(torch.float32))
    assert loaded["layers.1.attention.key.bias"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_smollm2_answers_sensibly_in_the_reference_model(smollm2_path) -> None:
    with Checkpoint.open(smollm2_path) as checkpoint:
        config, tokenizer = checkpoint.config, checkpoint.tokenizer
        reference = LlamaConfig(
            vocab_size=config.vocabulary_size,
            hidden_size=config.width,
            intermediate_size=config.feed_forward_width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            rms_norm_eps=config.norm_epsilon,
            max_position_embeddings=config.context,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_base},
            tie_word_embeddings=True,
        )
        with torch.device("meta"):
            model = LlamaForCausalLM(reference)
        model.to_empty(device="cpu")
        model.model.rotary_emb = type(model.model.rotary_emb)(reference)
        state = {hub_name(name): weight for name, weight in checkpoint.load_weights(torch.float32)}
        model.load_state_dict(state, strict=False)
        model.tie_weights()
        template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
        stop_ids = checkpoint.stop_ids
    question = [{"role": "user", "content": "What is the capital of France?"}]
    ids = encode_chat(template, tokenizer, question)
    answer = []
    with torch.inference_mode():
        while len(answer) < 16:
            token = int(model(torch.tensor([ids + answer])).logits[0, -1].argmax())
            if token in stop_ids:
                break
            answer.append(token)
    assert "The capital of France is Paris" in tokenizer.decode(answer)


def test_loaded_weights_do_not_depend_on_the_file(tmp_path) -> None:
    path = gguf_file(tmp_path / "m.gguf", tiny("llama"), "llama")
    with Checkpoint.open(path) as checkpoint:
        loaded = dict(checkpoint.load_weights(torch.float32))
    before = loaded["norm.weight"].clone()
    path.write_bytes(bytes(path.stat().st_size))
    assert torch.equal(loaded["norm.weight"], before)


def test_a_tensor_that_is_missing_extra_or_misshapen_is_listed(tmp_path) -> None:
    model = tiny("llama")
    extra = {
        "blk.0.attn_q.weight": float_tensor(torch.zeros(16, 8)),
        "blk.2.attn_q.weight": float_tensor(torch.zeros(16, 16)),
    }
    path = gguf_file(tmp_path / "m.gguf", model, "llama", extra=extra)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(path)
    message = str(caught.value)
    assert "blk.0.attn_q.weight is (16, 8), not (16, 16)" in message
    assert "unexpected blk.2.attn_q.weight (16, 16)" in message
    gguf_file(path, model, "llama", change={"llama.block_count": 3})
    with pytest.raises(CheckpointError, match=r"missing blk\.2\.attn_norm.*; and 1 more"):
        Checkpoint.open(path)


def test_rope_factors_scale_and_factors_of_one_do_not(tmp_path) -> None:
    model = tiny("llama")
    path = tmp_path / "m.gguf"
    with Checkpoint.open(
        gguf_file(path, model, "llama", extra={"rope_freqs.weight": float_tensor(torch.ones(2))})
    ) as checkpoint:
        assert "rope_freqs" not in " ".join(checkpoint.weight_names())
    factors = {"rope_freqs.weight": float_tensor(torch.tensor([1.0, 8.0]))}
    with Checkpoint.open(gguf_file(path, model, "llama", extra=factors)) as checkpoint:
        assert checkpoint.config.rope_scaling == RopeScaling("factors", factors=(1.0, 8.0))


def test_a_tokenizer_larger_than_the_embedding_is_refused(tmp_path) -> None:
    tokens = byte_level_metadata("gpt-2")["tokenizer.ggml.tokens"]
    change = {
        "tokenizer.ggml.tokens": (*tokens, "xx", "xy", "xz"),
        "tokenizer.ggml.token_type": (1,) * 261,
    }
    path = gguf_file(tmp_path / "m.gguf", tiny("llama"), "llama", change=change)
    with pytest.raises(CheckpointError, match="ids up to 260, the embedding 260 rows"):
        Checkpoint.open(path)


def test_a_stop_id_that_does_not_exist_is_refused(tmp_path) -> None:
    change = {"tokenizer.ggml.eos_token_id": 999}
    path = gguf_file(tmp_path / "m.gguf", tiny("llama"), "llama", change=change)
    with pytest.raises(CheckpointError, match="eos_token_id is 999"):
        Checkpoint.open(path)


def write_json(path, value) -> None:
    path.write_text(json.dumps(value))


def test_a_hub_folders_side_files_are_read(tmp_path) -> None:
    folder = hub_folder(tmp_path, tiny("llama"))
    write_json(folder / "generation_config.json", {"eos_token_id": [257, 3]})
    write_json(
        folder / "tokenizer_config.json",
        {"chat_template": "old", "bos_token": {"content": "<s>"}, "eos_token": "</s>"},
    )
    checkpoint = Checkpoint.open(folder)
    assert checkpoint.stop_ids == {3, 257}
    assert checkpoint.special_texts == {"bos_token": "<s>", "eos_token": "</s>"}
    assert checkpoint.chat_template == "old"
    named = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    write_json(folder / "tokenizer_config.json", {"chat_template": named})
    assert Checkpoint.open(folder).chat_template == "d"
    (folder / "chat_template.jinja").write_text("new")
    assert Checkpoint.open(folder).chat_template == "new"


def cut_file(folder) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def no_weights(folder) -> None:
    (folder / "model.safetensors").unlink()


def escaping_index(folder) -> None:
    write_json(folder / INDEX, {"weight_map": {"model.norm.weight": "../other.safetensors"}})


def missing_shard(folder) -> None:
    write_json(folder / INDEX, {"weight_map": {"model.norm.weight": "absent.safetensors"}})


def empty_index(folder) -> None:
    write_json(folder / INDEX, {})


def no_stop(folder) -> None:
    (folder / "generation_config.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"eos_token_id": None})


def two_copies(folder) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "copy.safetensors").write_bytes(data)
    shards = {"a": "model.safetensors", "b": "copy.safetensors"}
    write_json(folder / INDEX, {"weight_map": shards})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_file, "not a whole safetensors file"),
        (no_weights, "0 safetensors files and no model.safetensors.index.json"),
        (escaping_index, "not a file name"),
        (missing_shard, "absent.safetensors: not a whole safetensors file: No such file"),
        (empty_index, "'weight_map' should be an object"),
        (no_stop, "no 'eos_token_id'"),
        (two_copies, "is also in copy.safetensors"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_damaged_hub_folder_is_refused(tmp_path, damage, message) -> None:
    folder = hub_folder(tmp_path, tiny("llama"))
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.open(folder)


def test_integer_weights_are_refused(tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    folder = hub_folder(tmp_path, tiny("llama"))
    stored = load_file(folder / "model.safetensors")
    stored["model.norm.weight"] = torch.ones(16, dtype=torch.int8)
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"'model.norm.weight' holds torch\.int8"):
        list(Checkpoint.open(folder).load_weights(torch.float32))


@pytest.mark.slow
def test_the_large_model_opens_and_its_weights_are_finite(qwen_path) -> None:
    with Checkpoint.open(qwen_path) as checkpoint:
        shapes = weight_shapes(checkpoint.config)
        assert not checkpoint.config.tied_head
        for name, weight in checkpoint.load_weights(torch.bfloat16):
            assert weight.shape == shapes.pop(name)
            assert weight.isfinite().all()
        assert not shapes
        assert checkpoint.tokenizer.id_of("<|im_end|>") in checkpoint.stop_ids


def test_the_examples_of_names_are_true() -> None:
    outcome = doctest.testmod(weights)
    assert outcome.attempted >= 2
    assert outcome.failed == 0


def test_names_map_to_those_in_the_real_file(smollm2_path) -> None:
    with GGUFFile.open(smollm2_path) as file, Checkpoint.open(smollm2_path) as checkpoint:
        assert {gguf_name(name) for name in checkpoint.weight_names()} == file.tensors.keys()
