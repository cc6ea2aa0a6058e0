"""Byte-level BPE tokenizers, from GGUF metadata or from a hub `tokenizer.json`.

Text from outside cannot make special tokens: `encode` treats `<|im_end|>` as nine ordinary
characters unless it is told `allow_special=True`. Here *added* tokens are all those that are
matched in text before BPE: control tokens (`<|im_end|>`) and user-defined ones (`<tool_call>`).
Both need `allow_special`; only control and unused tokens are in `special_ids`, which `decode`
leaves out by default.

The merging is done by the `tokenizers` library with no added tokens registered, so that there is
one place, `split_added`, where they are recognised.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tokenizers
from tokenizers import Regex, models, pre_tokenizers

from agentkit_local_models.errors import CheckpointError, TokenizerError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.json_file import read_object

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


def _byte_characters() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte, from character to byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES = _byte_characters()


@dataclass(frozen=True, slots=True)
class AddedToken:
    """A token matched in text before BPE.

    Attributes:
        text: what it looks like.
        id: its number.
        special: left out by `decode`; false for user-defined tokens like `<tool_call>`.
        strip_left: swallows whitespace before it, as hub tokenizers may ask (`lstrip`).
        strip_right: swallows whitespace after it (`rstrip`).
    """

    text: str
    id: int
    special: bool
    strip_left: bool = False
    strip_right: bool = False


class Tokenizer:
    """Text to token ids and back; immutable, and safe to share between threads."""

    def __init__(
        self,
        merging: tokenizers.Tokenizer,
        tokens: Mapping[int, str],
        added: Sequence[AddedToken],
        unused: Iterable[int] = (),
    ) -> None:
        """Prefer `tokenizer_from_gguf` and `tokenizer_from_hub`.

        Args:
            merging: byte-level BPE without added tokens or post-processing.
            tokens: the ordinary tokens, in GPT-2's byte characters.
            added: the tokens matched before BPE.
            unused: padding entries of the vocabulary that stand for nothing.
        """
        self._merging = merging
        self._tokens = tokens
        self._added = {token.text: token for token in added}
        self._added_by_id = {token.id: token for token in added}
        self._unused = frozenset(unused)
        self.special_ids = self._unused | {token.id for token in added if token.special}
        self.vocabulary_size = max([*tokens, *self._added_by_id, *self._unused], default=-1) + 1
        # Where several match at one place the longest wins, as in the `tokenizers` library.
        longest_first = sorted(self._added, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @property
    def added_tokens(self) -> tuple[AddedToken, ...]:
        """The tokens that text can only make with `allow_special`."""
        return tuple(self._added.values())

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """The token ids of `text`; nothing is put before or after them.

        A byte the vocabulary has no token for is left out, as the reference does. (Qwen2 has all
        256; SmolLM2 lacks six control characters and the planes of unassigned characters.)

        Args:
            text: any text.
            allow_special: let the text's `<|im_end|>` and other added tokens become those tokens.
                Leave it off for all text that comes from outside.

        Raises:
            TokenizerError: lone surrogates, which are not text.
        """
        if not allow_special:
            return self._encode_plain(text)
        ids: list[int] = []
        for piece in self.split_added(text):
            if isinstance(piece, AddedToken):
                ids.append(piece.id)
            else:
                ids += self._encode_plain(piece)
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        try:
            return self._merging.encode(text, add_special_tokens=False).ids
        except (TypeError, UnicodeEncodeError) as error:
            raise TokenizerError(f"not text that can be encoded: {text[:40]!r}") from error

    def split_added(self, text: str) -> Iterable[str | AddedToken]:
        """`text` cut at its added tokens."""
        at = 0
        for match in self._pattern.finditer(text):
            if match.start() < at:  # swallowed by the one before
                continue
            token = self._added[match.group()]
            before, at = text[at : match.start()], match.end()
            if token.strip_left:
                before = before.rstrip()
            if token.strip_right:
                at = len(text) - len(text[at:].lstrip())
            if before:
                yield before
            yield token
        if at < len(text):
            yield text[at:]

    def token_bytes(self, token: int) -> bytes:
        """The bytes a token stands for; `b""` for an unused one.

        Raises:
            TokenizerError: no token has this id.
        """
        if (added := self._added_by_id.get(token)) is not None:
            return added.text.encode()
        if token in self._unused:
            return b""
        text = self._tokens.get(token)
        if text is None:
            raise TokenizerError(f"no token has the id {token}; ids end at {self.vocabulary_size - 1}")
        try:
            return bytes([_BYTES[character] for character in text])
        except KeyError:
            # Not in byte characters: the text itself, as the `tokenizers` library decodes it.
            return text.encode()

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of token ids; bytes that are not UTF-8 become U+FFFD.

        Raises:
            TokenizerError: no token has one of the ids.
        """
        kept = (token for token in ids if not (skip_special and token in self.special_ids))
        return b"".join(map(self.token_bytes, kept)).decode(errors="replace")

    def id_of(self, text: str) -> int:
        """The id of the added token that looks like `text`.

        Raises:
            TokenizerError: there is none.
        """
        if (token := self._added.get(text)) is None:
            raise TokenizerError(f"no special token {text!r}; there are {', '.join(self._added)}")
        return token.id

    def to_hub(self) -> dict[str, object]:
        """The content of a `tokenizer.json` that `tokenizer_from_hub` reads as this tokenizer."""
        document = _object(json.loads(self._merging.to_str()))
        model = _object(document["model"])
        added = {token.text: token.id for token in self.added_tokens}
        document["model"] = model | {"vocab": _object(model["vocab"]) | added}
        document["decoder"] = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        }
        document["added_tokens"] = [
            {
                "id": token.id,
                "content": token.text,
                "single_word": False,
                "lstrip": token.strip_left,
                "rstrip": token.strip_right,
                "normalized": False,
                "special": token.special,
            }
            for token in sorted(self.added_tokens, key=lambda token: token.id)
        ]
        return document


class StreamDecoder:
    """Text from tokens as they come, never half a character.

    What `push` and `flush` return, joined, equals `decode` of all the ids.
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool = True) -> None:
        self._tokenizer = tokenizer
        self._skip = tokenizer.special_ids if skip_special else frozenset[int]()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """The text that is complete with this token; often one word, sometimes nothing."""
        if token in self._skip:
            return ""
        return self._decoder.decode(self._tokenizer.token_bytes(token))

    def flush(self) -> str:
        """What is left: U+FFFD for a character that was never completed; then starts afresh."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest


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
    return Tokenizer(merging, ordinary, added, unused)


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


def tokenizer_from_hub(path: Path) -> Tokenizer:
    """The tokenizer in a hub folder's `tokenizer.json`.

    Its normaliser and pre-tokenizer are used as they are; its post-processor is not, since
    `encode` adds nothing.

    Raises:
        CheckpointError: the file is missing, not JSON, or contradicts itself.
        UnsupportedCheckpoint: anything but byte-level BPE.
    """
    document = read_object(path)
    model = _object(document.get("model"))
    byte_level = any(
        part.get("type") == "ByteLevel"
        for step in ("pre_tokenizer", "decoder")
        for part in _parts(document.get(step))
    )
    if model.get("type") != "BPE" or not byte_level:
        raise UnsupportedCheckpoint(
            f"{path}: a {model.get('type')!r} tokenizer, byte-level: {byte_level}; byte-level BPE is built"
        )
    added = [_added_token(path, _object(entry)) for entry in _list(document.get("added_tokens"))]
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
    document["model"] = model | {"vocab": kept, "unk_token": None}
    try:
        merging = tokenizers.Tokenizer.from_str(json.dumps(document))
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{path}: not a tokenizer: {error}") from error
    return Tokenizer(merging, ordinary, added)


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
