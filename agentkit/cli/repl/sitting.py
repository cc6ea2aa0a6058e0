"""What the parts of a conversation know of the sitting that they are parts of."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agentkit.cli.repl.editor import Editor
from agentkit.core.events import RuleSet
from agentkit.settings import Settings

if TYPE_CHECKING:
    from agentkit.cli.repl.talk import Talk


class Sitting(Protocol):
    """One sitting of a person at a terminal."""

    settings: Settings
    editor: Editor
    outside: bool
    """Whether a command of the person has the terminal."""

    @property
    def talk(self) -> "Talk":
        """The conversation at hand."""
        ...

    @property
    def workspace(self) -> Path:
        """The folder of the run at hand."""
        ...

    def say(self, label: str, text: str, style: str = "") -> None:
        """Tell the person something."""
        ...

    def hold(self, rules: Sequence[RuleSet]) -> None:
        """Know of rules that the person gave or took back."""
        ...


def who_answers(settings: Settings) -> str:
    """The model of a conversation that is begun with these settings, by name."""
    if settings.model != "auto":
        return settings.model
    from agentkit.models.embedded import best_ready

    return f"local:{name}" if (name := best_ready()) else "no model yet: /model NAME"
