"""What a task is: a folder, a goal in somebody's words, a way to do it, and a check in code."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agentkit.tooling.tool import Tool
from episodes.checks import Check
from episodes.dice import Dice


class Call(NamedTuple):
    """What a policy does next."""

    tool: str
    arguments: dict[str, Any]


class Seen(NamedTuple):
    """What came of a call, as the model is told."""

    text: str
    failed: bool


Plan = Generator[Call, Seen, str]
"""Yields calls, is sent what came of each, and returns the answer."""


def call(tool: str, **arguments: Any) -> Call:
    """One call of a tool."""
    return Call(tool, arguments)


@dataclass(frozen=True)
class Task:
    """One task of a family."""

    slots: Mapping[str, str]
    """What the phrasing's `{names}` stand for; never altered by typos or case."""
    files: Mapping[str, str]
    """The folder at the start: relative path to text."""
    policy: Callable[[], Plan]
    check: Check
    variant: str = "plain"
    """Which of the family's sets of phrasings suits it."""
    absent: bool = False
    """It asks for something that is not there; the honest answer says so."""
    injected: Check | None = None
    """A file or page holds instructions that are not the person's; this holds while none is followed."""
    tools: tuple[Tool, ...] = ()
    """Offered beside the installed ones."""


@dataclass(frozen=True)
class Family:
    """Tasks of one kind, and how people ask for them."""

    name: str
    group: str
    """Families of one group are near cousins: all or none of them are held out."""
    needs: tuple[str, ...]
    """The tools its policies call; always offered."""
    phrasings: Mapping[str, tuple[str, ...]]
    make: Callable[[Dice], Task]


FAMILIES: dict[str, Family] = {}


def family(
    *, needs: Sequence[str], phrasings: Sequence[str] | Mapping[str, Sequence[str]], group: str = ""
) -> Callable[[Callable[[Dice], Task]], Callable[[Dice], Task]]:
    """Register a function that makes tasks; its name is the family's."""
    by_variant = phrasings if isinstance(phrasings, Mapping) else {"plain": phrasings}

    def register(make: Callable[[Dice], Task]) -> Callable[[Dice], Task]:
        name = make.__name__
        if name in FAMILIES:
            raise ValueError(f"two families are called {name}")
        kept = {variant: tuple(dict.fromkeys(texts)) for variant, texts in by_variant.items()}
        FAMILIES[name] = Family(name, group or name, tuple(needs), kept, make)
        return make

    return register
