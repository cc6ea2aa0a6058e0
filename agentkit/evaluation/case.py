"""What is evaluated: cases, each a folder, a goal and a check in code; a task is a named set of them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from agentkit.evaluation.fingerprint import described
from agentkit.evaluation.folders import files_in

if TYPE_CHECKING:
    from agentkit.tooling.tool import Tool

ABSENT = "absent"
"""The tag of a case that asks for what is not there: an agent that says it could not may be right."""


@dataclass(frozen=True, slots=True)
class After:
    """What a run left behind: all that a check may look at."""

    before: Mapping[str, str]
    """Every file at the start, by its relative path."""
    files: Mapping[str, str]
    """Every file at the end."""
    folders: frozenset[str]
    """Every folder at the end, empty ones too."""
    answer: str
    calls: tuple[tuple[str, Mapping[str, object]], ...] = ()
    """The calls that succeeded, in order: the tool's name and the arguments."""


@dataclass(frozen=True, slots=True)
class Score:
    """Whether a goal was reached, and why that is so."""

    reached: bool
    why: str = ""


Check: TypeAlias = Callable[[After], "bool | Score"]
"""Judges what was left behind, never what the agent says of itself."""


@dataclass(frozen=True)
class Case:
    """One goal on one folder, and how to tell that it was reached."""

    id: str
    family: str
    """Cases of one kind; results are given by family."""
    goal: str
    check: Check
    folder: Path | None = None
    """Copied for each run."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Relative path to text, written over the copy."""
    tools: "tuple[Tool, ...]" = ()
    """Offered beside the installed ones."""
    tags: tuple[str, ...] = ()
    """What else it is, such as `absent`, `injected` or `one-step`; results are given by tag, too."""
    signs: Mapping[str, Check] = field(default_factory=dict[str, Check])
    """What else is counted of each run that has a verdict, whatever it is: a name, and what holds then."""

    @cached_property
    def digest(self) -> str:
        """Equal for two cases that show an agent the same goal, files and tools."""
        before = {**(files_in(self.folder) if self.folder else {}), **self.files}
        tools = [(tool.name, tool.description, tool.signature.json_schema) for tool in self.tools]
        return _digest([self.id, self.goal, before, tools])

    @cached_property
    def check_digest(self) -> str:
        """Equal for two cases whose checks do the same, within one version of Python."""
        return _digest(described(self.check))


@dataclass(frozen=True)
class Task:
    """Cases under a name.

    Raises:
        ValueError: there is no case, or two have the same id.
    """

    name: str
    cases: tuple[Case, ...]
    max_steps: int | None = None
    """The most model calls a case may take, unless a flag says otherwise."""

    def __post_init__(self) -> None:
        ids = [case.id for case in self.cases]
        if not ids:
            raise ValueError(f"task {self.name!r} has no cases")
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"task {self.name!r} has two cases called {twice[0]!r}")

    @cached_property
    def digest(self) -> str:
        """Changes with any case: with what an agent is shown, and with what its check accepts."""
        return _digest(
            [
                (
                    *(case.digest, case.family, sorted(case.tags), described(case.check)),
                    *sorted((name, described(sign)) for name, sign in case.signs.items()),
                )
                for case in self.cases
            ]
        )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
