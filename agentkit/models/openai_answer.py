"""One answer from the pieces in which a server streams it."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, cast

from agentkit.core.errors import BadRequest, StreamCut
from agentkit.core.messages import AssistantMessage, MalformedCall, ToolCall
from agentkit.core.protocols import Answer
from agentkit.core.usage import Usage
from agentkit.models.answer_text import AnswerText, whole
from agentkit.models.arguments import CUT, read_call
from agentkit.models.text_calls.contract import Form, Written

LENGTH = frozenset({"length", "max_tokens", "model_length"})


@dataclass(slots=True)
class _Call:
    id: str
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class AnswerAssembler:
    """Joins the chunks of a chat completion into a message, the same for every way of chunking.

    Args:
        make_id: Names calls that the server left without an id.
        taken: Ids of the conversation so far: some servers number the calls of each answer from 0.
        form: How the model writes calls in its text; by default none is looked for there.
        tools: The names of the tools offered; without any, none is looked for either.
        opened: Whether the text begins within a thought.
    """

    def __init__(
        self,
        make_id: Callable[[], str],
        taken: Collection[str] = (),
        form: Form | None = None,
        tools: Collection[str] = (),
        *,
        opened: bool = False,
    ) -> None:
        self.finish = ""
        """The reason the server gave for its end; empty until it did."""
        self.usage: Usage | None = None
        self._make_id = make_id
        self._taken = set(taken)
        self._text = AnswerText(form, tools, opened=opened)
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def add(self, chunk: dict[str, Any]) -> str:
        """Take the next chunk and return the text to show for it."""
        if isinstance(usage := chunk.get("usage"), dict):
            self.usage = _usage(cast("dict[str, Any]", usage))
        shown = ""
        for choice in _dicts(chunk.get("choices")):
            if choice.get("index") in (0, None):
                # a server that does not stream sends the whole message at once
                delta = choice.get("delta") or choice.get("message")
                shown += self._delta(cast("dict[str, Any]", delta)) if isinstance(delta, dict) else ""
                self.finish = str(choice.get("finish_reason") or self.finish)
        return shown

    def answer(self, estimate: Callable[[AssistantMessage], Usage]) -> Answer:
        """The whole answer; `estimate` gives the usage that a server did not report.

        Raises:
            StreamCut: it has not ended.
            BadRequest: the provider's filter stopped it.
        """
        cut = self._finish() == "length"
        written = [Written(call.name, "".join(call.arguments)) for call in self._calls]
        ids = [call.id for call in self._calls]
        # a server that made calls of some text has left none in the rest
        text, thought, found = self._text.read(look=not written, cut=cut)
        written += found
        ids += [""] * len(found)
        calls: list[ToolCall] = []
        malformed: list[MalformedCall] = []
        for place, (call_id, one) in enumerate(zip(ids, written, strict=True), 1):
            read = self._read(call_id, one, cut=cut and place == len(written))
            if isinstance(read, ToolCall):
                calls.append(read)
            else:
                malformed.append(read)
        reasoning = "\n".join(part for part in (whole("".join(self._reasoning)), thought) if part)
        message = AssistantMessage(text, tuple(calls), tuple(malformed), reasoning)
        finish = "length" if cut else "calls" if written else "stop"
        return Answer(message, self.usage or estimate(message), finish)

    def _read(self, given: str, call: Written, *, cut: bool) -> ToolCall | MalformedCall:
        own = self._own_id(given)
        if call.error:
            error = f"{CUT}: {call.error}" if cut else call.error
            return MalformedCall(own, call.name, call.arguments, error)
        return read_call(own, call.name, call.arguments, cut=cut)

    def _finish(self) -> str:
        if not self.finish:
            raise StreamCut("the stream ended before the answer was complete")
        if self.finish == "error":
            raise StreamCut("the server broke the answer off with an error")
        if self.finish == "content_filter":
            raise BadRequest("the provider's content filter stopped the answer")
        return "length" if self.finish in LENGTH else "stop"

    def _delta(self, delta: dict[str, Any]) -> str:
        self._reasoning.append(_text(delta.get("reasoning_content") or delta.get("reasoning")))
        for call in _dicts(delta.get("tool_calls")):
            self._call(call)
        return self._text.feed(_text(delta.get("content")) + _text(delta.get("refusal")))

    def _call(self, delta: dict[str, Any]) -> None:
        function = next(iter(_dicts([delta.get("function")])), dict[str, Any]())
        name, call_id = _text(function.get("name")), _text(delta.get("id"))
        call = self._open(delta.get("index"), call_id, name)
        call.id = call.id or call_id
        if name != call.name:
            call.name += name
        if unreadable := _text(function.get("unreadable")):
            # a server of ours: what was written, of which the arguments so far are what is JSON
            call.arguments = [unreadable]
            return
        arguments = function.get("arguments")
        # Ollama has sent an object where a string of JSON belongs
        call.arguments.append(json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments))

    def _open(self, index: Any, call_id: str, name: str) -> _Call:
        """The call that a delta belongs to."""
        if isinstance(index, int):
            call = self._by_index.get(index)
        else:
            call = next((call for call in self._calls if call_id and call.id == call_id), None)
            if call is None and self._calls and not (call_id or name):
                call = self._calls[-1]
        # some servers count every parallel call as number 0 and tell them apart by id alone
        another = call is not None and bool(call_id and call.id and name) and call_id != call.id
        if call is None or another:
            call = _Call(call_id)
            self._calls.append(call)
            if isinstance(index, int):
                self._by_index[index] = call
        return call

    def _own_id(self, given: str) -> str:
        """The given id, or a new one when it is missing or already another call's."""
        own = given
        while not own or own in self._taken:
            own = self._make_id()
        self._taken.add(own)
        return own


def _usage(told: dict[str, Any]) -> Usage:
    details: Any = told.get("prompt_tokens_details")
    cached = cast("dict[str, Any]", details).get("cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = told.get("prompt_cache_hit_tokens")  # DeepSeek
    return Usage(_count(told.get("prompt_tokens")), _count(told.get("completion_tokens")), _count(cached))


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _text(value: Any) -> str:
    if isinstance(value, list):
        # Mistral sends a list of parts
        return "".join(_text(part.get("text")) for part in _dicts(cast("list[Any]", value)))
    return value if isinstance(value, str) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
