"""What `agentkit memory` and the conversation's `/memory` and `/forget` do and print."""

import asyncio
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from agentkit.assembly import scope_of
from agentkit.cli.words import clipped, counted, json_line, moment, on_one_line, printable, seconds_of
from agentkit.core.errors import UsageError
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, UserMessage
from agentkit.memory.conversation import Kept
from agentkit.memory.fact import Fact, Origin, Written
from agentkit.memory.forgetting import Receipt
from agentkit.memory.hygiene import Hygiene
from agentkit.memory.scope import Scope
from agentkit.memory.store import NO_TENANT, Memory
from agentkit.settings import Settings, load_settings

BY_HAND = "by hand"
"""The conversation that holds what a person told the memory directly."""
_MINUTE = "%Y-%m-%d %H:%M"


def list_memory(flags: Mapping[str, Any], output: str) -> None:
    """Print the facts that hold and the conversations; of several people, who they are."""
    with _file(flags) as (settings, opened):
        people = opened.people() if opened is not None else ()
        if opened is not None and (settings.memory is not None or len(people) == 1):
            scope = _whose(settings, opened)
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
            click.echo(on_one_line(_called(tenant, person)))
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
            click.echo(_dated(one))


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
        for line in (*map(fact_line, known.facts), *map(_dated, known.said)):
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


@contextmanager
def named_scope(flags: Mapping[str, Any]) -> Generator[Scope]:
    """The memory that the settings name, made if need be.

    Raises:
        UsageError: it is not said whose it is.
    """
    settings = load_settings(flags)
    if settings.memory is None:
        raise UsageError("whose memory is it? Say --memory NAME, or set memory in your config.toml")
    with Memory.open(settings.memory_file) as opened:
        yield scope_of(opened, settings.memory)


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


@contextmanager
def memory_of(settings: Settings) -> Generator[Scope]:
    """The memory that a conversation of these settings has.

    Raises:
        UsageError: it has none.
    """
    if settings.memory is None:
        raise UsageError("this conversation has no memory; begin with agentkit --memory NAME to have one")
    with Memory.open(settings.memory_file) as opened:
        yield scope_of(opened, settings.memory)


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
        for line in _checked(found):
            click.echo(line)


def listed(scope: Scope) -> Iterator[str]:
    """The facts that hold, and the conversations, a line each."""
    facts, talks = scope.facts.now(), scope.conversations()
    yield f"{_called(scope.handle.tenant, scope.handle.person)}: {counted(len(facts), 'fact')}, " + counted(
        len(talks), "conversation"
    )
    yield from map(fact_line, facts)
    for talk in talks:
        said = counted(talk.messages, "message")
        yield f"        {moment(talk.last, _MINUTE)}  {on_one_line(talk.name)}  {said}"


async def searched(scope: Scope, question: str, limit: int = 5) -> list[str]:
    """What bears on a question, a line each; what was said stands between its neighbours."""
    recalled = await scope.recall(question, limit=limit)
    lines = list(map(fact_line, recalled.facts))
    for found in recalled.found:
        lines.append(f"{moment(found.kept.at, _MINUTE)}  {on_one_line(found.kept.conversation)}")
        lines += [f"{one.id:>6}  {_spoken(one)}" for one in found.around]
    return lines or ["nothing that is remembered bears on that"]


def fact_line(fact: Fact) -> str:
    """A fact on one line, with its number, who says so, and since when."""
    origin = "you said so" if fact.origin is Origin.PERSON else str(fact.origin)
    source = f", after {clipped(fact.untrusted, 40)}" if fact.untrusted else ""
    since = moment(fact.valid_from, "%Y-%m-%d")
    return f"{fact.id:>6}  {clipped(fact.text, 100)}  ({origin}{source}, since {since})"


def receipt_lines(receipt: Receipt) -> Iterator[str]:
    """What was forgotten, and where else it may still be recorded."""
    if receipt.nothing:
        yield "there was nothing to forget"
        return
    parts = (counted(receipt.messages, "message"), counted(receipt.facts, "fact"))
    yield f"forgot {' and '.join(parts)}, and " + (
        "no byte of it is left in the file"
        if receipt.erased
        else "its bytes go when the file is next opened: another process is reading it now"
    )
    if runs := [name for name in receipt.conversations if name != BY_HAND]:
        named = clipped(", ".join(runs), 200)
        yield f"the journal of runs is not touched, and may hold {named}; see agentkit runs rm"


def _checked(found: Hygiene) -> Iterator[str]:
    yield f"{counted(found.messages, 'message')}, {found.said_again:,} of them said before"
    yield f"{counted(found.facts, 'fact')}, {found.never_recalled:,} never recalled"
    groups = [("doubted", found.doubted), ("the same twice?", found.alike)]
    for what, facts in groups:
        for group in facts:
            yield f"{what}: " + " / ".join(f"{one.id} {clipped(one.text, 60)}" for one in group)
    if found.groundless:
        yield f"without a message that says so: {', '.join(str(one.id) for one in found.groundless)}"
    if found.secrets:
        yield f"messages with what looks like a secret: {', '.join(map(str, found.secrets))}"


@contextmanager
def _file(flags: Mapping[str, Any]) -> Generator[tuple[Settings, Memory | None]]:
    """The memory of the settings; `None` where there is no file: to look at one makes none."""
    settings = load_settings(flags)
    if not settings.memory_file.exists():
        yield settings, None
        return
    with Memory.open(settings.memory_file) as opened:
        yield settings, opened


@contextmanager
def asked_scope(flags: Mapping[str, Any]) -> Generator[Scope]:
    """The memory that the settings name, or the only one that is there; none is made.

    Raises:
        UsageError: nothing is remembered, or of several people and none is named.
    """
    with _file(flags) as (settings, opened):
        if opened is None:
            raise UsageError(
                f"nothing is remembered in {settings.memory_file}; a run remembers with --memory NAME, and "
                "--memory-file names another file"
            )
        yield _whose(settings, opened)


def _whose(settings: Settings, opened: Memory) -> Scope:
    """The memory that the settings name, or the only one.

    Raises:
        UsageError: none is named and there are several, or none.
    """
    if settings.memory is not None:
        return scope_of(opened, settings.memory)
    people = opened.people()
    if len(people) != 1:
        names = ", ".join(_called(tenant, person) for tenant, person in people) or "none yet"
        raise UsageError(f"whose memory is it? Say --memory NAME; there is {names}")
    ((tenant, person),) = people
    return opened.of(person, tenant)


def _called(tenant: str, person: str) -> str:
    return person if tenant == NO_TENANT else f"{tenant}/{person}"


def _dated(one: Kept) -> str:
    return f"{one.id:>6}  {moment(one.at, _MINUTE)}  {_spoken(one)}"


def _spoken(one: Kept) -> str:
    calls = [call.name for call in one.message.calls] if isinstance(one.message, AssistantMessage) else []
    text = clipped(printable(one.message.text), 160)
    return f"{_speaker(one.message)}: {' '.join(filter(None, (text, *(f'[{call}]' for call in calls))))}"


def _speaker(message: Message) -> str:
    match message:
        case UserMessage():
            return "you"
        case AssistantMessage():
            return "agent"
        case SystemMessage():
            return "rules"
        case _:
            return f"{message.name}"
