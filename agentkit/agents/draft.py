"""A compaction in the making: what leaves first, and how far each step has to go.

Nothing is stored while it is not known what leaves, so a handle of the right length stands for all.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from agentkit.agents.episodes import Episode, episodes, superseded, transcript
from agentkit.agents.state import RunState
from agentkit.agents.view import WORTH_LEAVING_OUT, line_with_handle, retold_by, shortened, shown
from agentkit.core.events import Compacted, LeftOut, Retold
from agentkit.core.messages import Message, ToolMessage, UserMessage
from agentkit.core.protocols import ChatModel, ModelRequest
from agentkit.core.tools import ToolSpec

RECENT_RESULTS = 2
"""The newest results stay whole while anything else can give."""
RECENT_EPISODES = 2
"""The newest episodes stay messages while anything else can give."""
RECENT_LINES = 10
"""The newest lines stay lines of their own while anything else can give."""
_HANDLE = "out-000000"


class Draft:
    """What a compaction leaves out, made stricter step by step."""

    def __init__(
        self,
        state: RunState,
        model: ChatModel,
        tools: Sequence[ToolSpec],
        line: Callable[[Episode], str],
        standing: Sequence[Message],
    ) -> None:
        self._state = state
        self._standing = tuple(standing)
        self._model = model
        self._tools = tuple(tools)
        self._line = line
        self._event = Compacted("", 0, 0)
        found = episodes(state)
        pinned = _pinned(state)
        retold = {place for one in retold_by(state.compactions) for place in range(one.first, one.end)}
        self._episodes = [
            one
            for one in found
            if one.whole and one.first not in retold and pinned.isdisjoint(range(one.first, one.end))
        ]
        self._attempts = {place: attempt for one in found for place, _, attempt in one.attempts}
        self._results = [
            place
            for place, message in enumerate(state.said)
            if isinstance(message, ToolMessage) and place not in retold and place not in pinned
        ]
        left = {one.place: one for event in state.compactions for one in event.left}
        self._cut = set(left)
        dropped = {place for place, one in left.items() if one.superseded}
        self._superseded = [
            place for place in superseded(found) if place in set(self._results) and place not in dropped
        ]

    def tokens(self) -> int:
        """What the request has with what is left out so far."""
        return self._tokens(self._event)

    def whole(self) -> int:
        """How many messages stay as they were said."""
        said = {id(message) for message in self._state.messages}
        return sum(id(message) in said for message in self._view(self._event))

    def shorten(self, room: int) -> bool:
        """Leave out what must leave for the request to fit into `room`; whether it does then.

        While that takes nothing recent, half of the room is left free, so that it lasts.
        """
        floor = self._request(self._state.opening)
        if floor > room:
            return False
        enough, many = floor + (room - floor) // 2, floor + (room - floor) * 3 // 4
        gentle = (
            lambda: self._cut_results(self._results[:-RECENT_RESULTS], enough),
            self._drop_superseded,
            lambda: self._retell(self._episodes[:-RECENT_EPISODES], enough),
        )
        for leave in gentle:
            if self.tokens() > enough:
                leave()
        if self.tokens() > many:
            self._join(RECENT_LINES)
        harsh = (
            lambda: self._cut_results(self._results, room),
            lambda: self._retell(self._episodes, room),
            lambda: self._join(0),
        )
        for leave in harsh:
            if self.tokens() > room:
                leave()
        return self.tokens() <= room

    def kept(self, keep: Callable[[str], str]) -> Compacted:
        """The compaction, with all that leaves stored under the handles in it."""
        left = tuple(replace(one, handle=self._kept_result(one.place, keep)) for one in self._event.left)
        episode_at = {one.first: one for one in self._episodes}
        event = replace(self._event, left=left, retold=())
        for one in self._event.retold:
            if one.lines:
                inside = [
                    line_with_handle(old)
                    for old in retold_by((*self._state.compactions, event))
                    if one.first <= old.first and old.end <= one.end
                ]
                one = replace(one, handle=keep("\n".join(inside)))
            elif one.handle:
                one = replace(one, handle=keep(transcript(episode_at[one.first])))
            event = replace(event, retold=(*event.retold, one))
        self._event = event
        return event

    def _kept_result(self, place: int, keep: Callable[[str], str]) -> str:
        attempt = self._attempts.get(place)
        if attempt is not None and attempt.result.handle:
            return attempt.result.handle
        return keep(self._state.said[place].text)

    def _cut_results(self, places: Sequence[int], enough: int) -> None:
        gone = self._cut | {one.place for one in self._event.left}
        said = self._state.said
        cuts = [
            LeftOut(place, _HANDLE)
            for place in places
            if place not in gone and len(said[place].text) >= WORTH_LEAVING_OUT
        ]
        so_far = self._event
        self._least(lambda count: replace(so_far, left=(*so_far.left, *cuts[:count])), len(cuts), enough)

    def _drop_superseded(self) -> None:
        said = self._state.said
        stale = {place: LeftOut(place, _HANDLE, superseded=True) for place in self._superseded}
        stale = {
            place: one
            for place, one in stale.items()
            if len(shortened(said[place].text, one)) < len(said[place].text)
        }
        rest = [one for one in self._event.left if one.place not in stale]
        self._event = replace(self._event, left=(*rest, *stale.values()))

    def _retell(self, old: Sequence[Episode], enough: int) -> None:
        so_far = self._event
        lines = [Retold(one.first, one.end, self._line(one)) for one in old]
        lines = [replace(one, handle=_HANDLE) if "…" in one.line else one for one in lines]

        def first(count: int) -> Compacted:
            inside = {place for one in lines[:count] for place in range(one.first, one.end)}
            left = tuple(one for one in so_far.left if one.place not in inside)
            return replace(so_far, left=left, retold=tuple(lines[:count]))

        self._least(first, len(lines), enough)

    def _join(self, stay: int) -> None:
        """Make one line of lines that follow each other, save for the newest."""
        lines = retold_by((*self._state.compactions, self._event))
        joined: list[list[Retold]] = []
        for one in lines[: max(0, len(lines) - stay)]:
            if joined and joined[-1][-1].end == one.first:
                joined[-1].append(one)
            else:
                joined.append([one])
        made = [_joined(group) for group in joined if len(group) > 1]
        self._event = replace(self._event, retold=(*self._event.retold, *made))

    def _least(self, made: Callable[[int], Compacted], most: int, enough: int) -> None:
        """Of `made(0)` to `made(most)` take the first that is small enough, or the last."""
        low, high = 0, most
        while low < high:
            middle = (low + high) // 2
            if self._tokens(made(middle)) <= enough:
                high = middle
            else:
                low = middle + 1
        self._event = made(low)

    def _view(self, event: Compacted) -> tuple[Message, ...]:
        return (*self._state.opening, *shown(self._state.said, (*self._state.compactions, event)))

    def _tokens(self, event: Compacted) -> int:
        return self._request(self._view(event))

    def _request(self, messages: tuple[Message, ...]) -> int:
        return self._model.estimate(ModelRequest((*messages, *self._standing), self._tools))


def _joined(lines: Sequence[Retold]) -> Retold:
    count = sum(one.lines or 1 for one in lines)
    return Retold(lines[0].first, lines[-1].end, f"{count} older lines like these…", _HANDLE, count)


def _pinned(state: RunState) -> frozenset[int]:
    """Places of what never leaves: the task in the person's words, and what the model is told to do now."""
    words = [place for place, message in enumerate(state.said) if isinstance(message, UserMessage)]
    spoken = [place for place in words if place >= state.task_at and place not in set(state.nudged_at)]
    asked = state.instruction.text if state.instruction else None
    instructed = [place for place in words if state.said[place].text == asked]
    just_told = [place for place in words[-1:] if place == len(state.said) - 1]
    return frozenset((*spoken, *instructed[-1:], *just_told))
