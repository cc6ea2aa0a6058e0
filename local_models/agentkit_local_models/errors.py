"""Every error the engine raises on purpose.

::

    LocalModelError
    ├── CheckpointError            a file is cut, damaged or contradicts itself
    │   └── UnsupportedCheckpoint  a sound file that needs something not built here
    ├── TokenizerError             text or ids the tokenizer cannot turn into each other
    ├── ChatTemplateError          messages the chat template refuses or cannot render
    ├── PromptTooLong              more tokens than the context holds
    ├── UnknownModel               a name the catalogue does not have
    ├── UnknownAdapter             a name no loaded adapter has
    ├── AdapterInUse               answers are written with the adapter
    └── FetchError                 no source of a model gave the right bytes

A message names the file or value, says what was found, and what would work.
"""

from __future__ import annotations

from pathlib import Path


class LocalModelError(Exception):
    """The base of every error raised by this package."""


class CheckpointError(LocalModelError):
    """A checkpoint is missing, cut, damaged, or contradicts itself."""


class UnsupportedCheckpoint(CheckpointError):
    """A sound checkpoint needs a feature this engine does not have."""


def at_path(path: Path, error: CheckpointError) -> CheckpointError:
    """The same error with the file named, once."""
    text = str(error)
    return type(error)(text if text.startswith(str(path)) else f"{path}: {text}")


class TokenizerError(LocalModelError):
    """Text or token ids cannot be turned into each other."""


class ChatTemplateError(LocalModelError):
    """A chat template is invalid, or refuses the messages it was given."""


class PromptTooLong(LocalModelError):
    """A prompt has more tokens than the model's context holds."""


class TextTooLong(LocalModelError):
    """A text has more tokens than the encoder reads."""


class UnknownModel(LocalModelError):
    """The catalogue has no model of that name."""


class UnknownAdapter(LocalModelError):
    """No adapter of that name is loaded."""


class AdapterInUse(LocalModelError):
    """Answers are written with the adapter that is to go."""


class FetchError(LocalModelError):
    """A model could not be fetched: no source answered, its bytes were wrong, or the disk is full."""
