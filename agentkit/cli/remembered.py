"""What `agentkit memory` does and prints."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import click

from agentkit.cli.memory_lines import (
    BY_HAND,
    checked_lines,
    fact_line,
    listed,
    message_line,
    receipt_lines,
    searched,
)
from agentkit.cli.whose_memory import asked_scope, called, file_of, memory_of, named_scope, whose
from agentkit.cli.words import clipped, counted, json_line, on_one_line, seconds_of
from agentkit.core.errors import UsageError
from agentkit.core.messages import UserMessage
from agentkit.memory.fact import Origin, Written
from agentkit.memory.scope import Scope
from agentkit.settings import Settings


def list_memory(flags: Mapping[str, Any], output: str) -> None:
    """Print the facts that hold and the conversations; of several people, who they are."""
    with file_of(flags) as (settings, opened):
        people = opened.people() if opened is not None else ()
        if opened is not None and (settings.memory is not None or len(people) == 1):
            scope = whose(settings, opened)
            if output == "json":
                click.echo(json_line({"facts": scope.facts.now(), "conversations": scope.conversations()}))
                return
            for line in listed(scope):
                click.echo(line)
            return
        if output == "json":
            click.echo(json_line([f"{tenant}/{person}" for tenant, person in people]))
            return
        for tenant, person in people:
            click.echo(on_one_line(called(tenant, person)))
        if not people:
            click.echo(f"nothing is remembered in {settings.memory_file}")


def show_conversation(name: str, flags: Mapping[str, Any], output: str) -> None:
    """Print what was said in a conversation.

    Raises:
        UsageError: there is none of that name.
    """
    with asked_scope(flags) as scope:
        kept = scope.conversation(name).kept()
        if not kept:
            newest = ", ".join(talk.name for talk in scope.conversations()[-5:]) or "none"
            raise UsageError(f"no conversation {name!r} is remembered; the newest are {newest}")
        if output == "json":
            click.echo(json_line(kept))
            return
        for one in kept:
            click.echo(message_line(one))


def search_memory(question: str, limit: int, flags: Mapping[str, Any]) -> None:
    """Print what bears on a question."""
    with asked_scope(flags) as scope:
        for line in asyncio.run(searched(scope, question, limit)):
            click.echo(line)


def tell_about(name: str, flags: Mapping[str, Any]) -> None:
    """Print what is known of somebody, and where they were last named."""
    with asked_scope(flags) as scope:
        known = scope.about(name)
        if not (known.facts or known.mentions):
            click.echo(f"nothing is remembered of {on_one_line(name)}")
            return
        click.echo(f"{on_one_line(name)} ({known.kind}), named in {counted(known.mentions, 'message')}")
        for line in (*map(fact_line, known.facts), *map(message_line, known.said)):
            click.echo(line)


def remember_by_hand(
    subject: str, attribute: str, value: str, flags: Mapping[str, Any], *, beside: bool
) -> None:
    """Remember a fact that the person tells."""
    with named_scope(flags) as scope:
        written = told_by_hand(scope, subject, attribute, value, beside=beside)
        before = ", ".join(one.value for one in written.ended)
        click.echo(f"{written.how}: {fact_line(written.fact).strip()}")
        if before:
            click.echo(f"before, it was {clipped(before, 100)}")


def told_by_hand(scope: Scope, subject: str, attribute: str, value: str, *, beside: bool) -> Written:
    """Remember a fact that the person tells, with their words as its ground."""
    said = f"{subject}: {attribute}: {value}"
    (source,) = scope.conversation(BY_HAND).add(UserMessage(said))
    return scope.facts.write(subject, attribute, value, message=source, quote=said, beside=beside)


def note_by_hand(settings: Settings, folder: str, note: str) -> str:
    """Keep a note of the person for a folder, and tell it as the fact that it is now."""
    with memory_of(settings) as scope:
        written = told_by_hand(scope, f"project {folder}", "note", note, beside=True)
        return fact_line(written.fact).strip()


def forget_from_memory(
    flags: Mapping[str, Any],
    *,
    facts: Sequence[int],
    messages: Sequence[int],
    conversation: str | None,
    name: str | None,
    everything: bool,
    yes: bool,
) -> None:
    """Forget what is named, once the person says yes, and print what that was."""
    with asked_scope(flags) as scope:
        if not yes:
            click.confirm(f"forget that of {scope.handle.person} for good?", abort=True, err=True)
        receipt = scope.forget(
            facts=facts, messages=messages, conversation=conversation, name=name, everything=everything
        )
        for line in receipt_lines(receipt):
            click.echo(line)


def expire_memory(ages: Mapping[Origin, str | None], messages: str | None, flags: Mapping[str, Any]) -> None:
    """Forget what is older than it may become, and print what that was."""
    most = {origin: _seconds(age) for origin, age in ages.items() if age is not None}
    with asked_scope(flags) as scope:
        receipt = scope.expire(facts=most, messages=None if messages is None else _seconds(messages))
        for line in receipt_lines(receipt):
            click.echo(line)


def _seconds(age: str) -> float:
    seconds = seconds_of(age)
    if seconds is None:
        raise UsageError(f"{age!r} is no age; it must be like 12h, 30d or 8w")
    return seconds


def check_memory(flags: Mapping[str, Any], output: str) -> None:
    """Print how sound the memory is."""
    with asked_scope(flags) as scope:
        found = scope.hygiene()
        if output == "json":
            click.echo(json_line(found))
            return
        for line in checked_lines(found):
            click.echo(line)
