"""A recipe: everything that decides what a training comes to, in one TOML file."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.lora import KINDS, LoraConfig
from agentkit_local_models.precision import Precision, fast_precision
from agentkit_local_models.training.attending import TrainingBackend


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
    joined: bool = True
    """Whether training sees the delta joined into the weights and rounded with them, or beside them."""
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
    dtype: Literal["auto"] | Precision = "auto"
    """Of the computation; what is trained is kept in float32. "auto": see `precision`."""
    compile: bool = False
    """Compile the element-wise parts, which needs a C++ compiler: see `pieces`."""
    attention: TrainingBackend = "auto"
    """What computes attention: see `attending`."""
    device: str = "cpu"
    seed: int = 0
    save_minutes: float = 5.0

    @property
    def precision(self) -> Precision:
        """The dtype, decided: "auto" is what the device multiplies fastest."""
        return fast_precision(self.device) if self.dtype == "auto" else self.dtype


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
        table = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} is no TOML: {error}") from error
    try:
        recipe = msgspec.convert(_without(table, _OURS), Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{path}{_line(data, _key(str(error)))}: {error}") from error
    for wrong, key, what in _faults(recipe):
        if wrong:
            raise RecipeError(f"{path}{_line(data, key)}: {key} {what}")
    try:
        recipe.adapter_shape  # noqa: B018 - its own check
    except ValueError as error:
        raise RecipeError(f"{path}{_line(data, 'lora')}: {error}") from error
    digest = hashlib.sha256(data).hexdigest()
    return msgspec.structs.replace(recipe, folder=path.parent, digest=digest)


_OURS = ("folder", "digest")


def _without(table: dict[str, Any], ours: tuple[str, ...]) -> dict[str, Any]:
    """The table, in which the fields that are filled in here are as unknown as any other."""
    for name in ours:
        if name in table:
            raise msgspec.ValidationError(f"Object contains unknown field `{name}`")
    return table


def _faults(recipe: Recipe) -> list[tuple[bool, str, str]]:
    """What cannot be: whether it is so, the key, and what would work."""
    training, data = recipe.training, recipe.data
    low, high = training.betas
    return [
        (not data.files, "data.files", "needs at least one file"),
        (not 0 <= data.general_share < 1, "data.general_share", "must be at least 0 and less than 1"),
        (
            data.general_share > 0 and not data.general,
            "data.general_share",
            "needs files in data.general",
        ),
        (data.most_tokens < 2, "data.most_tokens", "must be at least 2"),
        (training.steps < 1, "training.steps", "must be at least 1"),
        (not 0 < training.rate < 1, "training.rate", "must be between 0 and 1"),
        (training.warmup < 0, "training.warmup", "must be at least 0"),
        (not 0 <= training.final_rate <= 1, "training.final_rate", "must be from 0 to 1"),
        (training.pack_tokens < 1, "training.pack_tokens", "must be at least 1"),
        (training.step_tokens < 1, "training.step_tokens", "must be at least 1"),
        (not training.clip > 0, "training.clip", "must be more than 0"),
        (not training.weight_decay >= 0, "training.weight_decay", "must be at least 0"),
        (not (0 <= low < 1 and 0 <= high < 1), "training.betas", "must be at least 0 and less than 1"),
        (not training.general_weight >= 0, "training.general_weight", "must be at least 0"),
        (
            training.dtype == "float16" and training.device == "cpu",
            "training.dtype",
            "float16 is for GPUs; say auto",
        ),
        (not 0 <= training.seed < 1 << 32, "training.seed", "must be at least 0 and less than 2**32"),
        (not training.save_minutes >= 0, "training.save_minutes", "must be at least 0"),
        (recipe.lora is not None and not recipe.lora.alpha > 0, "lora.alpha", "must be more than 0"),
        (recipe.lora is not None and not recipe.lora.targets, "lora.targets", "needs at least one"),
        (bool(recipe.start) and recipe.lora is None, "start", "is an adapter, so it needs [lora]"),
    ]


def _key(complaint: str) -> str:
    """The key that a complaint is about: its path, and the field it names as unknown."""
    path = re.search(r"at `\$\.?([\w.]*)", complaint)
    unknown = re.search(r"unknown field `([^`]*)`", complaint)
    parts = (path and path[1], unknown and unknown[1])
    return ".".join(part for part in parts if part)


def _line(data: bytes, key: str) -> str:
    """Where a key is in the file, or else its section; empty if neither is written out."""
    places: dict[str, int] = {}
    section = ""
    for number, line in enumerate(data.decode().splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.]+)\s*\]", line):
            section = header[1] + "."
            places.setdefault(header[1], number)
        elif entry := re.match(r"\s*([\w.]+)\s*=", line):
            places.setdefault(section + entry[1], number)
    place = places.get(key) or places.get(key.rpartition(".")[0])
    return f", line {place}" if place else ""
