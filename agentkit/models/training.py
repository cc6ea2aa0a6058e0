"""`agentkit train`: the door to the trainer of the local engine."""

from pathlib import Path
from typing import TYPE_CHECKING

from agentkit.core.errors import UsageError
from agentkit.models.embedded import MANNERS

if TYPE_CHECKING:
    from agentkit_local_models.training.session import Begun as Begun
    from agentkit_local_models.training.session import Trained as Trained
    from agentkit_local_models.training.session import Watch as Watch
    from agentkit_local_models.training.trainer import Step as Step


SUCCESS = "success.jsonl"
"""What was reached after some steps: a line is a step, the name of a set, `reached` and `cases`."""


def train(
    recipe: Path, out: Path, *, minutes: float | None, resume: bool, devices: int, watch: "Watch"
) -> "Trained":
    """Train as the recipe says; see the engine's `session.train` for what is written.

    Raises:
        UsageError: the recipe, its data, its model or the folder cannot be used; or a library is missing.
    """
    try:
        from agentkit_local_models.errors import LocalModelError
        from agentkit_local_models.training import session
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}; run: pip install 'agentkit[local]'") from error
    try:
        return session.train(recipe, out, minutes=minutes, resume=resume, devices=devices, watch=watch)
    except LocalModelError as error:
        raise UsageError(str(error)) from error


def draw(folder: Path, picture: Path) -> None:
    """Draw the training in a folder, with the points of its `success.jsonl` if that is there.

    Raises:
        UsageError: there is nothing to draw yet, the picture's ending is no .svg or .png, or matplotlib
            is missing.
    """
    try:
        from agentkit_local_models.training import curves
    except ModuleNotFoundError as error:
        raise UsageError(f"curves need {error.name}; run: pip install 'agentkit[train]'") from error
    success = folder / SUCCESS
    try:
        curves.draw([folder / curves.METRICS], picture, success=success if success.exists() else None)
    except curves.CurvesError as error:
        raise UsageError(str(error)) from error


def model_of(trained: "Trained") -> str:
    """What to call the trained model on the command line."""
    if trained.result.is_dir():
        return f"local:{trained.result}"
    base = trained.base if trained.base in MANNERS else trained.model
    return f"local:{base}+{trained.result}"
