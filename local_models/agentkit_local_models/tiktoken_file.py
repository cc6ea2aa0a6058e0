"""A `tokenizer.model` of tiktoken: a token's bytes in base64 and its rank on each line (extra `tiktoken`)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.missing import missing_package
from agentkit_local_models.tokenizer import BYTES, AddedToken, Tokenizer


@dataclass(frozen=True, slots=True)
class _Ranks:
    encoding: Any

    def encode(self, text: str, *, first: bool) -> Sequence[int]:  # noqa: ARG002 - no space is put anywhere
        """The ids of a piece of text."""
        return cast("list[int]", self.encoding.encode_ordinary(text))


def is_ranks(path: Path) -> bool:
    """Whether the file's first line is a token in base64 and a number."""
    with path.open("rb") as file:
        words = file.readline(1 << 16).split()
    return len(words) == 2 and words[1].isdigit()


def tokenizer_from_ranks(path: Path, cut: str, added: Sequence[AddedToken]) -> Tokenizer:
    """The tokenizer of a file of ranks.

    Args:
        path: of the file.
        cut: the expression that text is cut by before merging.
        added: the tokens that the file does not have.

    Raises:
        CheckpointError: the file is missing or damaged, or the library is not here.
    """
    try:
        import tiktoken
    except ImportError as error:
        raise missing_package(path, "tiktoken") from error
    ranks: dict[bytes, int] = {}
    try:
        for line in path.read_bytes().splitlines():
            text, rank = line.split()
            ranks[base64.b64decode(text, validate=True)] = int(rank)
    except (OSError, ValueError, binascii.Error) as error:
        raise CheckpointError(f"{path}: not a file of tokens and their ranks: {error}") from error
    try:
        encoding = tiktoken.Encoding(path.stem, pat_str=cut, mergeable_ranks=ranks, special_tokens={})
    except Exception as error:  # the library raises nothing narrower
        raise CheckpointError(f"{path}: not a tokenizer: {error}") from error
    characters = {byte: character for character, byte in BYTES.items()}
    tokens = {rank: "".join(characters[byte] for byte in text) for text, rank in ranks.items()}
    return Tokenizer(_Ranks(encoding), tokens, added)
