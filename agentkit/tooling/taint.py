"""What a run was told by those who may be anybody, and which calls that makes suspect.

Words from the network can be written to steer whoever reads them. Once a run has read some, what it
does may be theirs to want: so a call that could carry something away, or do what no undo takes back, is
put to a person, whatever mode the run is in.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from msgspec import Struct

from agentkit.core.events import (
    AgentEnded,
    CallDecided,
    CallFinished,
    CallIntended,
    Event,
    PersonSaid,
    Recorded,
    RunResumed,
    RunStarted,
)
from agentkit.core.tools import Outcome

_IN_ADDRESS = r"\w./?#%&=+~:@!$*,;\-"
"""What may go on an address: one is shown only where it ends."""
_LONGEST_SOURCE = 120


class Going(Struct, frozen=True):
    """Where a call over the network goes, and what it takes along."""

    address: str = ""
    """Of the web; empty for a place that the person chose, and no argument can change."""
    carries: bool = False
    """Whether more than the address is sent there."""


@dataclass(frozen=True, slots=True)
class Taint:
    """What decides how far a run is still trusted."""

    source: str = ""
    """Where it was first told what anybody may have written; empty while it was not."""
    events: Sequence[Recorded] = ()
    """All that it was told, by anybody."""
    domains: tuple[str, ...] = ()
    """The only hosts that the person lets it reach, if they named any."""
    inside: frozenset[str] = frozenset()
    """Hosts of their own network that they named."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.source)

    @property
    def after(self) -> str:
        """How a reason for asking ends that rests on it."""
        return f", after {self.source} told the agent what anybody may have written" if self else ""

    def why_not(self, going: Going) -> str:
        """Why a call may not go there unasked, as the end of a sentence; empty where it may.

        A host that the person named may be told anything. Any other may be asked for an address that was
        there to be read: a new one could have something in it that is nobody's to know.
        """
        if not going.address:
            return ""
        host = _host(going.address)
        if host and (
            self.domains or host in self.inside or any(_names(text, host) for text in self._of_the_person())
        ):
            return ""
        if going.carries:
            return f"it sends something to {host or going.address}, which you did not name"
        if any(_shows(text, going.address) for text in self._told(going.address)):
            return ""
        return f"neither you nor anything that it read named the address {going.address}"

    def _of_the_person(self) -> Iterator[str]:
        """The words that came from the person: not from what was read, nor from a record of anybody's."""
        for event in self._since_it_is_ours():
            if isinstance(event, RunStarted) and not event.untrusted:
                yield event.goal
            elif isinstance(event, PersonSaid) and not event.untrusted:
                yield event.text

    def _since_it_is_ours(self) -> Iterator[Event]:
        """What was recorded here: of a run that came out of a file, what follows its last beginning here.

        An earlier one may be a part of the file as well.
        """
        events = [recorded.event for recorded in self.events]
        began = [at for at, one in enumerate(events) if _begins_here(one)]
        yield from events[began[-1] if began else 0 :]

    def _told(self, address: str) -> Iterator[str]:
        """What named addresses that were not of the run's own making once it may have been steered.

        From then on a result counts only where it comes from the network, and not for what the call itself
        had said: a denial, an error, a file or a command may show whatever the run put there.
        """
        yield from self._of_the_person()
        suspect = False
        said = dict[str, str]()  # by calls that are under way
        allowed = set[str]()
        for event in (recorded.event for recorded in self.events):
            match event:
                case CallDecided(call_id=call_id, allowed=True, by="person"):
                    allowed.add(call_id)
                case CallIntended(call=call):
                    said[call.id] = str(call.arguments)
                    if not suspect or call.id in allowed:
                        yield said[call.id]
                case CallFinished(result=result):
                    own = said.pop(result.call_id, "")
                    allowed.discard(result.call_id)  # ids may come again
                    read = bool(result.untrusted) and result.outcome is Outcome.OK
                    if not suspect or (read and address not in own):
                        yield result.text
                case _:
                    pass
            suspect = suspect or bool(_from_anybody(event))


NO_TAINT = Taint()


def source_of(tool: str, going: Going | None) -> str:
    """A call in words, as where something came from."""
    text = f"{tool} {going.address}" if going is not None and going.address else tool
    return text if len(text) <= _LONGEST_SOURCE else f"{text[: _LONGEST_SOURCE - 1]}…"


def _from_anybody(event: Event) -> str:
    """Where an event brings words from that anybody may have written."""
    match event:
        case RunStarted() | RunResumed() | AgentEnded():
            return event.untrusted
        case PersonSaid():
            return event.untrusted or event.earlier
        case CallFinished():
            return event.result.untrusted
        case _:
            return ""


def _begins_here(event: Event) -> bool:
    """Whether all before this event came out of a file."""
    match event:
        case RunResumed():
            return bool(event.untrusted)
        case PersonSaid():
            return bool(event.earlier)
        case _:
            return False


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _names(text: str, host: str) -> bool:
    """Whether a text names a host, and not only one that its name is a part of."""
    return re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-]|\.\w)", text, re.IGNORECASE) is not None


def _shows(text: str, address: str) -> bool:
    """Whether a whole address stands in a text; what ends a sentence is no part of it."""
    found = re.finditer(rf"(?<![{_IN_ADDRESS}]){re.escape(address)}[.,;:!?]*(?![{_IN_ADDRESS}])", text)
    return next(found, None) is not None
