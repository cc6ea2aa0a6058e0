"""What a message is found by: its words and the names in it."""

import sqlite3
from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from agentkit.core.messages import AssistantMessage, Message, UserMessage
from agentkit.documents.analyse import terms
from agentkit.memory.entities import Tagger
from agentkit.memory.names.entity import Entity
from agentkit.memory.normal import normal


class Indexed(Struct, frozen=True):
    """How often each word stands in a text, and the names in it."""

    counts: Mapping[str, int]
    names: Mapping[str, Entity]
    """By the form in which names are compared."""

    @property
    def words(self) -> int:
        """How many words it has."""
        return sum(self.counts.values())

    def write(self, connection: sqlite3.Connection, scope: int, message: int) -> None:
        """Put it into the file, within a transaction."""
        connection.executemany(
            "INSERT INTO terms (scope, term, message, count) VALUES (?, ?, ?, ?)",
            [(scope, term, message, count) for term, count in self.counts.items()],
        )
        connection.executemany(
            "INSERT INTO mentions (scope, entity, message, name, kind) VALUES (?, ?, ?, ?, ?)",
            [(scope, key, message, one.name, one.kind) for key, one in self.names.items()],
        )


def indexed(message: Message, tagger: Tagger) -> Indexed | None:
    """What the message is found by; nothing finds instructions and results, which nobody said."""
    if not isinstance(message, UserMessage | AssistantMessage) or not message.text.strip():
        return None
    names = {normal(one.name): one for one in reversed(tagger.entities(message.text))}
    return Indexed(Counter(terms(message.text)), names)
