"""What begins with a slash: which command is meant, and never one that is only similar."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, TypeVar

_Told = TypeVar("_Told")
"""What a command is told to."""

_COMMAND = re.compile(r"/([a-z]*)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Command(Generic[_Told]):
    """Something the person can tell the conversation itself."""

    name: str
    arguments: str
    about: str
    run: Callable[[_Told, str], Awaitable[None]]
    at_work: bool = False
    """Whether it can be done while the agent works; what cannot is refused then, and never kept for later."""


def split(text: str) -> tuple[str, str] | None:
    """The command's name as it was typed, and the rest; `None` for a message, such as one about /etc/hosts.

    >>> split("/model openai:x"), split("/etc/hosts is odd")
    (('model', 'openai:x'), None)
    """
    found = _COMMAND.fullmatch(text.strip())
    return (found[1], (found[2] or "").strip()) if found else None


def meant(name: str, commands: Mapping[str, Command[_Told]]) -> Command[_Told] | str:
    """The command of that name, or the only one that begins so; else what there is, in words."""
    if name in commands:
        return commands[name]
    fitting = [one for one in commands if one.startswith(name)]
    if len(fitting) == 1:
        return commands[fitting[0]]
    if fitting and name:
        return f"/{name} can be {_listed(fitting)}"
    near = get_close_matches(name, commands, n=2, cutoff=0.5) or sorted(commands)
    return f"there is no /{name}; there is {_listed(near)}"


def _listed(names: list[str]) -> str:
    return ", ".join(f"/{one}" for one in names)
