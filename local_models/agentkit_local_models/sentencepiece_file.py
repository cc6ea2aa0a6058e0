"""A `tokenizer.model` of SentencePiece, by its own library (extra `sentencepiece`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.missing import missing_package
from agentkit_local_models.tokenizer import AddedToken, Tokenizer, spell_pieces


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The library's processor.

    Attributes:
        processor: of the model.
        prepared: what text is turned into first.
        offset: added to its ids.
        apart: matches texts that the processor would make one token of, and must not.
    """

    processor: Any
    prepared: Callable[[str], str]
    offset: int
    apart: re.Pattern[str]

    def encode(self, text: str, *, first: bool) -> Sequence[int]:  # noqa: ARG002 - each piece gets its space
        """The ids of a piece of text."""
        ids: list[int] = []
        start = 0
        for match in self.apart.finditer(text):  # cut behind its first character, it is no token
            ids += self._encode(text[start : match.start() + 1])
            start = match.start() + 1
        return ids + self._encode(text[start:])

    def _encode(self, text: str) -> list[int]:
        found = cast("list[int]", self.processor.encode(self.prepared(text)))
        return [token + self.offset for token in found]


def _as_it_is(text: str) -> str:
    return text


def tokenizer_from_sentencepiece(
    path: Path,
    added: Iterable[AddedToken] = (),
    *,
    prepared: Callable[[str], str] = _as_it_is,
    spell: Callable[[str], bytes] = spell_pieces,
    offset: int = 0,
) -> Tokenizer:
    """The tokenizer of a model file.

    Its control symbols and its sign for unknown characters are special tokens.

    Args:
        path: of the file.
        added: tokens that the file does not know, or knows and must not make of plain text.
        prepared: what text is turned into before.
        spell: the bytes of a piece.
        offset: the id of the first piece.

    Raises:
        CheckpointError: the file is missing or damaged, or the library is not here.
    """
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise missing_package(path, "sentencepiece") from error
    try:
        data = path.read_bytes()
        if not data:
            raise CheckpointError(f"{path}: not a model of SentencePiece: it is empty")
        processor = cast("Any", SentencePieceProcessor)(model_proto=data)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not a model of SentencePiece: {error}") from error
    specials = list(added)
    apart = {token.text for token in specials}
    ordinary: dict[int, str] = {}
    unused: list[int] = []
    for piece in range(int(processor.get_piece_size())):
        text, token = str(processor.id_to_piece(piece)), piece + offset
        if text in apart:
            continue
        if processor.is_control(piece) or processor.is_unknown(piece):
            specials.append(AddedToken(text, token, special=True))
        elif processor.is_unused(piece):
            unused.append(token)
        else:
            ordinary[token] = text
    begins = cast("list[str]", processor.encode("a", out_type=str))
    return Tokenizer(
        _Pieces(processor, prepared, offset, re.compile("|".join(map(re.escape, apart)) or r"(?!)")),
        ordinary,
        specials,
        unused,
        spell=spell,
        leading_space=bool(begins) and begins[0].startswith("▁"),
    )
