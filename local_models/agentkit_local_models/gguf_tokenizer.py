"""The tokenizer in a GGUF file: byte-level BPE with the cuts of text that it names, or SentencePiece's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.tokenizer import AddedToken, Merged, Tokenizer, spell_pieces

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
    "chatglm-bpe": (_CONTRACTIONS + r"\p{N}{1,3}" + _TAIL,),
}
# Files whose converter knew that a whole piece in the vocabulary is a token, merges or not.
_IGNORE_MERGES = frozenset({"llama-bpe"})

# `tokenizer.ggml.token_type` values.
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED = 1, 2, 3, 4, 5


def tokenizer_from_gguf(file: GGUFFile) -> Tokenizer:
    """The tokenizer in a GGUF file's metadata.

    Text is not normalised, as in llama.cpp: a file name in decomposed Unicode keeps its bytes.
    (The hub's Qwen2 tokenizer composes characters first, so ids differ on such text only.)

    Raises:
        CheckpointError: keys are missing or contradict each other.
        UnsupportedCheckpoint: another kind of tokenizer, or an unknown pre-tokenizer.
    """
    model = file.text("tokenizer.ggml.model")
    if model not in ("gpt2", "llama"):
        raise UnsupportedCheckpoint(f"{file.path}: the tokenizer {model!r} is not built; gpt2 and llama are")
    texts = _strings(file, "tokenizer.ggml.tokens")
    kinds = _for_each(file, "tokenizer.ggml.token_type", len(texts))
    if len(set(texts)) != len(texts):
        raise CheckpointError(f"{file.path}: 'tokenizer.ggml.tokens' has a token twice")
    return (_byte_level if model == "gpt2" else _pieces)(file, texts, kinds)


def _byte_level(file: GGUFFile, texts: Sequence[str], kinds: Sequence[float]) -> Tokenizer:
    pre = file.text("tokenizer.ggml.pre")
    if pre not in PRE_TOKENIZERS:
        raise UnsupportedCheckpoint(
            f"{file.path}: the pre-tokenizer {pre!r} is not built; {', '.join(PRE_TOKENIZERS)} are"
        )
    ordinary, added, unused = _told_apart(texts, kinds, (_CONTROL,), (_USER_DEFINED,))
    parts = (merge.partition(" ") for merge in _strings(file, "tokenizer.ggml.merges"))
    merges = [(left, right) for left, _, right in parts]
    merging = _merging(file.path, ordinary, merges, ignore_merges=pre in _IGNORE_MERGES)
    merging.pre_tokenizer = pre_tokenizers.Sequence(  # pyright: ignore[reportAttributeAccessIssue]
        [
            *(pre_tokenizers.Split(Regex(cut), "isolated") for cut in PRE_TOKENIZERS[pre]),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return Tokenizer(Merged(merging), ordinary, added, unused)


def _pieces(file: GGUFFile, texts: Sequence[str], kinds: Sequence[float]) -> Tokenizer:
    """SentencePiece's BPE, which joins the two neighbours that make the piece with the highest score.

    What users defined is matched in text first (llama.cpp, `tokenizer_st_partition`) and stays apart here,
    but for runs of spaces and of line ends, which text may hold freely; their scores are the highest.
    """
    scores = _for_each(file, "tokenizer.ggml.scores", len(texts))
    blank = [
        _NORMAL if kind == _USER_DEFINED and not text.replace("▁", "").strip() else kind
        for text, kind in zip(texts, kinds, strict=True)
    ]
    ordinary, added, unused = _told_apart(texts, blank, (_CONTROL, _UNKNOWN), (_USER_DEFINED,))
    merges = _merges_of(ordinary, scores)
    begins = file.metadata.get("tokenizer.ggml.add_space_prefix", True) is not False

    def merging(*, first: bool) -> tokenizers.Tokenizer:
        made = _merging(file.path, ordinary, merges, byte_fallback=True)
        steps: list[normalizers.Normalizer] = [normalizers.Replace(" ", "▁")]
        if first:
            steps.insert(0, normalizers.Prepend("▁"))
        made.normalizer = normalizers.Sequence(steps)  # pyright: ignore[reportAttributeAccessIssue]
        return made

    # each text gets its space, as in llama.cpp after every special token
    return Tokenizer(
        Merged(merging(first=begins)), ordinary, added, unused, spell=spell_pieces, leading_space=begins
    )


def _merges_of(tokens: Mapping[int, str], scores: Sequence[float]) -> list[tuple[str, str]]:
    """Every way to make a piece of two others, the pieces with the highest scores first."""
    known = set(tokens.values())
    merges: list[tuple[str, str]] = []
    for token in sorted(tokens, key=lambda token: (-scores[token], token)):
        text = tokens[token]
        halves = ((text[:cut], text[cut:]) for cut in range(1, len(text)))
        merges += [(left, right) for left, right in halves if left in known and right in known]
    return merges


def _told_apart(
    texts: Sequence[str], kinds: Sequence[float], special: Sequence[int], defined: Sequence[int]
) -> tuple[dict[int, str], list[AddedToken], list[int]]:
    """The ordinary tokens, those that are matched in text first, and those that stand for nothing."""
    added = [
        AddedToken(text, token, special=kinds[token] in special)
        for token, text in enumerate(texts)
        if kinds[token] in (*special, *defined)
    ]
    unused = [token for token, kind in enumerate(kinds) if kind == _UNUSED]
    apart = {token.id for token in added}.union(unused)
    return {token: text for token, text in enumerate(texts) if token not in apart}, added, unused


def _for_each(file: GGUFFile, key: str, count: int) -> Sequence[float]:
    """An array of numbers, one for each token."""
    values = file.metadata.get(key)
    if not isinstance(values, tuple) or len(values) != count or isinstance(values[0], str):
        raise CheckpointError(f"{file.path}: {key!r} should have one entry for each of the {count} tokens")
    return cast("Sequence[float]", values)


def _strings(file: GGUFFile, key: str) -> tuple[str, ...]:
    value = file.metadata.get(key)
    # an array of the format has values of one type
    if not isinstance(value, tuple) or (value and not isinstance(value[0], str)):
        raise CheckpointError(f"{file.path}: {key!r} should be an array of strings")
    return cast("tuple[str, ...]", value)


def _merging(
    path: Path,
    tokens: Mapping[int, str],
    merges: list[tuple[str, str]],
    *,
    ignore_merges: bool = False,
    byte_fallback: bool = False,
) -> tokenizers.Tokenizer:
    vocabulary = {text: token for token, text in tokens.items()}
    try:
        model = models.BPE(
            vocab=vocabulary, merges=merges, ignore_merges=ignore_merges, byte_fallback=byte_fallback
        )
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{path}: the merges do not fit the tokens: {error}") from error
    return tokenizers.Tokenizer(model)
