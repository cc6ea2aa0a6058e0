"""Whose memory a command is about, and that memory, open."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from agentkit.assembly import scope_of
from agentkit.assembly.encoders import later_encoder
from agentkit.core.errors import UsageError
from agentkit.memory.scope import Scope
from agentkit.memory.store import NO_TENANT, Memory
from agentkit.settings import Settings, load_settings


@contextmanager
def named_scope(flags: Mapping[str, Any]) -> Generator[Scope]:
    """The memory that the settings name, made if need be.

    Raises:
        UsageError: it is not said whose it is.
    """
    settings = load_settings(flags)
    if settings.memory is None:
        raise UsageError("whose memory is it? Say --memory NAME, or set memory in your config.toml")
    with _opened(settings) as opened:
        yield scope_of(opened, settings.memory)


@contextmanager
def memory_of(settings: Settings) -> Generator[Scope]:
    """The memory that a conversation of these settings has.

    Raises:
        UsageError: it has none.
    """
    if settings.memory is None:
        raise UsageError("this conversation has no memory; begin with agentkit --memory NAME to have one")
    with _opened(settings) as opened:
        yield scope_of(opened, settings.memory)


@contextmanager
def asked_scope(flags: Mapping[str, Any]) -> Generator[Scope]:
    """The memory that the settings name, or the only one that is there; none is made.

    Raises:
        UsageError: nothing is remembered, or of several people and none is named.
    """
    with file_of(flags) as (settings, opened):
        if opened is None:
            raise UsageError(
                f"nothing is remembered in {settings.memory_file}; a run remembers with --memory NAME, and "
                "--memory-file names another file"
            )
        yield whose(settings, opened)


@contextmanager
def file_of(flags: Mapping[str, Any]) -> Generator[tuple[Settings, Memory | None]]:
    """The memory of the settings; `None` where there is no file: to look at one makes none."""
    settings = load_settings(flags)
    if not settings.memory_file.exists():
        yield settings, None
        return
    with _opened(settings) as opened:
        yield settings, opened


def _opened(settings: Settings) -> Memory:
    return Memory.open(settings.memory_file, embeddings=later_encoder(settings), days=settings.memory_days)


def whose(settings: Settings, opened: Memory) -> Scope:
    """The memory that the settings name, or the only one.

    Raises:
        UsageError: none is named and there are several, or none.
    """
    if settings.memory is not None:
        return scope_of(opened, settings.memory)
    people = opened.people()
    if len(people) != 1:
        names = ", ".join(called(tenant, person) for tenant, person in people) or "none yet"
        raise UsageError(f"whose memory is it? Say --memory NAME; there is {names}")
    ((tenant, person),) = people
    return opened.of(person, tenant)


def called(tenant: str, person: str) -> str:
    """A person, with their tenant if they have one, as --memory takes them."""
    return person if tenant == NO_TENANT else f"{tenant}/{person}"
