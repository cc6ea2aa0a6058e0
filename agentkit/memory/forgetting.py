"""Forgetting: a text and all that was made of it leave the file, and no copy of its bytes stays behind."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec import Struct

from agentkit.journal.database import Database
from agentkit.journal.kinds import PATIENCE
from agentkit.memory.entity import ids_of
from agentkit.memory.fact import Fact, Origin
from agentkit.memory.facts import Facts
from agentkit.memory.gone import mark_all
from agentkit.memory.handle import Handle
from agentkit.memory.normal import flattened, normal, normal_subject
from agentkit.memory.saying import every, looking_for, repeating, saying, telling
from agentkit.memory.schema import remove_empty

_WAIT = 500
"""Milliseconds for which a reader is waited for."""
_COUNT = """
import json, sys
forms = [bytes.fromhex(form) for form in json.load(sys.stdin)]
print(sum(open(name, "rb").read().count(form) for name in sys.argv[1:] for form in forms))
"""


class Receipt(Struct, frozen=True):
    """What was forgotten."""

    messages: int = 0
    facts: int = 0
    summaries: int = 0
    conversations: tuple[str, ...] = ()
    """Those that a message was in: what else recorded them is not forgotten by this."""
    erased: bool = True
    """Whether nothing of it is left in the files; what others read is erased at the next opening."""
    said_in: tuple[int, ...] = ()
    """Messages that stay and say the same: the value of a fact, or the name, that was to be forgotten."""
    known_in: tuple[int, ...] = ()
    """Facts that stay and say the same."""

    @property
    def nothing(self) -> bool:
        """Whether there was nothing to forget."""
        return not (self.messages or self.facts or self.summaries)


def forget(
    handle: Handle,
    *,
    messages: Iterable[int] = (),
    facts: Iterable[int] = (),
    conversation: str | None = None,
    name: str | None = None,
) -> Receipt:
    """Forget all that is named, at once; see `Scope.forget`.

    Raises:
        NotRemembered: an id names nothing of this person; then nothing is forgotten.
    """
    gone, known = _messages_of(handle, messages), _facts_of(handle, facts)
    # known on less weight before, or again since: it is the same that is to be forgotten
    same = {_told_by(one) for one in known}
    wanted = {one.id for one in (Facts(handle).every() if known else ()) if _told_by(one) in same}
    if conversation is not None:
        gone.update(row[0] for row in handle.all(f"{_MESSAGES} AND c.name = ?", (conversation,)))
    named = [name] if name is not None and normal(name) else []
    for one in named:
        tagged, about = ids_of(handle, one)
        gone.update(tagged, saying(every(handle), [one], exact=True))
        look = looking_for(one, exact=True)
        wanted.update(about, (fact.id for fact in Facts(handle).every() if look.search(flattened(fact.text))))
    return _erased(handle, gone, wanted, named)


def _messages_of(handle: Handle, messages: Iterable[int]) -> set[int]:
    wanted, here = set(messages), {row[0] for row in handle.all(_MESSAGES)}
    if unknown := wanted - here:
        raise handle.missing("message", min(unknown))
    return wanted


def _facts_of(handle: Handle, facts: Iterable[int]) -> list[Fact]:
    known = Facts(handle)
    return [known.get(one) for one in sorted(set(facts))]


def _told_by(fact: Fact) -> tuple[str, str, str]:
    """What a fact says, however it is written."""
    return normal_subject(fact.subject), normal(fact.attribute), normal(fact.value)


def forget_all(handle: Handle) -> Receipt:
    """Forget everything of this person."""
    messages = {row[0] for row in handle.all(_MESSAGES)}
    return _erased(handle, messages, {one.id for one in Facts(handle).every()})


def together(receipts: Sequence[Receipt]) -> Receipt:
    """What several receipts come to."""
    return Receipt(
        sum(one.messages for one in receipts),
        sum(one.facts for one in receipts),
        sum(one.summaries for one in receipts),
        tuple(dict.fromkeys(name for one in receipts for name in one.conversations)),
        erased=all(one.erased for one in receipts),
        said_in=tuple(sorted({message for one in receipts for message in one.said_in})),
        known_in=tuple(sorted({fact for one in receipts for fact in one.known_in})),
    )


def expire(
    handle: Handle, *, facts: Mapping[Origin, float] | None = None, messages: float | None = None
) -> Receipt:
    """Forget what is older than it may become.

    Args:
        handle: Whose.
        facts: For each origin the most seconds since a fact was recorded.
        messages: The most seconds since a message was said.
    """
    now = handle.clock()
    most = facts or {}
    old = {one.id for one in Facts(handle).every() if now - one.recorded > most.get(one.origin, float("inf"))}
    said = set[int]()
    if messages is not None:
        said = {row[0] for row in handle.all(f"{_MESSAGES} AND m.at < ?", (now - messages,))}
    return _erased(handle, said, old)


def expire_all(handle: Handle, seconds: float) -> float | None:
    """Forget of everybody what is older than these seconds.

    Returns:
        Since when the oldest of what is left is there, in seconds since the epoch; `None` of nothing.
    """
    ages = dict.fromkeys(Origin, seconds)
    for tenant, person in handle.database.all("SELECT tenant, person FROM scopes"):
        expire(replace(handle, tenant=tenant, person=person), facts=ages, messages=seconds)
    (oldest,) = handle.database.one(
        "SELECT min(at) FROM (SELECT min(at) AS at FROM messages UNION ALL SELECT min(recorded) FROM facts)"
    )
    return oldest


_MESSAGES = "SELECT m.id FROM messages m JOIN conversations c ON c.id = m.conversation WHERE c.scope = ?"


def _erased(
    handle: Handle, messages: Collection[int], facts: Collection[int], words: Sequence[str] = ()
) -> Receipt:
    """Delete rows and all that rests on them, what memory told of them, and then their bytes.

    Args:
        handle: Whose.
        messages: Ids of messages.
        facts: Ids of facts.
        words: What nothing should say any more, beside the values of the facts.
    """
    if not messages and not facts:
        return Receipt()
    database, scope = handle.database, handle.scope
    with database.transaction():
        execute = database.connection.execute
        kept, known, ids = every(handle), Facts(handle).every(), set(messages)
        # words that say nothing but a fact, as of one that was remembered by hand, go with it
        alone = {(one.message, one.text) for one in known if one.id in facts}
        ids.update(one.id for one in kept if (one.id, one.message.text) in alone)
        going = [one for one in known if one.id in facts or one.message in ids]
        ids.update(telling(kept, [one for one in kept if one.id in ids], going))
        stays = [one for one in kept if one.id not in ids]
        told_of = [*words, *(one.value for one in going)]
        said_in = saying(stays, told_of)
        known_in = repeating([one for one in known if one not in going], told_of)
        gone = msgspec.json.encode(sorted(ids)).decode()
        keys = execute(
            "SELECT c.name, m.key FROM messages m JOIN conversations c ON c.id = m.conversation "
            "WHERE m.key IS NOT NULL AND m.id IN (SELECT value FROM json_each(?))",
            (gone,),
        ).fetchall()
        mark_all(database.connection, handle.tenant, handle.person, keys)
        names = execute(
            "SELECT DISTINCT c.name FROM conversations c JOIN messages m ON m.conversation = c.id "
            "WHERE m.id IN (SELECT value FROM json_each(?)) ORDER BY c.id",
            (gone,),
        ).fetchall()
        told = execute(
            "DELETE FROM summaries WHERE id IN (SELECT s.id FROM summaries s JOIN messages m "
            "ON m.conversation = s.conversation AND m.id <= s.last "
            "WHERE m.id IN (SELECT value FROM json_each(?)))",
            (gone,),
        ).rowcount
        listed = msgspec.json.encode(list(facts)).decode()
        lost = execute(
            "DELETE FROM facts WHERE scope = ? AND (id IN (SELECT value FROM json_each(?)) "
            "OR message IN (SELECT value FROM json_each(?)))",
            (scope, listed, gone),
        ).rowcount
        execute("DELETE FROM fact_vectors WHERE fact NOT IN (SELECT id FROM facts)")
        for table in ("terms", "mentions", "vectors"):
            execute(f"DELETE FROM {table} WHERE message IN (SELECT value FROM json_each(?))", (gone,))  # noqa: S608
        said = execute("DELETE FROM messages WHERE id IN (SELECT value FROM json_each(?))", (gone,)).rowcount
        remove_empty(database.connection)
        if said or lost or told:
            execute("INSERT OR IGNORE INTO erasing (id) VALUES (1)")
    if not (said or lost or told):
        return Receipt()
    talks = tuple(name for (name,) in names)
    return Receipt(said, lost, told, talks, erase(database), tuple(said_in), tuple(known_in))


def erase(database: Database) -> bool:
    """Write the file anew without what was deleted, and empty its log; whether that could be done now."""
    with database.lock, database.explained():
        execute = database.connection.execute
        execute("VACUUM")
        # whoever reads may do so for long; what is left then is said, and done later
        execute(f"PRAGMA busy_timeout={_WAIT}")
        waits, *_ = execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        execute(f"PRAGMA busy_timeout={1000 * PATIENCE:.0f}")
    if waits:
        return False
    database.write("DELETE FROM erasing", durable=True)
    return True


def erase_what_is_left(database: Database) -> bool:
    """Do what a process that was killed, or had a reader beside it, left to be done."""
    return database.one("SELECT 1 FROM erasing") is None or erase(database)


def traces(path: Path, text: str) -> int:
    """How often the bytes of a text stand in a memory's files, whoever they belong to.

    It is looked for as it stands and as JSON writes it, in the file, its log and its index.
    """
    forms = {text.encode(), msgspec.json.encode(text)[1:-1]}
    files = (path, *(path.with_name(f"{path.name}-{kind}") for kind in ("wal", "shm")))
    # by another process: to close a file here would end the locks that this one has on it
    counted = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _COUNT, *(str(file) for file in files if file.exists())],
        input=json.dumps([form.hex() for form in forms]).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return int(counted.stdout)
