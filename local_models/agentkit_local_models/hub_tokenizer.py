"""The tokenizer in a hub folder's `tokenizer.json`: BPE, byte-level or as SentencePiece has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import tokenizers

from agentkit_local_models.errors import CheckpointError, UnsupportedCheckpoint
from agentkit_local_models.json_file import read_object
from agentkit_local_models.tokenizer import AddedToken, Merged, Tokenizer, spell_pieces


def tokenizer_from_hub(path: Path) -> Tokenizer:
    """The tokenizer in a hub folder's `tokenizer.json`.

    Its normaliser and pre-tokenizer are used as they are; its post-processor is not, since
    `encode` adds nothing.

    Raises:
        CheckpointError: the file is missing, not JSON, or contradicts itself.
        UnsupportedCheckpoint: anything but BPE, byte-level or with bytes to fall back on.
    """
    document = read_object(path)
    model = _object(document.get("model"))
    byte_level = bool(_steps(document, "ByteLevel"))
    if model.get("type") != "BPE" or not (byte_level or model.get("byte_fallback")):
        raise UnsupportedCheckpoint(
            f"{path}: a {model.get('type')!r} tokenizer that does not fall back on bytes is not built; "
            "BPE is, byte-level or of SentencePiece"
        )
    added = [
        token
        for entry in _list(document.get("added_tokens"))
        if not _is_space(token := _added_token(path, _object(entry)))
    ]
    texts = {token.text for token in added}
    vocabulary = _object(model.get("vocab"))
    ordinary: dict[int, str] = {}
    for text, token in vocabulary.items():
        if not isinstance(token, int):
            raise CheckpointError(f"{path}: the id of {text!r} should be a number")
        if text not in texts:
            ordinary[token] = text
    kept = {text: token for token, text in ordinary.items()}
    document |= {"added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
    document["model"] = model | {"vocab": kept, "unk_token": None, "merges": _kept_merges(model, texts)}
    start = _library(path, document)
    if byte_level:
        return Tokenizer(Merged(start), ordinary, added)
    later = _library(path, without) if (without := _without_first_space(document)) != document else None
    return Tokenizer(
        Merged(start, later), ordinary, added, spell=spell_pieces, leading_space=_strips_space(document)
    )


def _library(path: Path, document: Mapping[str, object]) -> tokenizers.Tokenizer:
    try:
        return tokenizers.Tokenizer.from_str(json.dumps(document))
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{path}: not a tokenizer: {error}") from error


def _is_space(token: AddedToken) -> bool:
    """Whether it is a run of spaces or lines, which some files list as added: text may hold it freely."""
    return not token.special and not token.text.replace("▁", "").strip()


def _kept_merges(model: Mapping[str, object], added: set[str]) -> list[object]:
    """The merges but those that would make an added token out of plain text."""
    merges = _list(model.get("merges"))
    return [merge for merge in merges if _merged(merge) not in added]


def _merged(merge: object) -> str:
    """What a merge makes; it is a pair, or in old files a text of two words."""
    return "".join(cast("list[str]", merge)) if isinstance(merge, list) else str(merge).replace(" ", "", 1)


def _without_first_space(document: Mapping[str, object]) -> dict[str, object]:
    """The document for pieces that are not the first: Metaspace may put a space before the first only."""

    def changed(step: object) -> object:
        value = _object(step)
        if nested := _list(value.get("pretokenizers")):
            return value | {"pretokenizers": [changed(part) for part in nested]}
        if value.get("type") == "Metaspace" and value.get("prepend_scheme") == "first":
            return value | {"prepend_scheme": "never"}
        return step

    return {**document, "pre_tokenizer": changed(document.get("pre_tokenizer"))}


def _strips_space(document: Mapping[str, object]) -> bool:
    """Whether decoding takes a space from the beginning."""
    return any(
        (part.get("type") == "Strip" and part.get("content") == " " and part.get("start"))
        or (part.get("type") == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in _parts(document.get("decoder"))
    )


def _steps(document: Mapping[str, object], kind: str) -> list[dict[str, object]]:
    """The steps of a kind before and after the model."""
    return [
        part
        for step in ("pre_tokenizer", "decoder")
        for part in _parts(document.get(step))
        if part.get("type") == kind
    ]


def _added_token(path: Path, entry: Mapping[str, object]) -> AddedToken:
    text, token = entry.get("content"), entry.get("id")
    if not isinstance(text, str) or not text or not isinstance(token, int):
        raise CheckpointError(f"{path}: an added token needs 'content' and 'id', found {entry!r:.120}")
    if entry.get("single_word"):
        raise UnsupportedCheckpoint(f"{path}: the added token {text!r} wants whole words only")
    return AddedToken(
        text,
        token,
        special=bool(entry.get("special")),
        strip_left=bool(entry.get("lstrip")),
        strip_right=bool(entry.get("rstrip")),
    )


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _parts(step: object) -> list[dict[str, object]]:
    """A pipeline step, or the steps of a `Sequence`."""
    value = _object(step)
    nested = _list(value.get("pretokenizers")) or _list(value.get("decoders"))
    return [value, *map(_object, nested)]
