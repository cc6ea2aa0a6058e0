"""A model that plays given answers: the test double that agentkit itself and its users test with."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from agentkit.core import errors
from agentkit.core.errors import ModelError, UsageError
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.usage import Usage
from agentkit.models.arguments import read_call
from agentkit.models.estimate import estimated_input, estimated_output

Said: TypeAlias = (
    str | ToolCall | MalformedCall | Sequence[ToolCall | MalformedCall] | AssistantMessage | Answer
)
"""An answer, as shortly as it can be written."""


@dataclass(frozen=True, slots=True)
class After:
    """Something in a script that takes its time."""

    seconds: float
    then: "Scripted"


Scripted: TypeAlias = Said | Exception | After | Callable[[ModelRequest], "Scripted"]
"""What can stand in a script: an answer, a fault to raise, a wait, or a function of the request."""


class ScriptedModel:
    """Plays `answers` one after the other, and keeps the requests it was asked.

    A conversation that already holds n answers gets at least the answer after the n-th, so a run that
    was killed and resumed in another process goes on in its script where it was. Faults are no answers:
    a new process that stands before one plays it again.

    >>> model = ScriptedModel([ToolCall("call_1", "list_files", {"path": "."}), "It holds two files."])
    """

    def __init__(
        self,
        answers: Sequence[Scripted],
        *,
        name: str = "scripted:test",
        profile: ModelProfile | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.answers = tuple(answers)
        self.requests: list[ModelRequest] = []
        self.closed = False
        self._name = name
        self._profile = profile or ModelProfile(context_window=1_000_000)
        self._sleep = sleep
        self._next = 0

    @classmethod
    def from_file(cls, path: Path | str, *, profile: ModelProfile | None = None) -> "ScriptedModel":
        """Play a file of JSON lines, one answer each.

        A line holds `text`, `calls` (each a `name` and `arguments`; arguments given as a string are
        read as a model's own words, so they can be malformed), or both; `reasoning` and `finish` if
        wanted. `{"error": {"kind": "RateLimited", "message": "…"}}` is a fault, and `"wait": seconds`
        holds any line back. Empty lines and lines that begin with `#` are skipped.

        Raises:
            UsageError: the file cannot be read, or a line is none of this; the message names the line.
        """
        return cls(read_script(Path(path)), name=f"scripted:{path}", profile=profile)

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return self._name

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:
        """An upper estimate of the request's tokens."""
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """Yield the next answer's text word by word, then the answer.

        Raises:
            ModelError: the script has run out, or says so.
        """
        self.requests.append(request)
        given = self._take(request)
        while isinstance(given, After) or callable(given):
            if isinstance(given, After):
                await self._sleep(given.seconds)
                given = given.then
            else:
                given = given(request)
        if isinstance(given, Exception):
            raise given
        answer = _answer(given, request)
        for piece in re.findall(r"\s*\S+|\s+", answer.message.text):
            yield TextDelta(piece)
        yield answer

    async def aclose(self) -> None:
        """Nothing is held open; `closed` tells a test that it was called."""
        self.closed = True

    def _take(self, request: ModelRequest) -> Scripted:
        place = max(self._next, self._place_after(_answers_in(request)))
        if place >= len(self.answers):
            asked = len(self.requests)
            raise ModelError(
                f"{self._name} has run out: it holds {len(self.answers)} answers, "
                f"and request {asked} of this process wants number {place + 1}"
            )
        self._next = place + 1
        return self.answers[place]

    def _place_after(self, said: int) -> int:
        """Where the script stands when `said` of its answers are in the conversation."""
        place = 0
        while said and place < len(self.answers):
            said -= not _is_error(self.answers[place])
            place += 1
        return place + said


def _answer(said: Said, request: ModelRequest) -> Answer:
    if isinstance(said, Answer):
        return said
    message = _message(said)
    return Answer(message, _usage(request, message), "calls" if message.calls else "stop")


def _message(said: str | ToolCall | MalformedCall | Sequence[Any] | AssistantMessage) -> AssistantMessage:
    match said:
        case AssistantMessage():
            return said
        case str():
            return AssistantMessage(said)
        case ToolCall() | MalformedCall():
            return _message([said])
        case _:
            calls = tuple(call for call in said if isinstance(call, ToolCall))
            malformed = tuple(call for call in said if isinstance(call, MalformedCall))
            return AssistantMessage(calls=calls, malformed=malformed)


def read_script(path: Path) -> list[Scripted]:
    """The script in a file of JSON lines, as `ScriptedModel.from_file` describes it.

    Raises:
        UsageError: the file cannot be read, or a line is no answer.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UsageError(f"script {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"script {path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    script: list[Scripted] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            script.append(msgspec.json.decode(line, type=_Line).played(len(script) + 1))
        except (msgspec.DecodeError, ValueError) as error:
            raise UsageError(f"script {path}, line {number}: {error}") from error
    if not script:
        raise UsageError(f"script {path} holds no answer")
    return script


class _Call(Struct, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] | str = ""


class _Error(Struct, forbid_unknown_fields=True):
    kind: str
    message: str


class _Line(Struct, forbid_unknown_fields=True):
    text: str = ""
    calls: list[_Call] = []
    reasoning: str = ""
    finish: Literal["stop", "calls", "length"] | None = None
    error: _Error | None = None
    wait: float = 0.0

    def played(self, number: int) -> Scripted:
        """What the script holds at this line, the `number`-th answer (it makes the call ids of a run)."""
        scripted = self._fault() if self.error else self._answer(number)
        return After(self.wait, scripted) if self.wait else scripted

    def _answer(self, number: int) -> Scripted:
        if not (self.text or self.calls):
            raise ValueError("an answer needs `text`, `calls`, or both; a fault needs `error`")
        read = [
            _read(f"call_{number}" if place == 0 else f"call_{number}_{place + 1}", call)
            for place, call in enumerate(self.calls)
        ]
        spoken = _message(read)
        message = AssistantMessage(self.text, spoken.calls, spoken.malformed, self.reasoning)
        if self.finish is None:
            return message
        finish = self.finish
        return lambda request: Answer(message, _usage(request, message), finish)

    def _fault(self) -> ModelError:
        assert self.error
        kind = getattr(errors, self.error.kind, None)
        if not (isinstance(kind, type) and issubclass(kind, ModelError)):
            known = ", ".join(sorted(name for name, value in vars(errors).items() if _is_fault(value)))
            raise ValueError(f"no kind of error is called {self.error.kind!r}; known: {known}")
        if self.text or self.calls:
            raise ValueError("a line is an answer or an `error`, not both")
        return kind(self.error.message)


def _is_error(scripted: Scripted) -> bool:
    while isinstance(scripted, After):
        scripted = scripted.then
    return isinstance(scripted, Exception)


def _is_fault(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, ModelError)


def _read(call_id: str, call: _Call) -> ToolCall | MalformedCall:
    if isinstance(call.arguments, str):
        return read_call(call_id, call.name, call.arguments)
    return ToolCall(call_id, call.name, call.arguments)


def _usage(request: ModelRequest, message: AssistantMessage) -> Usage:
    return Usage(estimated_input(request), estimated_output(message))


def _answers_in(request: ModelRequest) -> int:
    return sum(isinstance(message, AssistantMessage) and not message.planned for message in request.messages)
