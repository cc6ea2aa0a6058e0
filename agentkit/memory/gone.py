"""What was forgotten is known again by a mark, so that no record of a run brings it back.

A mark is a hash of whose it was, of the conversation and of the message's key. It holds no name and no word:
only who knows all three can tell that it stands for them.
"""

import hashlib
import sqlite3
from collections.abc import Iterable

import msgspec


def mark(tenant: str, person: str, key: str, conversation: str = "") -> bytes:
    """What stands for a message that was forgotten, 16 bytes.

    Args:
        tenant: Whose it was.
        person: Whose it was.
        key: That of the message, such as its place and time in a run.
        conversation: Which it was in; empty for a mark that is the same in all of them.
    """
    said = msgspec.json.encode([tenant, person, conversation, key])
    return hashlib.blake2b(said, digest_size=16).digest()


def mark_all(
    connection: sqlite3.Connection, tenant: str, person: str, keys: Iterable[tuple[str, str]]
) -> None:
    """Note within a transaction that messages were forgotten, each by its conversation and key."""
    marks = [
        (mark(tenant, person, key, place),) for conversation, key in keys for place in (conversation, "")
    ]
    connection.executemany("INSERT OR IGNORE INTO gone (mark) VALUES (?)", marks)
