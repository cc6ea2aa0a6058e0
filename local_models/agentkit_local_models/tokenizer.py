"""Text to token ids and back, whatever kind of file the tokenizer comes from.

Text from outside cannot make special tokens: `encode` treats `<|im_end|>` as nine ordinary
characters unless it is told `allow_special=True`. Here *added* tokens are all those that are
matched in text before BPE: control tokens (`<|im_end|>`) and user-defined ones (`<tool_call>`).
Both need `allow_special`; only control and unused tokens are in `special_ids`, which `decode`
leaves out by default.

The merging is done by libraries that are told of no added tokens, so that there is one place,
`split_added`, where they are recognised.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import tokenizers

from agentkit_local_models.errors import TokenizerError


def _byte_characters() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte, from character to byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}


BYTES = _byte_characters()
_APART = "\x02"
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


def spell_bytes(text: str) -> bytes:
    """The bytes of a token of byte-level BPE, each of whose characters stands for one."""
    try:
        return bytes([BYTES[character] for character in text])
    except KeyError:
        # Not in byte characters: the text itself, as the `tokenizers` library decodes it.
        return text.encode()


def spell_pieces(text: str) -> bytes:
    """The bytes of a token of SentencePiece, where `▁` is a space and `<0x0A>` one byte."""
    if (byte := _BYTE_PIECE.fullmatch(text)) is not None:
        return bytes([int(byte[1], 16)])
    return text.replace("▁", " ").encode()


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


class Merging(Protocol):
    """What makes tokens of plain text."""

    def encode(self, text: str, *, first: bool) -> Sequence[int]:
        """The ids of a piece of text.

        Args:
            text: without added tokens.
            first: whether nothing stands before it, where some tokenizers put a space.
        """
        ...


@dataclass(frozen=True, slots=True)
class Merged:
    """By the `tokenizers` library.

    Attributes:
        start: for a piece that nothing stands before.
        later: for other pieces, where it differs.
    """

    start: tokenizers.Tokenizer
    later: tokenizers.Tokenizer | None = None

    def encode(self, text: str, *, first: bool) -> Sequence[int]:
        """The ids of a piece of text."""
        merging = self.start if first or self.later is None else self.later
        return merging.encode(text, add_special_tokens=False).ids


class Tokenizer:
    """Text to token ids and back; immutable, and safe to share between threads."""

    def __init__(
        self,
        merging: Merging,
        tokens: Mapping[int, str],
        added: Sequence[AddedToken],
        unused: Iterable[int] = (),
        *,
        spell: Callable[[str], bytes] = spell_bytes,
        leading_space: bool = False,
    ) -> None:
        """Prefer `tokenizer_from_gguf` and `tokenizer_from_hub`.

        Args:
            merging: makes tokens of plain text; it knows no added tokens.
            tokens: the ordinary tokens as their file writes them.
            added: the tokens matched before.
            unused: padding entries of the vocabulary that stand for nothing.
            spell: the bytes of an ordinary token.
            leading_space: a space is put before text, and taken from the beginning of what is decoded.
        """
        self._spell = spell
        self.leading_space = leading_space
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

    def encode(self, text: str, *, allow_special: bool = False, first: bool = True) -> list[int]:
        """The token ids of `text`; no token is put before or after them.

        A byte the vocabulary has no token for is left out, as the reference does. (Qwen2 has all
        256; SmolLM2 lacks six control characters and the planes of unassigned characters.)

        Args:
            text: any text.
            allow_special: let the text's `<|im_end|>` and other added tokens become those tokens.
                Leave it off for all text that comes from outside.
            first: whether no token stands before it.

        Raises:
            TokenizerError: lone surrogates, which are not text.
        """
        if not allow_special:
            return self._encode_plain(text, first=first)
        ids: list[int] = []
        for piece in self.split_added(text):
            if isinstance(piece, AddedToken):
                ids.append(piece.id)
            else:
                ids += self._encode_plain(piece, first=first and not ids)
        return ids

    def encode_next(self, text: str) -> list[int]:
        """The token ids of text that other text stands before: without a space of the tokenizer's own.

        Raises:
            TokenizerError: lone surrogates, which are not text.
        """
        if not self.leading_space:
            return self.encode(text, first=False)
        # A control character is a token of its own, so what follows it is as it would be after any text.
        before = self.encode(_APART)
        return self.encode(_APART + text)[len(before) :]

    def _encode_plain(self, text: str, *, first: bool) -> list[int]:
        try:
            return list(self._merging.encode(text, first=first))
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

    def spells_as(self, other: Tokenizer) -> bool:
        """Whether the ordinary tokens that both have stand for the same bytes."""
        return self._spell is other._spell and all(
            other._tokens.get(token, text) == text for token, text in self._tokens.items()
        )

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
        return self._spell(text)

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of token ids; bytes that are not UTF-8 become U+FFFD.

        Raises:
            TokenizerError: no token has one of the ids.
        """
        kept = (token for token in ids if not (skip_special and token in self.special_ids))
        text = b"".join(map(self.token_bytes, kept)).decode(errors="replace")
        return text.removeprefix(" ") if self.leading_space else text

    def id_of(self, text: str) -> int:
        """The id of the added token that looks like `text`.

        Raises:
            TokenizerError: there is none.
        """
        if (token := self._added.get(text)) is None:
            raise TokenizerError(f"no special token {text!r}; there are {', '.join(self._added)}")
        return token.id

    def to_hub(self) -> dict[str, object]:
        """The content of a `tokenizer.json` that `tokenizer_from_hub` reads as this tokenizer.

        Raises:
            TokenizerError: it is not of the kind that such a file is written of.
        """
        if not isinstance(self._merging, Merged) or self._spell is not spell_bytes:
            raise TokenizerError("only a byte-level BPE tokenizer is written as tokenizer.json")
        document = cast("dict[str, Any]", json.loads(self._merging.start.to_str()))
        model = cast("dict[str, Any]", document["model"])
        added = {token.text: token.id for token in self.added_tokens}
        document["model"] = model | {"vocab": model["vocab"] | added}
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
        self._begins = tokenizer.leading_space

    def push(self, token: int) -> str:
        """The text that is complete with this token; often one word, sometimes nothing."""
        if token in self._skip:
            return ""
        return self._begun(self._decoder.decode(self._tokenizer.token_bytes(token)))

    def flush(self) -> str:
        """What is left: U+FFFD for a character that was never completed; then starts afresh."""
        rest = self._begun(self._decoder.decode(b"", final=True))
        self._decoder.reset()
        self._begins = self._tokenizer.leading_space
        return rest

    def _begun(self, text: str) -> str:
        """The text without the space that the tokenizer puts before the first."""
        if not (self._begins and text):
            return text
        self._begins = False
        return text.removeprefix(" ")
