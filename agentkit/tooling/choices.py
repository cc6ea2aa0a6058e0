"""Living choices: parameters whose possible values are known when the call is made.

A parameter annotated with `Choices` is offered with the values that exist at that moment, so that
constrained decoding cannot invent a file. What the person named can be written although it is not there:
who can only write what exists takes something else for it, and the tool's answer says what is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from agentkit.tooling.context import ToolContext

MOST_CHOICES = 1000
"""Beyond this many values a list no longer helps; the parameter is then free."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Marks a parameter whose values are known at call time."""

    what: str
    """What the values are, as an error message would say: `file`, `folder`, `handle`."""
    values: Callable[[ToolContext], Sequence[str]]
    named: bool = False
    """Whether a person may name a value that does not exist, so that the tool is to say so."""

    def now(self, context: ToolContext) -> tuple[str, ...] | None:
        """Every value that can work right now, or `None` when there are too many to list."""
        values = tuple(self.values(context))
        return values if len(values) <= MOST_CHOICES else None


ExistingFile = Annotated[str, Choices("file", lambda context: context.workspace.files(), named=True)]
"""The path of a file that exists, relative to the workspace."""

ExistingFolder = Annotated[str, Choices("folder", lambda context: context.workspace.folders(), named=True)]
"""The path of a folder that exists, relative to the workspace; `.` is the workspace itself."""

ExistingPath = Annotated[
    str,
    Choices(
        "file or folder",
        lambda context: [*context.workspace.files(), *context.workspace.folders()],
        named=True,
    ),
]
"""The path of a file or folder that exists."""

KnownHandle = Annotated[str, Choices("handle", lambda context: context.handles)]
"""The handle of an earlier result that was too long to show whole."""
