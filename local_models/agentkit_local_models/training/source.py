"""What a training is made from: the model, the data and the recipe, and the card that says so."""

from __future__ import annotations

import hashlib
import json
import platform
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from agentkit_local_models.catalogue import CATALOGUE, find, path_of, state_of
from agentkit_local_models.errors import CheckpointError
from agentkit_local_models.training.conversations import DataError
from agentkit_local_models.training.recipe import Recipe, RecipeError

LIBRARIES = ("agentkit", "torch", "tokenizers", "safetensors")
PEFT_FILES = ("adapter_config.json", "adapter_model.safetensors")


@dataclass(frozen=True, slots=True)
class Source:
    """What a training is made from.

    Attributes:
        model: the base's file or folder.
        base: the sha256 of each file of its weights, by name.
        data: the sha256 of each data file, by its name in the recipe.
        start: the sha256 of each file of the adapter that it begins from, by name; empty without one.
        recipe: the text of the recipe.
    """

    model: Path
    base: dict[str, str]
    data: dict[str, str]
    start: dict[str, str]
    recipe: str

    def card(self, recipe: Recipe, steps: int) -> dict[str, Any]:
        """All that one needs to make the result again, as JSON values."""
        start = {"start": {"name": recipe.start, "sha256": self.start}} if recipe.start else {}
        return {
            "base": {"name": recipe.model, "sha256": self.base},
            **start,
            "data": self.data,
            "recipe": {"text": self.recipe, "sha256": recipe.digest},
            "seed": recipe.training.seed,
            "steps": steps,
            "of": recipe.training.steps,
            "versions": {"python": platform.python_version(), **_versions()},
        }

    def require_same(self, written: Path, model: str) -> None:
        """Refuse to go on with other files than a training began with.

        Args:
            written: the card of its beginning.
            model: the base's name, for the message.

        Raises:
            DataError: a file has changed, or the card cannot be read.
        """
        try:
            card = json.loads(written.read_bytes())
            base, data = card["base"]["sha256"], card["data"]
            start = card["start"]["sha256"] if "start" in card else self.start  # older ones do not say
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"{written} does not say what the training began with: {error}") from error
        if base != self.base:
            raise DataError(f"the weights of {model} are not those that the training began with")
        if start != self.start:
            raise DataError("the adapter of `start` is not the one that the training began with")
        changed = [name for name, sha256 in self.data.items() if data.get(name) != sha256]
        if changed:
            raise DataError(
                f"{', '.join(changed)} changed since the training began; bring the old file back, "
                "or begin anew in another folder"
            )


def source_of(path: Path, recipe: Recipe) -> Source:
    """The files that a recipe names, hashed.

    Args:
        path: the recipe's file.
        recipe: what was read from it.

    Raises:
        RecipeError: no such model, or the recipe's file has gone.
        CheckpointError: the model's files, or those of the adapter to begin from, cannot be read.
        DataError: a data file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}") from error
    model = model_path(path, recipe)
    data: dict[str, str] = {}
    for name in (*recipe.data.files, *recipe.data.general):
        try:
            data[name] = _sha256(recipe.path(name))
        except OSError as error:
            raise DataError(f"{recipe.path(name)} cannot be read: {error.strerror}") from error
    return Source(model, _base(model, recipe.model), data, _start(recipe), text)


def model_path(path: Path, recipe: Recipe) -> Path:
    """Where the base is: an entry of the catalogue, or a path from the recipe's folder.

    Raises:
        RecipeError: neither, or an entry whose weights are not here.
    """
    names = [entry.name for entry in CATALOGUE]
    if recipe.model in names:
        entry = find(recipe.model)
        if not state_of(entry).is_ready:
            raise RecipeError(
                f"the weights of {entry.name} are not here; run: agentkit models fetch {entry.name}"
            )
        return path_of(entry)
    model = recipe.path(str(Path(recipe.model).expanduser()))
    if not model.exists():
        raise RecipeError(
            f"{path}: no model {recipe.model!r}; known: {', '.join(names)}, "
            "or the path of a .gguf file or a folder, from the recipe's folder"
        )
    return model


def _base(model: Path, name: str) -> dict[str, str]:
    if name in (entry.name for entry in CATALOGUE):
        return {model.name: find(name).sha256}  # it is ready, so it has this hash
    files = sorted(model.glob("*.safetensors")) if model.is_dir() else [model]
    try:
        return {file.name: _sha256(file) for file in files}
    except OSError as error:
        raise CheckpointError(f"{model} cannot be read: {error.strerror}") from error


def _start(recipe: Recipe) -> dict[str, str]:
    if not recipe.start:
        return {}
    path = recipe.path(recipe.start)
    files = [path / name for name in PEFT_FILES] if path.is_dir() else [path]
    try:
        return {file.name: _sha256(file) for file in files}
    except OSError as error:
        raise CheckpointError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):  # run from its sources
            found[name] = version(name)
    return found | {"torch": str(torch.__version__)}  # with its build
