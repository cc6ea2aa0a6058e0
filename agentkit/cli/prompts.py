"""`agentkit prompts`: the words that agents are given, whose they are, and what they replace."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import click

from agentkit.assembly import prompts_of
from agentkit.cli.words import call_text, clipped, padded, printable
from agentkit.core.errors import PromptError
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.prompts.library import OURS, Library
from agentkit.settings import load_settings

DIFFERENT = 1
"""The exit code when there is a difference, as that of diff."""


def list_prompts(flags: Mapping[str, Any]) -> None:
    """Print each prompt's name, version, whose it is, and whose it stands in place of."""
    library = _library(flags)
    entries = library.entries()
    width = max(len(entry.name) for entry in entries)
    for entry in entries:
        try:
            version = library.load(entry.name).used.version
        except PromptError as error:
            click.echo(f"{entry.name:<{width}}  not usable: {clipped(str(error), 160)}")
            continue
        overrides = f"  overrides {', '.join(entry.overrides)}" if entry.overrides else ""
        click.echo(f"{entry.name:<{width}}  {padded(version, 7)}  {entry.origin:<7}{overrides}".rstrip())


def show_prompt(name: str, values: Sequence[str], flags: Mapping[str, Any], *, render: bool) -> None:
    """Print a prompt's file, or the messages that it makes of the values."""
    library = _library(flags)
    if not render and not values:
        text = next(iter(library.texts(name).values()))
        click.echo(printable(text), nl=not text.endswith("\n"))
        return
    prompt = library.load(name)
    given = dict(map(_pair, values))
    if prompt.is_message:
        click.echo(printable(prompt.message(given)))
        return
    for message in prompt.render(given):
        click.echo(_spoken(message))


def diff_prompt(name: str, flags: Mapping[str, Any]) -> int:
    """Print how the prompt that is used differs from ours; the exit code is that of diff."""
    texts = _library(flags).texts(name)
    if OURS not in texts:
        raise PromptError(f"{name} is not one of our prompts, so there is nothing that it differs from")
    origin = next(iter(texts))
    lines = difflib.unified_diff(
        texts[OURS].splitlines(), texts[origin].splitlines(), f"ours/{name}", f"{origin}/{name}", lineterm=""
    )
    found = [printable(line) for line in lines]
    for line in found:
        click.echo(line)
    return DIFFERENT if found else 0


def _library(flags: Mapping[str, Any]) -> Library:
    return prompts_of(load_settings(flags))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise PromptError(f"{text!r} fills nothing in; it must be a place and its value, such as goal=tidy")
    return name, value


def _spoken(message: Message) -> str:
    """A message under the name of who says it."""
    match message:
        case SystemMessage(text):
            return f"[system]\n{printable(text)}\n"
        case UserMessage(text):
            return f"[user]\n{printable(text)}\n"
        case ToolMessage():
            return f"[result]\n{printable(message.text)}\n"
        case AssistantMessage():
            calls = "".join(f"{call_text(call)}\n" for call in message.calls)
            words = f"{printable(message.text)}\n" if message.text else ""
            return f"[assistant]\n{words}{calls}"
