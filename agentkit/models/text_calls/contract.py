"""What the forms of calls in text have in common: where one may begin, and what is read there."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import regex
from msgspec import Struct

from agentkit.core.messages import Message, SystemMessage, ToolCall, ToolMessage
from agentkit.core.tools import ToolSpec
from agentkit.models.dialects.contract import Turn, turns_of


class Written(Struct, frozen=True):
    """One call as it was written."""

    name: str
    arguments: str
    """JSON, if it is whole."""
    error: str = ""
    """Why it cannot be read at all, in words for the model; then `arguments` is what was written."""


class Found(Struct, frozen=True):
    """What stands at one place of a text: calls, and where the text goes on."""

    calls: tuple[Written, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Form:
    """How one family of models writes calls."""

    mark: "regex.Pattern[str]"
    """Where a call may begin; no call is read anywhere else."""
    at: Callable[[str, "regex.Match[str]", Collection[str]], Found | None]
    """What a text holds at a mark, given the tools' names; `None` when it is no call after all."""
    words: str
    """Tells a model, whose server takes no tools, how to write a call; the tools' schemas follow."""
    call_text: Callable[[ToolCall], str]
    """A call as such a model would have written it."""

    def held_from(self, text: str, start: int) -> int:
        """The first place from `start` on where a call may begin, now or with more text."""
        found = self.mark.search(text, start, partial=True)
        return found.start() if found else len(text)

    def read(self, text: str, names: Collection[str]) -> tuple[str, tuple[Written, ...]]:
        """The text without its calls, and the calls."""
        pieces: list[str] = []
        calls: list[Written] = []
        begun = place = 0
        while mark := self.mark.search(text, place):
            found = self.at(text, mark, names)
            if found is None:
                place = max(mark.end(), place + 1)
                continue
            pieces.append(text[begun : mark.start()])
            calls += found.calls
            begun = place = max(found.end, mark.end())
        pieces.append(text[begun:])
        return _joined(pieces), tuple(calls)

    def turns(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Turn]:
        """The conversation for a server that takes no tools: they are told of in the system turn."""
        if not any(isinstance(message, SystemMessage) for message in messages):
            messages = (SystemMessage(""), *messages)
        return turns_of(messages, self._told_of(tools), self.call_text, _result, "")

    def _told_of(self, tools: Sequence[ToolSpec]) -> str:
        schemas = "\n".join(
            json.dumps(
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
                ensure_ascii=False,
            )
            for tool in tools
        )
        return f"{self.words}\n{schemas}"


def _result(message: ToolMessage) -> str:
    return f"{'Error' if message.failed else 'Result'} of {message.name}: {message.text}"


def _joined(pieces: Sequence[str]) -> str:
    """The text around the calls; a text without calls is itself."""
    if len(pieces) == 1:
        return pieces[0]
    # the beginning may be on a screen already, so nothing is taken from its head
    return "\n".join(piece for piece in (pieces[0].rstrip(), *map(str.strip, pieces[1:])) if piece)


_DECODER = json.JSONDecoder(strict=False)  # models write a line break where JSON wants \n
_BETWEEN = regex.compile(r"[\s;,]*")
_NAME = regex.compile(r'"(?:name|function)"\s*:\s*"([^"\\]{1,64})"')
HEAD = 400
"""Characters at the head of a broken call in which its name is looked for."""


def past(pattern: "regex.Pattern[str]", text: str, place: int) -> int:
    """Where what the pattern takes from `place` on ends; `place` itself when that is nothing."""
    found = pattern.match(text, place)
    return found.end() if found else place


def value_at(text: str, place: int) -> tuple[Any, int]:
    """The JSON value that begins here, and where it ends.

    Raises:
        ValueError: there is none; the message says why.
    """
    try:
        return _DECODER.raw_decode(text, place)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def calls_in(value: Any) -> list[Written] | None:
    """The calls that a JSON value is, in any of the shapes that models know; `None` for none."""
    match value:
        case {"tool_calls": [_, *_] as several}:
            return calls_in(several)
        case [_, *_]:
            read = [calls_in(one) for one in value]
            return None if None in read else [call for calls in read for call in calls or ()]
        case {"function": {"name": str()} as inner}:
            return calls_in(inner)
        case (
            {"name": str(name), "arguments": given}
            | {"name": str(name), "parameters": given}
            | {"function": str(name), "arguments": given}
            | {"function": str(name), "parameters": given}
        ):
            # a text of JSON where an object belongs is what OpenAI's own protocol has
            return [Written(name, given if isinstance(given, str) else json.dumps(given))]
        case {"name": str(name)} if len(value) == 1:
            return [Written(name, "")]
        case _:
            return None


def run_of_calls(text: str, place: int, known: Collection[str] | None) -> Found:
    """The calls that follow each other from here, and where they end; perhaps none.

    Args:
        text: The text.
        place: Where to begin.
        known: The names that count; `None` for any.
    """
    calls: list[Written] = []
    end = place
    while (at := past(_BETWEEN, text, end)) < len(text) and text[at] in "{[":
        try:
            value, after = value_at(text, at)
        except ValueError:
            break
        read = calls_in(value)
        if read is None or (known is not None and any(call.name not in known for call in read)):
            break
        calls += read
        end = after
    return Found(tuple(calls), end)


def broken(text: str, error: str, known: Collection[str] | None) -> Written | None:
    """What was to be a call and cannot be read, or `None` where its name says that it was none."""
    named = _NAME.search(text[:HEAD])
    if known is not None and (named is None or named[1] not in known):
        return None
    return Written(named[1] if named else "unknown", text, error)


def fault_at(text: str, place: int) -> str:
    """Why no call can be read here; places in it are counted from here."""
    try:
        value_at(text[place:], 0)
    except ValueError as error:
        return f"it is not valid JSON: {error}"
    return "it is JSON, but no call with a name and arguments"
