"""What the loop tells the model between two steps: facts from here, the words from prompt files.

Who writes a file of the same name changes the words; what they are said for, and when, is decided by
the loop (`next_action.py`, `review.py`, `form.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec import Struct

from agentkit.core.errors import PromptError
from agentkit.core.events import Loop, Nudged
from agentkit.core.messages import UserMessage
from agentkit.prompts.library import Library
from agentkit.prompts.prompt_file import Prompt

FOLDER = "nudges"
PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "unreadable": (),
        "chant": ("seen",),
        "repetition": ("seen",),
        "repetition-again": ("seen", "evidence"),
        "strike": ("seen",),
        "claim": ("doubts",),
        "form": ("fault", "schema"),
        "budget": ("used",),
        "closing": ("why",),
    }
)
"""The files, by name, and the places that each has."""


class Nudge(Struct, frozen=True):
    """Tell the model something it needs to hear before it goes on."""

    reason: str
    """As it is recorded: see `Nudged`."""
    words: str
    """The file that says it."""
    values: dict[str, str] = {}
    loop: Loop | None = None
    cause: str = ""


def closing(why: str) -> Nudge:
    """What the agent is told when one answer is left."""
    return Nudge("closing", "closing", {"why": why}, cause=why)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one run's nudges, each file read once, when it is first needed."""

    library: Library
    _read: dict[str, Prompt] = field(default_factory=dict[str, Prompt])

    def nudged(self, nudge: Nudge) -> Nudged:
        """The nudge in words, as it is recorded.

        Raises:
            PromptError: its file is no prompt, or has other places than it should.
        """
        prompt = self._read.get(nudge.words)
        if prompt is None:
            prompt = self._read[nudge.words] = self.library.load(f"{FOLDER}/{nudge.words}")
        text = prompt.message(nudge.values)
        return Nudged(nudge.reason, text, nudge.cause, nudge.loop, prompt.used)

    def note(self, nudge: Nudge) -> UserMessage:
        """The message that the model is shown of it."""
        return UserMessage(self.nudged(nudge).text)


def require_usable(library: Library) -> None:
    """Refuse files in the place of ours that could not be said, before a run rests on them.

    Raises:
        PromptError: naming the file, and the places that it must have.
    """
    if not library.may_override(FOLDER):
        return
    for words, places in PLACES.items():
        name = f"{FOLDER}/{words}"
        if library.overrides(name):
            prompt = library.load(name)
            if prompt.body.variables != frozenset(places) or not prompt.is_message:
                has = ", ".join(f"{{{place}}}" for place in places) or "no place"
                whose = prompt.used.origin
                raise PromptError(f"the prompt {name} of the {whose} must be one message with {has}")
