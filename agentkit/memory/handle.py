"""One person's part of an open memory file: what everything that is remembered of them goes through."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.core.documents import Embeddings
from agentkit.core.errors import NotRemembered, UsageError
from agentkit.journal.database import Database
from agentkit.journal.redact import Redactor
from agentkit.memory.entities import Tagger
from agentkit.memory.lifetime import Lifetime

MOST_NAME = 200
"""Characters of a tenant, a person or a conversation."""


def _nothing_expires(seconds: float) -> None:
    """Where things are kept for ever."""


@dataclass(frozen=True, slots=True)
class Handle:
    """The file, and whose part of it this is: no statement is made without `scope`."""

    database: Database
    tenant: str
    person: str
    redactor: Redactor
    clock: Callable[[], float]
    tagger: Tagger
    embeddings: Embeddings | None = None
    lifetime: Lifetime | None = None
    """How long things are kept, by all that have the file open in this way; `None` is for ever."""
    expire: Callable[[float], float | None] = _nothing_expires
    """Forgets what is older than these seconds, whoever it is of; see `Lifetime.look`."""

    @property
    def scope(self) -> int:
        """The number of this scope, or zero, which is nobody's, while nothing is remembered in it."""
        row = self.database.one(
            "SELECT id FROM scopes WHERE tenant = ? AND person = ?", (self.tenant, self.person)
        )
        return row[0] if row else 0

    def made(self) -> int:
        """The number of this scope, which is made if need be, within a transaction."""
        self.database.connection.execute(
            "INSERT OR IGNORE INTO scopes (tenant, person) VALUES (?, ?)", (self.tenant, self.person)
        )
        return self.scope

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query whose first parameter is the scope."""
        self.look()
        return self.database.all(sql, (self.scope, *parameters))

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first row of a query whose first parameter is the scope, or `None`."""
        self.look()
        return self.database.one(sql, (self.scope, *parameters))

    def look(self) -> None:
        """Let what is too old go before anything is read; within a transaction it is for the next time."""
        if self.lifetime is not None and not self.database.connection.in_transaction:
            self.lifetime.look(self.clock(), self.expire)

    def missing(self, what: str, number: int) -> NotRemembered:
        """The error for an id that names nothing here, whether or not it names something elsewhere."""
        return NotRemembered(f"there is no {what} {number} of {self.person}; agentkit memory list shows all")


def checked_name(what: str, name: str) -> str:
    """The name, which is one line.

    Raises:
        UsageError: it is empty, too long, or has control characters in it.
    """
    if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
        raise UsageError(
            f"{what} = {name[:40]!r} cannot be; it must be one line of at most {MOST_NAME} characters"
        )
    return name
