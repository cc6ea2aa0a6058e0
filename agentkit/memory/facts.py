"""What is known of a person, with where it comes from and from when to when it held.

A fact is a subject, an attribute and a value. Its key, subject and attribute as they are compared,
decides whether it is new, the same or changed: likeness of words or of vectors never does, since a
changed fact is as like the old one as the same in other words.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from agentkit.core.errors import NotStored, UsageError
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.documents.analyse import terms
from agentkit.memory.fact import WEIGHT, Fact, How, Origin, Written
from agentkit.memory.handle import Handle
from agentkit.memory.normal import flattened, normal, normal_subject

LONGEST = 1000
"""Characters of a value; more is a document and no fact."""

_FACTS = (
    "SELECT key, id, subject, attribute, value, origin, message, quote, confidence, untrusted, "
    "valid_from, recorded, valid_to, ended_by, recalls FROM facts WHERE scope = ?"
)


class Facts:
    """The facts of one person."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def write(
        self,
        subject: str,
        attribute: str,
        value: str,
        *,
        message: int | None = None,
        quote: str = "",
        beside: bool = False,
        confidence: float = 1.0,
        at: float | None = None,
        untrusted: str = "",
    ) -> Written:
        """Remember a fact; one that it contradicts ends, and stays on record.

        With a message it rests on the quote from it, and its origin is who said that. Without one it is
        what the agent thinks, which ends nothing that a person or a tool said.

        Args:
            subject: Whom or what it is about; "user" for the person.
            attribute: Which side of it: "city", "employer".
            value: What holds.
            message: The id of the message that says so.
            quote: Words that occur in it.
            beside: Whether it holds beside other values of the attribute, as a second phone number does.
            confidence: From 0 to 1.
            at: Since when, in seconds since the epoch; by default since the message, or now.
            untrusted: Of what the agent thinks: where words came from that it may rest on. With a message, it
                is what the message rests on.

        Raises:
            NotStored: the message does not say so, or the words came out of memory.
            NotRemembered: there is no such message of this person.
            UsageError: one of the three is empty or too long, or the confidence no share.
        """
        handle = self._handle
        subject, attribute, value = (
            _checked(name, handle.redactor.text(text))
            for name, text in (("subject", subject), ("attribute", attribute), ("value", value))
        )
        if not 0 <= confidence <= 1:
            raise UsageError(f"confidence = {confidence} cannot be; it must be from 0 to 1")
        with handle.database.transaction():
            origin, said = Origin.AGENT, handle.clock()
            if message is not None:
                origin, said, untrusted = self._ground(message, quote := handle.redactor.text(quote))
            elif quote:
                raise NotStored("a quote needs the message that it is from; name it, or leave the quote out")
            since = said if at is None else at
            key = _key(subject, attribute, value if beside else "")
            given = (subject, attribute, value, str(origin), message, quote, confidence, untrusted, since)
            return self._written(key, given)

    def now(self, subject: str | None = None) -> tuple[Fact, ...]:
        """What holds: of each attribute what weighs most, in the order in which it was written."""
        return tuple(one for one in _heaviest(self._open()) if _about(one, subject))

    def at(self, moment: float) -> tuple[Fact, ...]:
        """What held at a moment, in seconds since the epoch, as far as it is known today."""
        rows = self._handle.all(
            f"{_FACTS} AND valid_from <= ? AND (valid_to IS NULL OR valid_to > ?) ORDER BY id",
            (moment, moment),
        )
        return tuple(_heaviest([(row[0], _fact(row)) for row in rows]))

    def every(self) -> tuple[Fact, ...]:
        """All that ever held and was not forgotten, and what is doubted."""
        return tuple(map(_fact, self._handle.all(f"{_FACTS} ORDER BY id")))

    def get(self, number: int) -> Fact:
        """The fact of that id.

        Raises:
            NotRemembered: there is none of this person.
        """
        row = self._handle.one(f"{_FACTS} AND id = ?", (number,))
        if row is None:
            raise self._handle.missing("fact", number)
        return _fact(row)

    def end(self, number: int, at: float | None = None) -> Fact:
        """Let a fact hold no longer; it stays on record until it is forgotten.

        Raises:
            NotRemembered: there is none of that id.
        """
        self.get(number)
        moment = self._handle.clock() if at is None else at
        self._handle.database.write(
            "UPDATE facts SET valid_to = ? WHERE id = ? AND scope = ? AND valid_to IS NULL",
            (moment, number, self._handle.scope),
            durable=True,
        )
        return self.get(number)

    def _open(self) -> list[tuple[str, Fact]]:
        rows = self._handle.all(f"{_FACTS} AND valid_to IS NULL ORDER BY id")
        return [(row[0], _fact(row)) for row in rows]

    def _ground(self, message: int, quote: str) -> tuple[Origin, float, str]:
        """Who said the quote, when, and on whose words: the gate for every fact with a source."""
        row = self._handle.one(
            "SELECT m.body, m.at, m.recalled, m.conversation, m.untrusted FROM messages m "
            "JOIN conversations c ON c.id = m.conversation WHERE c.scope = ? AND m.id = ?",
            (message,),
        )
        if row is None:
            raise self._handle.missing("message", message)
        body, at, recalled, conversation, untrusted = row
        said: Message = msgspec.json.decode(body, type=Message)
        words = flattened(quote)
        if recalled:
            raise NotStored(f"message {message} came out of memory; what it says is remembered already")
        if not words or words not in flattened(said.text):
            raise NotStored(
                f"message {message} does not say {quote!r}; it begins {said.text[:60]!r}. Quote its own words"
            )
        origin = _ORIGINS[type(said)]
        if origin is not Origin.PERSON and self._came_from_memory(conversation, message, words):
            raise NotStored(f"{quote!r} came out of memory; it is remembered already")
        return origin, at, untrusted

    def _came_from_memory(self, conversation: int, before: int, words: str) -> bool:
        rows = self._handle.database.all(
            "SELECT body FROM messages WHERE conversation = ? AND recalled AND id < ?", (conversation, before)
        )
        return any(words in flattened(msgspec.json.decode(body, type=Message).text) for (body,) in rows)

    def _written(self, key: str, given: tuple[Any, ...]) -> Written:
        subject, attribute, value, origin, *_, since = given
        weight = WEIGHT[Origin(origin)]
        held = [one for known, one in self._open() if known == key]
        same = [one for one in held if normal(one.value) == normal(value)]
        if any(WEIGHT[one.origin] >= weight for one in same):
            return Written(max(same, key=lambda one: WEIGHT[one.origin]), "same")
        scope = self._handle.made()
        execute = self._handle.database.connection.execute
        number = execute(
            "INSERT INTO facts (scope, key, subject, attribute, value, origin, message, quote, confidence, "
            "untrusted, valid_from, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (scope, key, *given, self._handle.clock()),
        ).lastrowid
        assert number is not None
        lighter = [one for one in held if WEIGHT[one.origin] <= weight]
        newer = [one for one in lighter if one.valid_from > since]
        ended = [one for one in lighter if one not in newer]
        for one in ended:
            execute("UPDATE facts SET valid_to = ?, ended_by = ? WHERE id = ?", (since, number, one.id))
        if newer:  # it held before what is known now
            first = min(newer, key=lambda one: one.valid_from)
            execute(
                "UPDATE facts SET valid_to = ?, ended_by = ? WHERE id = ?",
                (first.valid_from, first.id, number),
            )
        near = () if ended else self._near(key, subject, f"{attribute} {value}")
        how = _how(ended, [one for one in held if one not in lighter], newer, value)
        return Written(self.get(number), how, tuple(ended), near)

    def _near(self, key: str, subject: str, words: str) -> tuple[Fact, ...]:
        wanted = set(terms(words))
        return tuple(
            one
            for known, one in self._open()
            if known != key
            and normal_subject(one.subject) == normal_subject(subject)
            and wanted & set(terms(f"{one.attribute} {one.value}"))
        )


_ORIGINS: dict[type[Message], Origin] = {
    UserMessage: Origin.PERSON,
    ToolMessage: Origin.TOOL,
    AssistantMessage: Origin.AGENT,
    SystemMessage: Origin.TOOL,
}


def _how(ended: Sequence[Fact], heavier: Sequence[Fact], newer: Sequence[Fact], value: str) -> How:
    if newer:
        return "older"
    if heavier:
        return "doubted"
    if not ended:
        return "new"
    return "confirmed" if all(normal(one.value) == normal(value) for one in ended) else "changed"


def _fact(row: Sequence[Any]) -> Fact:
    return msgspec.convert(dict(zip(Fact.__struct_fields__, row[1:], strict=True)), Fact)


def _key(subject: str, attribute: str, value: str) -> str:
    return "\x1f".join((normal_subject(subject), normal(attribute), normal(value)))


def _heaviest(found: Sequence[tuple[str, Fact]]) -> list[Fact]:
    """One fact for each key: what weighs most, and of equals the newest."""
    best: dict[str, Fact] = {}
    for key, one in found:
        if key not in best or WEIGHT[one.origin] >= WEIGHT[best[key].origin]:
            best[key] = one
    return sorted(best.values(), key=lambda one: one.id)


def _about(fact: Fact, subject: str | None) -> bool:
    return subject is None or normal_subject(fact.subject) == normal_subject(subject)


def _checked(name: str, text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        raise UsageError(
            f"{name} = {text[:40]!r} cannot be; it must be a line of 1 to {LONGEST:,} characters"
        )
    return text
