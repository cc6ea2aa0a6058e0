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


def train(recipe: Path, out: Path, *, minutes: float | None, resume: bool, watch: "Watch") -> "Trained":
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
        return session.train(recipe, out, minutes=minutes, resume=resume, watch=watch)
    except LocalModelError as error:
        raise UsageError(str(error)) from error


def model_of(trained: "Trained") -> str | None:
    """What to call the trained model on the command line; None when its base has no name there."""
    if trained.result.is_dir():
        return f"local:{trained.result}"
    return f"local:{trained.base}+{trained.result}" if trained.base in MANNERS else None
