"""What is known of a tool before it runs and after it ran."""

from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class Effect(StrEnum):
    """The furthest a call can reach; ordered from harmless to final."""

    PURE = "pure"
    READS = "reads"
    WRITES = "writes"
    """Changes files, inside the workspace only."""
    EXECUTES = "executes"
    """Runs model-written code, inside the sandbox."""
    WRITES_OUTSIDE = "writes outside"
    NETWORK = "network"
    IRREVERSIBLE = "irreversible"


class ToolSpec(Struct, frozen=True):
    """A tool as it is offered to a model at one moment."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of the arguments: an object with `properties` and `required`."""
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Living choices: for a parameter, every value that can work now, and what the person may have named."""


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    FAILED = "failed"
    """The tool ran and says that it did not work."""
    INVALID = "invalid"
    """The call did not fit the tool; nothing ran."""
    DENIED = "denied"
    """Policy, person or budget said no; nothing ran."""
    UNKNOWN = "unknown"
    """The process died while it ran; nobody knows how far it came."""


class ToolResult(Struct, frozen=True, omit_defaults=True):
    """What a call came to: text for the model, and how it ended."""

    call_id: str
    name: str
    outcome: Outcome
    text: str
    handle: str = ""
    """Names the full text in the journal when `text` is only a part of it."""
    seconds: float = 0.0
    untrusted: str = ""
    """Where the text comes from, if anybody may have written it: the tool, and the address if it has one."""

    @property
    def failed(self) -> bool:
        """Whether the model should be told that this did not work."""
        return self.outcome is not Outcome.OK
