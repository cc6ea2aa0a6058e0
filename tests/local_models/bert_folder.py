"""A sentence-transformers folder with a small BERT of random weights, as its users write them."""

import json
import string

import tokenizers
import torch
from safetensors.torch import save_file
from tokenizers import models, normalizers, pre_tokenizers, processors

from agentkit_local_models.encoder_config import EncoderConfig
from agentkit_local_models.encoder_weights import weight_shapes

SHAPE = EncoderConfig(
    vocabulary_size=0, width=32, layers=2, heads=4, feed_forward_width=64, positions=40, first_position=0,
    token_types=2, norm_epsilon=1e-12, activation="gelu", window=24,
)  # fmt: skip
WORDS = ("the", "cat", "sat", "on", "a", "mat", "dog", "ran", "##s", "##ing", "水", "火", ".", ",")


def write_folder(
    folder, *, pooling="mean", normalise=True, prompts=None, activation="gelu", window=24, **config
):
    """Write the folder, and return it."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [
        *special,
        *WORDS,
        *string.ascii_lowercase,
        *(f"##{letter}" for letter in string.ascii_lowercase),
    ]
    vocabulary = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(special)
    # what published folders hold, and what would cut and pad in silence
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    values = {
        "model_type": "bert", "vocab_size": len(vocabulary), "hidden_size": SHAPE.width,
        "num_hidden_layers": SHAPE.layers, "num_attention_heads": SHAPE.heads, "hidden_act": activation,
        "intermediate_size": SHAPE.feed_forward_width, "max_position_embeddings": SHAPE.positions,
        "type_vocab_size": SHAPE.token_types, "layer_norm_eps": SHAPE.norm_epsilon, "pad_token_id": 0,
        **config,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(values))
    modules = ["Transformer", "Pooling", *(["Normalize"] if normalise else [])]
    places = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    listed = [{"path": places[name], "type": f"sentence_transformers.models.{name}"} for name in modules]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    keys = {
        "mean": "pooling_mode_mean_tokens",
        "cls": "pooling_mode_cls_token",
        "max": "pooling_mode_max_tokens",
    }
    flags = {key: name == pooling for name, key in keys.items()}
    (folder / "1_Pooling/config.json").write_text(
        json.dumps({"word_embedding_dimension": SHAPE.width, **flags})
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": window}))
    if prompts:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    save_file(random_weights(len(vocabulary)), str(folder / "model.safetensors"))
    return folder


def random_weights(vocabulary_size, seed=0):
    """Weights of a size that keeps activations near one, with the pooler that real files have."""
    import dataclasses

    shapes = weight_shapes(dataclasses.replace(SHAPE, vocabulary_size=vocabulary_size))
    shapes |= {"pooler.dense.weight": (SHAPE.width, SHAPE.width), "pooler.dense.bias": (SHAPE.width,)}
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        if "LayerNorm.weight" in name:
            weights[name] = 1 + 0.2 * values
        else:
            weights[name] = values if len(shape) == 1 or "embeddings" in name else values / shape[-1] ** 0.5
    return weights
