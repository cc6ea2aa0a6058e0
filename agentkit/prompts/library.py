"""Prompt files by name: `agent/small` is `agent/small.md`, the user's own folder before ours.

A file is Markdown with YAML front matter: `version`, an optional `user` template for the first
user message, and optional `examples`, a conversation shown before it. The body is the system
message. The digest covers the whole file, so a journal tells which words a run was given.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, cast

from agentkit.core.errors import PromptError
from agentkit.core.events import PromptUsed
from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.prompts.template import Template


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation's beginning, as a file says it."""

    used: PromptUsed
    system: Template
    user: Template = field(default_factory=lambda: Template("{goal}"))
    examples: tuple[Message, ...] = ()

    def render(self, values: Mapping[str, str]) -> tuple[Message, ...]:
        """The opening messages.

        Raises:
            PromptError: a place has no value, or a value no place in either template.
        """
        places = self.system.variables | self.user.variables
        if unused := sorted(set(values) - places):
            raise PromptError(f"prompt {self.used.name} has no place for {', '.join(unused)}")

        def fill(template: Template) -> str:
            return template.render({name: values[name] for name in template.variables if name in values})

        return (SystemMessage(fill(self.system)), *self.examples, UserMessage(fill(self.user)))


def load_prompt(name: str, folders: Sequence[Path] = ()) -> Prompt:
    """The prompt called `name`, from the first of `folders` that has it, else from ours.

    Raises:
        PromptError: there is none, or its file is not a prompt.
    """
    shipped = files("agentkit_prompts")
    places: list[Path | Traversable] = [*folders, shipped]
    for place in places:
        file = place.joinpath(*f"{name}.md".split("/"))
        if file.is_file():
            return parse_prompt(name, file.read_text(encoding="utf-8"), str(file))
    raise PromptError(f"no prompt {name!r}; known: {', '.join(sorted(_names(shipped)))}")


def parse_prompt(name: str, text: str, origin: str) -> Prompt:
    """A prompt from its file's text; `origin` names the file in errors.

    Raises:
        PromptError: saying what of the file is not as it should be.
    """
    import yaml

    parts = text.split("---\n", 2)
    if len(parts) != 3 or parts[0].strip():
        raise PromptError(f"{origin}: a prompt begins with front matter between two lines of ---")
    try:
        head = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        raise PromptError(f"{origin}: the front matter is not YAML: {error}") from error
    if not isinstance(head, dict) or "version" not in head:
        raise PromptError(f"{origin}: the front matter must give a version")
    front = cast("dict[str, Any]", head)
    if unknown := sorted(set(front) - {"version", "user", "examples"}):
        raise PromptError(f"{origin}: unknown key {unknown[0]!r}; known: version, user, examples")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Prompt(
        used=PromptUsed(name, str(front["version"]), digest),
        system=Template(parts[2].strip()),
        user=Template(str(front.get("user", "{goal}")).strip()),
        examples=tuple(_examples(front.get("examples", []), origin)),
    )


def _examples(turns: Any, origin: str) -> list[Message]:
    """The example conversation: each turn is one of user, call, result, error, answer."""
    messages: list[Message] = []
    calls = 0
    for turn in turns:
        match turn:
            case {"user": str(text)}:
                messages.append(UserMessage(text.strip()))
            case {"answer": str(text)}:
                messages.append(AssistantMessage(text=text.strip()))
            case {"call": str(name), **arguments}:
                calls += 1
                call = ToolCall(f"example_{calls}", name, cast("dict[str, Any]", arguments))
                messages.append(AssistantMessage(calls=(call,)))
            case {"result": str(text)} | {"error": str(text)}:
                failed = "error" in cast("dict[str, str]", turn)
                messages.append(ToolMessage(f"example_{calls}", "example", text.rstrip("\n"), failed))
            case _:
                raise PromptError(
                    f"{origin}: an example is user, call, result, error or answer, found {turn!r}"
                )
    return messages


def _names(folder: Traversable, prefix: str = "") -> list[str]:
    found: list[str] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _names(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".md"):
            found.append(prefix + item.name.removesuffix(".md"))
    return found
