"""Conversations out of memory and into it, as files that LangChain reads and writes."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agentkit.cli.whose_memory import asked_scope, named_scope
from agentkit.cli.words import counted
from agentkit.core.errors import UsageError
from agentkit.memory.langchain_messages import history_from_langchain, history_to_langchain


def export_history(name: str, file: str | None, flags: Mapping[str, Any]) -> None:
    """Write a conversation to a new file, or to standard output.

    Raises:
        UsageError: there is no such conversation, or the file is there already.
    """
    with asked_scope(flags) as scope:
        messages = scope.conversation(name).messages()
    if not messages:
        raise UsageError(f"no conversation {name!r} is remembered; agentkit memory list names them")
    text = history_to_langchain(messages)
    if file is None:
        click.echo(text)
        return
    try:
        with Path(file).open("x", encoding="utf-8") as opened:
            opened.write(text + "\n")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; name a new file") from error
    click.echo(f"wrote {counted(len(messages), 'message')} to {file}")


def import_history(file: str, name: str, flags: Mapping[str, Any]) -> None:
    """Remember the messages of a file as a conversation.

    Raises:
        UsageError: the file cannot be read, or the conversation is there already.
    """
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    messages = history_from_langchain(raw)
    with named_scope(flags) as scope:
        talk = scope.conversation(name)
        if talk.kept():
            raise UsageError(f"a conversation {name!r} is remembered already; name another with --as")
        talk.add(*messages)
    click.echo(f"remembered {counted(len(messages), 'message')} as {name}")
