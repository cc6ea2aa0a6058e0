"""The tokenizer in a GGUF file: byte-level BPE, with the cuts of text that the file names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import tokenizers
from tokenizers import Regex, models, pre_tokenizers

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.tokenizer import AddedToken, Merged, Tokenizer

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# How text is cut before merging, by the file's `tokenizer.ggml.pre`: each expression cuts the
# pieces of the one before (llama.cpp, src/llama-vocab.cpp, `llm_tokenizer_bpe`).
PRE_TOKENIZERS: Mapping[str, tuple[str, ...]] = {
    "default": (r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"),
    "gpt-2": (_GPT2,),
    "smollm": (r"\p{N}", _GPT2),
    "qwen2": (_CONTRACTIONS + r"\p{N}" + _TAIL,),
    "llama-bpe": (_CONTRACTIONS + r"\p{N}{1,3}" + _TAIL,),
}
# Files whose converter knew that a whole piece in the vocabulary is a token, merges or not.
_IGNORE_MERGES = frozenset({"llama-bpe"})

# `tokenizer.ggml.token_type` values.
_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5


def tokenizer_from_gguf(file: GGUFFile) -> Tokenizer:
    """The tokenizer in a GGUF file's metadata.

    Text is not normalised, as in llama.cpp: a file name in decomposed Unicode keeps its bytes.
    (The hub's Qwen2 tokenizer composes characters first, so ids differ on such text only.)

    Raises:
        CheckpointError: keys are missing or contradict each other.
        UnsupportedCheckpoint: another kind of tokenizer, or an unknown pre-tokenizer.
    """
    if (model := file.text("tokenizer.ggml.model")) != "gpt2":
        raise UnsupportedCheckpoint(f"{file.path}: the tokenizer {model!r} is not built; gpt2 is")
    pre = file.text("tokenizer.ggml.pre")
    if pre not in PRE_TOKENIZERS:
        raise UnsupportedCheckpoint(
            f"{file.path}: the pre-tokenizer {pre!r} is not built; {', '.join(PRE_TOKENIZERS)} are"
        )
    texts = _strings(file, "tokenizer.ggml.tokens")
    types = file.metadata.get("tokenizer.ggml.token_type")
    if not isinstance(types, tuple) or len(types) != len(texts):
        raise CheckpointError(
            f"{file.path}: 'tokenizer.ggml.token_type' should have one entry for each of the "
            f"{len(texts)} tokens"
        )
    kinds = dict(enumerate(types))
    if len(set(texts)) != len(texts):
        raise CheckpointError(f"{file.path}: 'tokenizer.ggml.tokens' has a token twice")
    added = [
        AddedToken(text, token, special=kinds[token] == _CONTROL)
        for token, text in enumerate(texts)
        if kinds[token] in (_CONTROL, _USER_DEFINED)
    ]
    unused = [token for token, kind in kinds.items() if kind == _UNUSED]
    apart = {token.id for token in added}.union(unused)
    ordinary = {token: text for token, text in enumerate(texts) if token not in apart}
    merges: list[tuple[str, str]] = []
    for merge in _strings(file, "tokenizer.ggml.merges"):
        left, _, right = merge.partition(" ")
        merges.append((left, right))
    merging = _merging(file.path, ordinary, merges, pre in _IGNORE_MERGES)
    merging.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [
            *(pre_tokenizers.Split(Regex(cut), "isolated") for cut in PRE_TOKENIZERS[pre]),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return Tokenizer(Merged(merging), ordinary, added, unused)


def _strings(file: GGUFFile, key: str) -> tuple[str, ...]:
    value = file.metadata.get(key)
    if not isinstance(value, tuple) or not all(isinstance(text, str) for text in value):
        raise CheckpointError(f"{file.path}: {key!r} should be an array of strings")
    return cast("tuple[str, ...]", value)


def _merging(
    path: Path, tokens: Mapping[int, str], merges: list[tuple[str, str]], ignore_merges: bool
) -> tokenizers.Tokenizer:
    vocabulary = {text: token for token, text in tokens.items()}
    try:
        model = models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges)
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{path}: the merges do not fit the tokens: {error}") from error
    return tokenizers.Tokenizer(model)
