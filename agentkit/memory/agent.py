"""The memory of an agent: it keeps what a run says as it is recorded, and answers the run's tools.

The run's record stays the truth: what it holds and memory does not is added when the run is taken up
again, so a process may be killed between the two.
"""

from collections.abc import Sequence

from msgspec import Struct

from agentkit.core.counting import counted
from agentkit.core.errors import NotRemembered, NotStored, ToolFault, UsageError
from agentkit.core.events import (
    AgentEnded,
    CallFinished,
    Event,
    ModelAnswered,
    PersonSaid,
    Recorded,
    RunResumed,
    RunStarted,
)
from agentkit.core.messages import AssistantMessage, Message, ToolMessage, UserMessage
from agentkit.core.protocols import RunLog
from agentkit.memory.conversation import Kept
from agentkit.memory.fact import Origin, Written
from agentkit.memory.facts import Facts
from agentkit.memory.gone import mark
from agentkit.memory.normal import flattened
from agentkit.memory.recall import fitting_facts, telling_passages
from agentkit.memory.scope import Scope
from agentkit.memory.words import FOUND, KNOWN, fact_in_words, passage_in_words
from agentkit.tooling.remembering import RECALL, RECALL_UNTRUSTED

MOST_TOLD = 6000
"""Characters of an answer to a question."""
MOST_FOUND = 5
MOST_PASSAGES = 2
"""Passages of earlier conversations that an agent is told before its task."""


class _Said(Struct, frozen=True):
    """What an event adds to a conversation."""

    message: Message
    recalled: bool = False
    by_person: bool = False
    """Whether it is the person's own word, which nothing that was read makes suspect."""


def _spoken(text: str, *, by_person: bool) -> _Said:
    """Words to the agent; those of another agent weigh no more than its own."""
    return _Said(UserMessage(text) if by_person else AssistantMessage(text), by_person=by_person)


class AgentMemory:
    """One person's memory, as one run has it."""

    def __init__(self, scope: Scope, log: RunLog, written_by: str = "") -> None:
        """Keep what is recorded of a run already, and be told the rest.

        Args:
            scope: The person's.
            log: The run's record.
            written_by: Where what it holds already comes from, if anybody may have written it.
        """
        self.scope = scope
        self._talk = scope.conversation(log.run_id)
        self._source = written_by
        self._forked = False
        self._written_by = written_by
        for recorded in log.events():  # what an earlier process recorded and did not come to keep
            self.on_event(recorded)
        self._written_by = ""

    def of_run(self, log: RunLog) -> "AgentMemory":
        """The same person's memory, as a run has it that works for this one."""
        return AgentMemory(self.scope, log)

    def on_event(self, recorded: Recorded) -> None:
        """Keep what an event says."""
        event = recorded.event
        if isinstance(event, RunStarted):
            self._forked = bool(event.forked_from)
        if not self._source:
            self._source = _source(event)
        for place, said in enumerate(_said(event)):
            key = f"{recorded.seq}.{place} {recorded.at!r}"
            if self._forked and self._is_kept(key):
                continue  # by the run that this one goes on from
            self._talk.add(
                said.message,
                at=recorded.at,
                keys=(key,),
                recalled=said.recalled,
                untrusted=self._written_by or ("" if said.by_person else self._source),
                durable=False,  # the record is
            )

    def on_text(self, text: str) -> None:
        """Nothing: what was said is an event."""

    def on_restart(self, reason: str) -> None:
        """Nothing, as for the text."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing: a result is an event."""

    def known(self, task: str, most: int) -> str:
        """What bears on the task and then what was learnt last, of what may be trusted."""
        handle = self.scope.handle
        trusted = [one for one in Facts(handle).now() if not one.untrusted]
        fitting = fitting_facts(handle, task, MOST_FOUND, trusted=True)
        ordered = dict.fromkeys((*fitting, *reversed(trusted)))
        passages = telling_passages(handle, task, MOST_PASSAGES)
        lines = [KNOWN]
        for line in (*map(passage_in_words, passages), *map(fact_in_words, ordered)):
            if sum(map(len, lines)) + len(lines) + len(line) > most:
                break
            lines.append(line)
        return "\n".join(lines) if len(lines) > 1 else ""

    def remember(self, subject: str, attribute: str, value: str, quote: str, *, beside: bool) -> str:
        """Remember a fact, and say what came of it.

        Raises:
            ToolFault: nobody said the quote, or the fact came out of memory.
        """
        try:
            source = self._source_of(quote) if quote.strip() else None
            if source is None:
                self._require_own(value)
            written = self.scope.facts.write(
                subject,
                attribute,
                value,
                message=source.id if source is not None else None,
                quote=quote if source is not None else "",
                beside=beside,
                untrusted=self._source,
            )
        except UsageError as fault:  # what cannot be remembered is the model's to mend
            raise ToolFault(str(fault)) from fault
        return _told(written)

    async def recall(self, question: str, *, untrusted: bool) -> str:
        """What bears on the question, in words."""
        found = await self.scope.recall(
            question, limit=MOST_FOUND, without=(self._talk.name,), trusted=not untrusted
        )
        parts = [*map(fact_in_words, found.facts), *map(passage_in_words, found.found)]
        lacking = f"\n[searched by words alone: {found.fault}]" if found.fault else ""
        if not untrusted and self._keeps_untrusted():
            parts.append(f"[{RECALL_UNTRUSTED} also looks among what anybody may have written.]")
        if not parts:
            return f"nothing that is remembered bears on that{lacking}"
        text = "\n".join([FOUND, *parts]) + lacking
        return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}\n[shortened; ask for less at once]"

    def forget(self, fact: int) -> str:
        """Forget a fact for good; the answer does not repeat it, for that is kept.

        Raises:
            ToolFault: there is none of that number.
        """
        try:
            receipt = self.scope.forget(facts=[fact])
        except NotRemembered as fault:
            raise ToolFault(f"there is no fact {fact}; {RECALL} tells the numbers") from fault
        stays = [f"fact {one}" for one in receipt.known_in]
        stays += [counted(len(receipt.said_in), "message")] if receipt.said_in else []
        if not stays:
            return f"forgot fact {fact}"
        return (
            f"forgot fact {fact}; what was said of it stays in {', '.join(stays)} until the person forgets "
            "these: agentkit memory forget"
        )

    def _keeps_untrusted(self) -> bool:
        """Whether anything is remembered of other runs that anybody may have written."""
        row = self.scope.handle.one(
            "SELECT 1 FROM messages m JOIN conversations c ON c.id = m.conversation "
            "WHERE c.scope = ? AND m.untrusted <> '' AND c.name <> ? LIMIT 1",
            (self._talk.name,),
        )
        return row is not None

    def _is_kept(self, key: str) -> bool:
        """Whether another run kept this, or did until it was forgotten."""
        handle = self.scope.handle
        row = handle.one(
            "SELECT 1 FROM messages m JOIN conversations c ON c.id = m.conversation "
            "WHERE c.scope = ? AND m.key = ? AND c.name <> ? UNION ALL SELECT 1 FROM gone WHERE mark = ?",
            (key, self._talk.name, mark(handle.tenant, handle.person, key)),
        )
        return row is not None

    def _source_of(self, quote: str) -> Kept:
        """The message that says it: the person's before a tool's before the agent's, the newest first."""
        words = flattened(quote)
        saying = [
            one for one in self._talk.kept() if not one.recalled and words in flattened(one.message.text)
        ]
        for kind in (UserMessage, ToolMessage, AssistantMessage):
            if fitting := [one for one in saying if isinstance(one.message, kind)]:
                return fitting[-1]
        raise NotStored(
            f"nobody said {quote!r} in this run; quote the very words, or leave the quote out and it is "
            "remembered as your own conclusion"
        )

    def _require_own(self, value: str) -> None:
        """Refuse as a conclusion what was told out of memory: it would come back as if it were new."""
        words = flattened(value)
        if any(one.recalled and words in flattened(one.message.text) for one in self._talk.kept()):
            raise NotStored(f"{value!r} came out of memory; it is remembered already")


def _source(event: Event) -> str:
    """Where words came from, if anybody may have written them."""
    match event:
        case PersonSaid():
            return event.untrusted or event.earlier
        case RunStarted() | RunResumed() | AgentEnded():
            return event.untrusted
        case CallFinished(result):
            return result.untrusted
        case _:
            return ""


def _said(event: Event) -> Sequence[_Said]:
    """What an event adds to the conversation."""
    match event:
        case RunStarted():
            told = [_Said(one, recalled=True) for one in event.opening if one.text.startswith(KNOWN)]
            return (*told, _spoken(event.goal, by_person=not event.parent))
        case PersonSaid():
            return (_spoken(event.text, by_person=not event.call_id),)
        case ModelAnswered():
            return (_Said(event.message),)
        case CallFinished(result):
            message = ToolMessage(result.call_id, result.name, result.text, result.failed)
            return (_Said(message, recalled=result.name in (RECALL, RECALL_UNTRUSTED)),)
        case _:
            return ()


def _told(written: Written) -> str:
    fact, before = written.fact, ", ".join(one.value for one in written.ended)
    text = f"fact {fact.id}, {fact.text}"
    match written.how:
        case "new" if fact.origin is Origin.AGENT:
            said = (
                f"remembered as your conclusion: {text}. With the person's own words as quote it weighs more"
            )
        case "new":
            said = f"remembered: {text}"
        case "same":
            said = f"that is known: {text}"
        case "confirmed":
            said = f"confirmed: {text}"
        case "changed":
            said = f"remembered: {text}; before, it was {before}"
        case "older":
            said = f"remembered as what was before: {text}"
        case "doubted":
            said = f"noted: {text}; what weighs more says otherwise, and stays"
    if written.near:
        also = "; ".join(f"fact {one.id}, {one.text}" for one in written.near[:3])
        said += f". Also known: {also}"
    return said
