"""A conversation in episodes: an answer with the results of its calls, or a word to the model.

An episode is what may leave the view at once: a call is never parted from its results.
"""

import json
from collections.abc import Iterator, Sequence

from agentkit.agents.attempt import Attempt
from agentkit.agents.state import RunState
from agentkit.core.conversation import Unit, units
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.core.tools import Effect, Outcome

MOST_LINE = 400
"""Characters of the line that an episode is retold in."""
MOST_WORDS = 80
"""Characters of an answer's text, or of a word to the model, in that line."""
MOST_VALUE = 40
"""Characters of an argument."""
MOST_RESULT = 60
"""Characters of a result."""


class Episode(Unit, frozen=True):
    """A unit of a run's conversation, counted from the first message after the opening."""

    attempts: tuple[tuple[int, int, Attempt], ...] = ()
    """The calls that ended: the place of the result, the number of the call in the run, the call."""


def episodes(state: RunState) -> list[Episode]:
    """The conversation after the opening, in episodes."""
    found: list[Episode] = []
    said, tried = state.said, 0
    for unit in units(said):
        ended: list[tuple[int, int, Attempt]] = []
        for place in range(unit.first + 1, unit.end):
            # a call that could not be read, or never began, is answered too, and is no attempt
            if tried < len(state.attempts) and _answers(said[place], state.attempts[tried]):
                ended.append((place, tried + 1, state.attempts[tried]))
                tried += 1
        found.append(Episode(unit.first, unit.messages, tuple(ended)))
    return found


def _answers(message: Message, attempt: Attempt) -> bool:
    result = attempt.result
    return (
        isinstance(message, ToolMessage)
        and (message.call_id, message.name) == (result.call_id, result.name)
        and message.text == result.text
    )


def superseded(found: Sequence[Episode]) -> list[int]:
    """The places of results that a newer one made needless.

    That is so when the same was looked at again, or when a newer look at the same file shows all that
    the older one did.
    """
    looks = [
        (place, attempt)
        for episode in found
        for place, _, attempt in episode.attempts
        if attempt.effect in _LOOKS and attempt.result.outcome is Outcome.OK
    ]
    needless: list[int] = []
    asked: set[str] = set()
    seen: dict[tuple[str, str], list[str]] = {}
    for place, attempt in reversed(looks):
        call, text = attempt.call, attempt.result.text
        same = f"{call.name}{_json(dict(sorted(call.arguments.items())))}"
        file = call.arguments.get("path")
        newer = seen.setdefault((call.name, file), []) if isinstance(file, str) else []
        if same in asked or any(text in one for one in newer):
            needless.append(place)
        asked.add(same)
        newer.append(text)
    return needless[::-1]


_LOOKS = frozenset({Effect.PURE, Effect.READS})


def line_of(episode: Episode) -> str:
    """The episode in one line; where something is missing stands …, and nowhere else."""
    return _cut("; ".join(_told(episode)), MOST_LINE)


def _told(episode: Episode) -> Iterator[str]:
    head = episode.messages[0]
    if not isinstance(head, AssistantMessage):
        yield f'told: "{_cut(head.text, MOST_WORDS)}"'
        return
    if head.text.strip():
        yield f'said: "{_cut(head.text, MOST_WORDS)}"'
    ended = {place: (number, attempt) for place, number, attempt in episode.attempts}
    for place, message in enumerate(episode.messages[1:], episode.first + 1):
        if place in ended:
            yield _step(*ended[place])
        elif isinstance(message, ToolMessage):
            yield f"{_cut(message.name, MOST_VALUE)}: {_cut(message.text, MOST_RESULT)}"


def _step(number: int, attempt: Attempt) -> str:
    call, result = attempt.call, attempt.result
    given = ", ".join(f"{name}={_cut(_json(value), MOST_VALUE)}" for name, value in call.arguments.items())
    how = "" if result.outcome is Outcome.OK else f" {result.outcome}"
    return f"step {number} {call.name}({given}){how}: {_cut(result.text, MOST_RESULT)}"


def transcript(episode: Episode) -> str:
    """The whole episode as a text, to be kept under a handle."""
    return "\n".join(part for message in episode.messages for part in _parts(message))


def _parts(message: Message) -> Iterator[str]:
    match message:
        case AssistantMessage():
            if message.text:
                yield f"you said:\n{message.text}"
            for call in message.malformed:
                yield f"you called {call.name} in a way that could not be read:\n{call.text}"
            for call in message.calls:
                yield f"you called {call.name}({_json(call.arguments)})"
        case ToolMessage():
            yield f"{message.name} {'failed' if message.failed else 'answered'}:\n{message.text}"
        case UserMessage() | SystemMessage():
            yield f"you were told:\n{message.text}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, width: int) -> str:
    """The text on one line, with … where something is missing."""
    text = text.strip()
    line = text.partition("\n")[0].rstrip()
    return line if line == text and len(line) <= width else line[: width - 1] + "…"
