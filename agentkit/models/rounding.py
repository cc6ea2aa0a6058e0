"""`agentkit models quantise`: the door to what rounds a model to 4 bits by a text."""

from collections.abc import Callable
from pathlib import Path

from agentkit.core.errors import ModelError, UsageError
from agentkit.models.inspection import path_named

Report = Callable[[int, int, float], None]
"""Told after each block: how many are done, of how many, and hidden states' error relative to their size."""


def quantise(name: str, text: Path, out: Path, tokens: int, report: Report) -> int:
    """Round a model to 4 bits by a text, and write it as a folder.

    Args:
        name: an entry of the catalogue, a file or a folder.
        text: plain text.
        out: the folder.
        tokens: how many of the text's are used at most.
        report: of the progress.

    Returns:
        How many were used.

    Raises:
        UsageError: there is no such model, or the text, the folder or their number cannot be used; or a
            library is missing.
        ModelError: the model cannot be read, or not be rounded so.
    """
    try:
        from agentkit_local_models.errors import LocalModelError
        from agentkit_local_models.rounding import CannotRound, round_checkpoint
    except ModuleNotFoundError as error:
        raise UsageError(f"models are read with {error.name}; run: pip install 'agentkit[local]'") from error
    try:
        return round_checkpoint(path_named(name), text, out, report, tokens=tokens)
    except CannotRound as error:
        raise UsageError(str(error)) from error
    except LocalModelError as error:
        raise ModelError(str(error)) from error
