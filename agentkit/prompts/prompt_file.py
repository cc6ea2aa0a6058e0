"""One prompt file: Markdown with YAML front matter.

The front matter gives a `version`, and for the opening of a conversation what may be left out: a `user`
template for the first user message (the goal alone), `examples`, a conversation shown before it, and
`profiled`, the prompt that stands in this one's place when a person gave the agent a profile. The body
is the system message of an opening, or all of a prompt that is one message. The digest covers the whole
file, so a journal tells which words a run was given.
"""

import hashlib
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from agentkit.core.errors import FrontMatterError, PromptError
from agentkit.core.events import PromptUsed
from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.template import Template
from agentkit.front_matter import parted

KEYS = ("version", "user", "examples", "profiled")

_GOAL = Template("{goal}")
"""The first user message of a prompt that says nothing of it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation's beginning, or one message of it, as a file says it."""

    used: PromptUsed
    body: Template
    user: Template | None = None
    examples: tuple[Message, ...] = ()
    profiled: str = ""

    @property
    def variables(self) -> frozenset[str]:
        """Every place of the opening."""
        return self.body.variables | self._first.variables

    @property
    def is_message(self) -> bool:
        """Whether it says nothing of an opening but its body: then it may as well be one message."""
        return self.user is None and not self.examples

    @property
    def _first(self) -> Template:
        return self.user if self.user is not None else _GOAL

    def render(self, values: Mapping[str, str]) -> tuple[Message, ...]:
        """The opening messages.

        Raises:
            PromptError: a place has no value, or a value no place in either template.
        """
        if unused := sorted(set(values) - self.variables):
            raise PromptError(f"prompt {self.used.name} has no place for {', '.join(unused)}")

        def fill(template: Template) -> str:
            return template.render({name: values[name] for name in template.variables if name in values})

        return (SystemMessage(fill(self.body)), *self.examples, UserMessage(fill(self._first)))

    def message(self, values: Mapping[str, str]) -> str:
        """The body alone, for a prompt that is one message.

        Raises:
            PromptError: a place has no value, or a value no place.
        """
        try:
            return self.body.render(values)
        except PromptError as error:
            raise PromptError(f"prompt {self.used.name}: {error}") from error


@lru_cache(maxsize=64)  # a program that makes thousands of runs reads the same few files
def parse_prompt(name: str, text: str, file: str, origin: str = "ours") -> Prompt:
    """A prompt from its file's text.

    Args:
        name: How it is asked for.
        text: The whole file.
        file: Named in errors.
        origin: Whose it is: project, user or ours.

    Raises:
        PromptError: saying what of the file is not as it should be.
    """
    front, body = _parts(text, file)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Prompt(
        used=PromptUsed(name, _version(front, file), digest, origin),
        body=Template(body.strip()),
        user=Template(_text(front, "user", file).strip()) if "user" in front else None,
        examples=tuple(_examples(front.get("examples", []), file)),
        profiled=_text(front, "profiled", file),
    )


def _parts(text: str, file: str) -> tuple[dict[str, Any], str]:
    try:
        front, body = parted(text.lstrip(), file)
    except FrontMatterError as error:
        raise PromptError(str(error)) from error
    if front is None:
        raise PromptError(f"{file}: a prompt begins with front matter between two lines of ---")
    if "version" not in front:
        raise PromptError(f"{file}: the front matter must give a version")
    if unknown := sorted(str(key) for key in set(front) - set(KEYS)):
        raise PromptError(f"{file}: unknown key {unknown[0]!r}; known: {', '.join(KEYS)}")
    return front, body


def _version(front: Mapping[str, Any], file: str) -> str:
    version = front["version"]
    if isinstance(version, bool) or not isinstance(version, str | int | float):
        raise PromptError(f"{file}: version is {_shown(version)}; it must be text or a number")
    return str(version)


def _text(front: Mapping[str, Any], key: str, file: str) -> str:
    text = front.get(key, "")
    if not isinstance(text, str):
        raise PromptError(f"{file}: {key} is {_shown(text)}; it must be text")
    return text


def _examples(turns: Any, file: str) -> list[Message]:
    """The example conversation: each turn is one of user, call, result, error, answer."""
    if not isinstance(turns, list):
        raise PromptError(f"{file}: examples is {_shown(turns)}; it must be a list")
    messages: list[Message] = []
    calls = 0
    for turn in cast("list[Any]", turns):
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
                    f"{file}: an example is user, call, result, error or answer, found {_shown(turn)}"
                )
    return messages


def _shown(value: object) -> str:
    # a few lines of YAML can stand for a value that has no end when it is written out
    return reprlib.repr(value)
