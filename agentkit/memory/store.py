"""A memory file: opened once, asked through one person's scope at a time."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from agentkit.core.documents import Embeddings
from agentkit.core.errors import UsageError
from agentkit.journal.database import Database
from agentkit.journal.redact import Redactor
from agentkit.memory.entities import RuleTagger, Tagger
from agentkit.memory.forgetting import erase_what_is_left, expire_all, traces
from agentkit.memory.handle import Handle, checked_name
from agentkit.memory.lifetime import Lifetime
from agentkit.memory.schema import KIND, STEPS
from agentkit.memory.scope import Scope

NO_TENANT = "local"
"""The tenant of those who have none."""


class Memory:
    """What is remembered of any number of people, in one SQLite file.

    >>> import tempfile
    >>> from agentkit.core.messages import UserMessage
    >>> with tempfile.TemporaryDirectory() as folder, Memory.open(Path(folder, "memory.db")) as memory:
    ...     talk = memory.of("ann").conversation("monday")
    ...     _ = talk.add(UserMessage("I live in Oslo"))
    ...     [one.text for one in memory.of("ann").conversation("monday").messages()]
    ['I live in Oslo']
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        redact: Redactor | None = None,
        tagger: Tagger | None = None,
        embeddings: Embeddings | None = None,
        clock: Callable[[], float] = time.time,
        days: float | None = None,
    ) -> Self:
        """Open the file, made when it is not there; any number of processes may have it open.

        Args:
            path: The file; only its owner can read it.
            redact: Takes secrets out of what is remembered.
            tagger: Finds names in what is said; rules by default.
            embeddings: Find what is meant, beside words; without them words alone do.
            clock: Seconds since the epoch.
            days: For how long things are kept. What is older is forgotten with its bytes, whoever it is of:
                now, and while the file is open within a twenty-fourth of that time. `None` is for ever.

        Raises:
            MemoryUnusable: it is no memory, is damaged, or cannot be opened.
            UsageError: the days are not above zero.
        """
        database = Database.open(Path(path), STEPS, marked=False, kind=KIND)
        try:
            with database.explained():
                # what is deleted is overwritten, and no copy of it goes to a temporary file
                database.connection.execute("PRAGMA secure_delete=ON")
                database.connection.execute("PRAGMA temp_store=MEMORY")
            erase_what_is_left(database)
        except BaseException:
            database.close()
            raise
        handle = Handle(
            database, NO_TENANT, "", redact or Redactor(), clock, tagger or RuleTagger(), embeddings
        )
        if days is not None:
            if not days > 0:
                database.close()
                raise UsageError(f"days = {days} cannot be; it must be above 0, or None for ever")
            handle = replace(handle, lifetime=Lifetime(days), expire=partial(expire_all, handle))
            handle.look()
        return cls(handle)

    def of(self, person: str, tenant: str = NO_TENANT) -> Scope:
        """What is remembered of one person, and of nobody else.

        Raises:
            UsageError: a name is no line.
        """
        named = replace(
            self._handle, tenant=checked_name("tenant", tenant), person=checked_name("person", person)
        )
        return Scope(named)

    def people(self) -> tuple[tuple[str, str], ...]:
        """Everybody of whom something is remembered: tenant and person."""
        rows = self._handle.database.all(
            "SELECT tenant, person FROM scopes s WHERE EXISTS (SELECT 1 FROM facts f WHERE f.scope = s.id) "
            "OR EXISTS (SELECT 1 FROM conversations c WHERE c.scope = s.id) ORDER BY tenant, person"
        )
        return tuple((tenant, person) for tenant, person in rows)

    @property
    def path(self) -> Path:
        """The file."""
        return self._handle.database.path

    def traces(self, text: str) -> int:
        """How often the bytes of a text stand in the files, whoever they belong to."""
        return traces(self.path, text)

    def close(self) -> None:
        """Close the file."""
        self._handle.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
