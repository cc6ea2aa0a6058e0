"""One conversation in a memory file: what was said, in order, and what of it is shown."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.errors import UsageError
from agentkit.core.messages import Message
from agentkit.memory.gone import mark
from agentkit.memory.handle import Handle
from agentkit.memory.index import indexed
from agentkit.memory.view import Shape, Size, Summary, View, estimated, view

Summarise: TypeAlias = Callable[[str, Sequence[Message]], Awaitable[str]]
"""Tells in short what an earlier summary told, and these messages."""

_DECODER = msgspec.json.Decoder(Message)

MESSAGES = (
    "SELECT m.id, m.at, m.body, c.name, m.recalled, m.untrusted FROM messages m "
    "JOIN conversations c ON c.id = m.conversation WHERE c.scope = ?"
)
"""What `as_kept` makes messages of; the first parameter is the scope."""
LISTED = "SELECT value FROM json_each(?)"
"""The numbers in a parameter that is a JSON list."""


class Kept(Struct, frozen=True):
    """A message as it is remembered."""

    id: int
    at: float
    """Seconds since the epoch."""
    message: Message
    conversation: str
    recalled: bool = False
    """Whether it came out of memory, and so is no ground for remembering anything."""
    untrusted: str = ""
    """Where words came from that anybody may have written, if it may rest on some."""


def as_kept(row: tuple[int, float, bytes, str, int, str]) -> Kept:
    """The message in a row of `MESSAGES`."""
    identity, at, body, name, recalled, untrusted = row
    return Kept(identity, at, _DECODER.decode(body), name, bool(recalled), untrusted)


class Conversation:
    """Append-only: what was said stays as it was until it is forgotten."""

    def __init__(self, handle: Handle, name: str) -> None:
        self.handle = handle
        self.name = name

    def add(
        self,
        *messages: Message,
        at: float | None = None,
        keys: Sequence[str] = (),
        recalled: bool = False,
        untrusted: str = "",
        durable: bool = True,
    ) -> tuple[int, ...]:
        """Remember messages, all or none.

        Args:
            messages: In the order in which they were said.
            at: When, in seconds since the epoch; by default now.
            keys: One for each message: of one that is here, or was until it was forgotten, nothing is added.
            recalled: Whether the words came out of memory.
            untrusted: Where words came from that anybody may have written, if these may rest on some.
            durable: Whether they are on the disk on return, even if the machine loses its power then.

        Returns:
            Their ids, save for those of what is forgotten.
        """
        handle = self.handle
        at = handle.clock() if at is None else at
        ids: list[int] = []
        with handle.database.transaction(full=durable):
            given = [(message, keys[place] if keys else None) for place, message in enumerate(messages)]
            given = [(message, key) for message, key in given if key is None or not self._went(key)]
            if not given:  # nobody is named because of what was forgotten
                return ()
            scope, number = handle.made(), self._made()
            for message, key in given:
                ids.append(self._add(scope, message, (number, key, at, int(recalled), untrusted)))
        return tuple(ids)

    def _went(self, key: str) -> bool:
        """Whether a message of that key was forgotten."""
        handle = self.handle
        found = (mark(handle.tenant, handle.person, key, self.name),)
        return handle.database.one("SELECT 1 FROM gone WHERE mark = ?", found) is not None

    def _add(self, scope: int, message: Message, row: tuple[int, str | None, float, int, str]) -> int:
        execute = self.handle.database.connection.execute
        number, key, _, recalled, _ = row
        if key is not None:
            there = execute("SELECT id FROM messages WHERE conversation = ? AND key = ?", (number, key))
            if found := there.fetchone():
                return found[0]
        kept = self.handle.redactor.value(message)
        made = None if recalled else indexed(kept, self.handle.tagger)
        identity = execute(
            "INSERT INTO messages (conversation, key, at, recalled, untrusted, words, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*row, made.words if made else 0, msgspec.json.encode(kept)),
        ).lastrowid
        assert identity is not None
        if made is not None:
            made.write(self.handle.database.connection, scope, identity)
        return identity

    def kept(self) -> tuple[Kept, ...]:
        """All that was said, with ids and times."""
        rows = self.handle.all(f"{MESSAGES} AND c.name = ? ORDER BY m.id", (self.name,))
        return tuple(map(as_kept, rows))

    def messages(self) -> tuple[Message, ...]:
        """All that was said."""
        return tuple(one.message for one in self.kept())

    def summary(self, kept: Sequence[Kept] | None = None) -> Summary | None:
        """The newest summary, with the place up to which it covers the messages that are there."""
        row = self.handle.one(
            "SELECT s.text, s.last FROM summaries s JOIN conversations c ON c.id = s.conversation "
            "WHERE c.scope = ? AND c.name = ? ORDER BY s.last DESC, s.id DESC LIMIT 1",
            (self.name,),
        )
        if row is None:
            return None
        text, last = row
        return Summary(text, sum(one.id <= last for one in (self.kept() if kept is None else kept)))

    def view(self, shape: Shape, size: Size = estimated) -> View:
        """What of it is shown, with the newest summary where the shape has one."""
        kept = self.kept()
        return _view(kept, shape, size, self.summary(kept) if shape.summarise else None)

    async def shown(self, shape: Shape, size: Size = estimated, summarise: Summarise | None = None) -> View:
        """What of it is shown, after a summary was made of what would be left out.

        Where none can be made, the conversation and its older summary stay as they are, and the view's
        `fault` says why.
        """
        kept = self.kept()
        before = self.summary(kept) if shape.summarise else None
        found = _view(kept, shape, size, before)
        if not shape.summarise or summarise is None or not _before(found):
            return found
        leaving = _leaving(kept, shape, size, before)
        told = [kept[place].message for place in _before(leaving)]
        try:
            text = (await summarise(before.text if before is not None else "", told)).strip()
        except Exception as error:  # noqa: BLE001 - anybody's summary, which may raise anything; it is said
            return replace(found, fault=f"{error}" or type(error).__name__)
        if not text:
            return replace(found, fault="the summary came back empty")
        try:
            newer = _view(kept, shape, size, Summary(text, leaving.since))
        except UsageError as error:
            return replace(found, fault=str(error))
        self._summarised(kept[leaving.since - 1].id, text)
        return newer

    def _summarised(self, last: int, text: str) -> None:
        handle = self.handle
        with handle.database.transaction():
            handle.made()
            handle.database.connection.execute(
                "INSERT INTO summaries (conversation, last, at, text) VALUES (?, ?, ?, ?)",
                (self._made(), last, handle.clock(), handle.redactor.text(text)),
            )

    def _made(self) -> int:
        """The number of this conversation, which is made if need be, within a transaction."""
        execute = self.handle.database.connection.execute
        scope = self.handle.scope
        execute("INSERT OR IGNORE INTO conversations (scope, name) VALUES (?, ?)", (scope, self.name))
        found = execute("SELECT id FROM conversations WHERE scope = ? AND name = ?", (scope, self.name))
        return found.fetchone()[0]


def _view(kept: Sequence[Kept], shape: Shape, size: Size, summary: Summary | None) -> View:
    return view([one.message for one in kept], shape, size, summary)


def _before(found: View) -> list[int]:
    """What left before all that is shown: a result that answers no call is never shown, and no reason."""
    return [place for place in found.left if place < found.since]


def _leaving(kept: Sequence[Kept], shape: Shape, size: Size, before: Summary | None) -> View:
    """What stays once a summary is made: half of what could, so that it lasts for a while."""
    try:
        return _view(kept, shape.halved(), size, before)
    except UsageError:  # what is always shown takes more than half
        return _view(kept, shape, size, before)


def kept_of(handle: Handle, wanted: Sequence[int]) -> list[Kept]:
    """The messages of these ids that are there, in the order in which they were said."""
    listed = msgspec.json.encode(list(wanted)).decode()
    return [as_kept(row) for row in handle.all(_THESE, (listed,))]


_THESE = f"{MESSAGES} AND m.id IN ({LISTED}) ORDER BY m.id"
