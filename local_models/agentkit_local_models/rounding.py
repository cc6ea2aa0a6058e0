"""A checkpoint rounded to 4 bits by a text, written as a folder that runs like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import torch

from agentkit_local_models.calibrating import Report, calibrated, refuse
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import LocalModelError, UnsupportedCheckpoint
from agentkit_local_models.gguf import GGUFFile
from agentkit_local_models.int4_folder import MANIFEST, TEXT, Manifest, write_int4_folder

TOKENS: Final = 16_384
"""How many tokens of a text are used at most, where nothing else is asked for."""
LEAST_TOKENS: Final = 1_024
"""Fewer say too little of what the widths of a model are multiplied by."""
PIECE: Final = 512
"""Tokens of a sequence."""
_SIDE_ENDINGS: Final = (".json", ".jinja", ".model", ".txt", ".py")
"""Files of a hub folder that its text side is read of; Python files are read, and never run."""


class CannotRound(LocalModelError):
    """The text or the folder cannot be used."""


def round_checkpoint(source: Path, text: Path, out: Path, report: Report, *, tokens: int = TOKENS) -> int:
    """Round a model by a text, and write it as a folder.

    Args:
        source: a GGUF file or a hub folder.
        text: plain text of the kind that the model will read and write, UTF-8.
        out: the folder; it is not there yet.
        report: of the progress.
        tokens: how many of the text's are used at most, taken evenly from all of it.

    Returns:
        How many were used.

    Raises:
        CannotRound: the text is too short or no text, or the folder is there or cannot be written.
        CheckpointError: the model cannot be read.
        UnsupportedCheckpoint: it cannot be rounded so.
    """
    if out.exists():
        raise CannotRound(f"{out} is there already; name a folder that is not")
    with Checkpoint.open(source) as checkpoint:
        if checkpoint.kept == "int4":
            raise UnsupportedCheckpoint(f"{source} has 4 bits already; round what it was made of")
        refuse(checkpoint.config)
        ids = checkpoint.tokenizer.encode(_read(text))
        begin = checkpoint.special_texts.get("bos_token")
        first = [] if begin is None else checkpoint.tokenizer.encode(begin, allow_special=True)
        pieces = pieces_of(text, ids, min(PIECE, checkpoint.config.context), tokens, first)
        used = sum(map(len, pieces))
        manifest = Manifest(1, checkpoint.config, source.name, text.name, used)

        def load(names: tuple[str, ...]) -> Iterator[tuple[str, torch.Tensor]]:
            return checkpoint.source.load(names, torch.float32)

        try:
            weights = calibrated(checkpoint.config, load, pieces, report)
            write_int4_folder(out, manifest, weights, _side(source))
        except OSError as error:
            raise CannotRound(f"{out}: cannot be written: {error.strerror or error}") from error
    return used


def _read(text: Path) -> str:
    try:
        return text.read_text(encoding="utf-8")
    except OSError as error:
        raise CannotRound(f"{text}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise CannotRound(
            f"{text}: not UTF-8: {error.reason} at byte {error.start}; plain text works"
        ) from error


def pieces_of(text: Path, ids: list[int], length: int, tokens: int, first: list[int]) -> list[list[int]]:
    """Sequences of so many tokens, evenly from all of the text; what is left at its end is not used.

    Each begins as a conversation does, with the token that many models have for it and cannot do without.

    Raises:
        CannotRound: there are too few.
    """
    own = length - len(first)
    whole = [first + ids[start : start + own] for start in range(0, len(ids) - own + 1, own)]
    wanted = min(tokens // length, len(whole))
    if wanted * length < LEAST_TOKENS:
        raise CannotRound(
            f"{text} has {len(ids):,} tokens for this model, of which {tokens:,} may be used; "
            f"rounding needs {LEAST_TOKENS:,}, and {TOKENS:,} do better"
        )
    return [whole[number * len(whole) // wanted] for number in range(wanted)]


def _side(source: Path) -> dict[str, Path | bytes]:
    """The files that the model's text side is read of."""
    if source.is_file():
        with GGUFFile.open(source) as file:
            return {TEXT: file.without_tensors()}
    found = (file for file in source.iterdir() if file.suffix in _SIDE_ENDINGS and file.is_file())
    skipped = (".index.json", MANIFEST)
    return {file.name: file for file in found if not file.name.endswith(skipped)}
