"""The shape of an encoder and how its tokens become one vector, from a sentence-transformers folder.

Such a folder has beside the model's `config.json`: `modules.json`, which lists what follows it;
`1_Pooling/config.json`; `sentence_bert_config.json` with the window it was trained for; and
`config_sentence_transformers.json`, which may hold words to put before questions and documents. A plain
folder of transformers is read too: its tokens are averaged, as sentence-transformers does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, cast, get_args

from agentkit_local_models.arch import MAX_CONTEXT, MAX_LAYERS, MAX_VOCABULARY, MAX_WIDTH
from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.json_file import read_object, read_objects

FAMILIES = ("bert", "roberta", "xlm-roberta")
"""Of one computation: RoBERTa (Liu et al. 2019) counts positions from another row, XLM-R is RoBERTa."""

Pooling = Literal["mean", "cls", "max"]
Activation = Literal["gelu", "gelu_new", "relu"]


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """The sizes and constants of an encoder of the BERT family, and what makes one vector of its tokens'.

    Attributes:
        vocabulary_size: rows of the word embedding.
        width: of the residual stream, and of the vectors.
        layers: how many blocks.
        heads: of each layer's attention; divides `width`.
        feed_forward_width: of the hidden layer.
        positions: rows of the position embedding.
        first_position: the row of the first token; RoBERTa's positions begin after that of its padding.
        token_types: rows of the segment embedding, of which the first is used.
        norm_epsilon: added to the variance in LayerNorm.
        activation: of the hidden layer.
        window: tokens that a text may have, special ones included.
        pooling: what becomes of the tokens' vectors: their mean, the first one, or the maxima.
        normalise: whether the vector is scaled to length 1.
        query_prefix: words before a question.
        document_prefix: words before a document.
    """

    vocabulary_size: int
    width: int
    layers: int
    heads: int
    feed_forward_width: int
    positions: int
    first_position: int
    token_types: int
    norm_epsilon: float
    activation: Activation
    window: int
    pooling: Pooling = "mean"
    normalise: bool = False
    query_prefix: str = ""
    document_prefix: str = ""


def encoder_config(folder: Path) -> EncoderConfig:
    """The config of the encoder in a folder.

    Raises:
        CheckpointError: a file is missing or not JSON, or a value is missing or out of range.
        UnsupportedCheckpoint: another architecture, or a module or setting that is not built.
    """
    path = folder / "config.json"
    values = read_object(path)
    if (kind := values.get("model_type")) not in FAMILIES:
        raise UnsupportedCheckpoint(
            f"{path}: the model_type {kind!r} is not built; {', '.join(FAMILIES)} are"
        )
    if values.get("position_embedding_type", "absolute") != "absolute":
        raise UnsupportedCheckpoint(f"{path}: only absolute positions are built")
    activation = values.get("hidden_act", "gelu")
    if activation not in get_args(Activation):
        raise UnsupportedCheckpoint(f"{path}: hidden_act = {activation!r} is not built")
    width, heads = _size(path, values, "hidden_size"), _size(path, values, "num_attention_heads")
    if width % heads:
        raise CheckpointError(f"{path}: {heads} heads do not divide a width of {width}")
    positions = _size(path, values, "max_position_embeddings", MAX_CONTEXT)
    epsilon = values.get("layer_norm_eps", 1e-12)
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 < epsilon < 1:
        raise CheckpointError(f"{path}: layer_norm_eps is {epsilon!r:.80}; a small positive number works")
    first = 0 if kind == "bert" else _size(path, values, "pad_token_id", positions - 4, least=0) + 1
    modules = _modules(folder)
    query, document = _prefixes(folder)
    return EncoderConfig(
        vocabulary_size=_size(path, values, "vocab_size", MAX_VOCABULARY),
        width=width,
        layers=_size(path, values, "num_hidden_layers", MAX_LAYERS),
        heads=heads,
        feed_forward_width=_size(path, values, "intermediate_size"),
        positions=positions,
        first_position=first,
        token_types=_size(path, values, "type_vocab_size"),
        norm_epsilon=float(epsilon),
        activation=cast("Activation", activation),
        window=min(_window(folder, positions - first), positions - first),
        pooling=_pooling(folder / modules["Pooling"]) if "Pooling" in modules else "mean",
        normalise="Normalize" in modules,
        query_prefix=query,
        document_prefix=document,
    )


def _size(path: Path, values: Mapping[str, object], key: str, limit: int = MAX_WIDTH, least: int = 1) -> int:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= limit:
        raise CheckpointError(f"{path}: {key} is {value!r:.80}; {least} to {limit} works")
    return value


def _modules(folder: Path) -> dict[str, str]:
    """The folder of each module by its kind; what is not built would change every vector."""
    path = folder / "modules.json"
    if not path.is_file():
        return {}
    modules: dict[str, str] = {}
    for entry in read_objects(path):
        kind, place = str(entry.get("type", "")).rpartition(".")[2], entry.get("path", "")
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise UnsupportedCheckpoint(
                f"{path}: the module {kind!r} is not built; Transformer, Pooling, Normalize are"
            )
        # untrusted: a folder in this one, not a path out of it
        if not isinstance(place, str) or ".." in PurePosixPath(place).parts or place.startswith("/"):
            raise CheckpointError(f"{path}: {kind} lies in {place!r}, which is out of the folder")
        modules[kind] = place
    return modules


_POOLINGS: Mapping[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
}


def _pooling(folder: Path) -> Pooling:
    path = folder / "config.json"
    values = read_object(path)
    if (named := values.get("pooling_mode")) is not None:  # sentence-transformers 5 names it
        chosen = [named]
    else:
        flags = [key for key, value in values.items() if key.startswith("pooling_mode_") and value is True]
        chosen = [_POOLINGS.get(key, key) for key in flags]
    if len(chosen) != 1 or chosen[0] not in get_args(Pooling):
        raise UnsupportedCheckpoint(f"{path}: pooling by {chosen} is not built; one of mean, cls, max is")
    return cast("Pooling", chosen[0])


def _window(folder: Path, positions: int) -> int:
    """The tokens a text may have: what the model was trained for, else all its positions."""
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        path = folder / name
        value = read_object(path).get(key) if path.is_file() else None
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 3:
                raise CheckpointError(f"{path}: {key} is {value!r:.80}; at least 3 works")
            return int(value)
    return positions


def _prefixes(folder: Path) -> tuple[str, str]:
    path = folder / "config_sentence_transformers.json"
    prompts = read_object(path).get("prompts") if path.is_file() else None
    if not isinstance(prompts, dict):
        return "", ""
    words = cast("dict[str, object]", prompts)
    found = [words.get("query", ""), words.get("document", words.get("passage", ""))]
    if not all(isinstance(word, str) for word in found):
        raise CheckpointError(f"{path}: 'prompts' should hold texts, found {prompts!r:.80}")
    return str(found[0]), str(found[1])
