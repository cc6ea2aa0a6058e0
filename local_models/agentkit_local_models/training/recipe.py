"""A recipe: everything that decides what a training comes to, in one TOML file."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.lora import KINDS, LoraConfig


class RecipeError(LocalModelError):
    """A recipe cannot be used; the message names file, key and what would work."""


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """What is trained on."""

    files: tuple[str, ...]
    """JSONL files of conversations, relative to the recipe."""
    general: tuple[str, ...] = ()
    """JSONL files of general text, on which the model is kept near its base."""
    general_share: float = 0.0
    """How many of the packs are general text."""
    most_tokens: int = 2048
    """The longest conversation; a longer one is an error."""


class Lora(Struct, frozen=True, forbid_unknown_fields=True):
    """The adapter's shape."""

    rank: int = 32
    alpha: float = 64.0
    dropout: float = 0.0
    targets: tuple[str, ...] = KINDS


class Training(Struct, frozen=True, forbid_unknown_fields=True):
    """How it is trained."""

    steps: int
    rate: float = 1e-3
    warmup: int = 15
    final_rate: float = 0.05
    """What the cosine ends at, as a share of `rate`."""
    pack_tokens: int = 2048
    """The most tokens that are computed at once; it decides the memory."""
    step_tokens: int = 2048
    """A step takes packs until they have so many tokens."""
    clip: float = 1.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    general_weight: float = 1.0
    """What the divergence from the base on general text counts, a token, beside the cross entropy."""
    dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    device: str = "cpu"
    seed: int = 0
    save_minutes: float = 5.0


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole recipe."""

    model: str
    """A model of the catalogue, or the path of a checkpoint."""
    data: Data
    training: Training
    lora: Lora | None = None
    """Without it, every weight is trained."""
    start: str = ""
    """An adapter's file to begin from, relative to the recipe."""
    folder: Path = Path()
    digest: str = ""

    @property
    def adapter_shape(self) -> LoraConfig | None:
        """The adapter's shape as the engine knows it."""
        return None if self.lora is None else LoraConfig(**msgspec.structs.asdict(self.lora))

    def path(self, name: str) -> Path:
        """A path of the recipe, which is relative to its file."""
        return self.folder / name


def read_recipe(path: Path) -> Recipe:
    """The recipe of a file.

    Raises:
        RecipeError: it cannot be read or says something that cannot be.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}") from error
    try:
        recipe = msgspec.convert(tomllib.loads(data.decode()), Recipe)
        recipe.adapter_shape  # noqa: B018 - its own check
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} is no TOML: {error}") from error
    except (msgspec.ValidationError, ValueError) as error:
        raise RecipeError(f"{path}{_where(data, str(error))}: {error}") from error
    training, share = recipe.training, recipe.data.general_share
    faults = [
        (training.steps < 1, "training.steps must be at least 1"),
        (training.step_tokens < 1, "training.step_tokens must be at least 1"),
        (not 0 < training.rate < 1, "training.rate must be between 0 and 1"),
        (not 0 <= share < 1, "data.general_share must be at least 0 and less than 1"),
        (share > 0 and not recipe.data.general, "data.general_share needs files in data.general"),
        (training.dtype == "float16" and training.device == "cpu", "float16 is for GPUs; say bfloat16"),
    ]
    for wrong, what in faults:
        if wrong:
            raise RecipeError(f"{path}: {what}")
    digest = hashlib.sha256(data).hexdigest()
    return msgspec.structs.replace(recipe, folder=path.parent, digest=digest)


def _where(data: bytes, complaint: str) -> str:
    """The line of the last key that a complaint names, if it can be found."""
    names = [
        part
        for part in complaint.replace("`", " ").replace("$", " ").replace(".", " ").split()
        if part.isidentifier()
    ]
    lines = data.decode(errors="replace").splitlines()
    for name in reversed(names):
        for number, line in enumerate(lines, 1):
            if line.split("=")[0].strip().strip("[]") == name:
                return f", line {number}"
    return ""
