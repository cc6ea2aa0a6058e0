"""How a served model is spoken to: its dialect behind OpenAI's protocol."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agentkit.core.messages import (
    AssistantMessage,
    MalformedCall,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.protocols import ModelRequest
from agentkit.core.tools import ToolSpec
from agentkit.models.arguments import read_call
from agentkit.models.local import LocalModel

if TYPE_CHECKING:
    from agentkit_local_models.serving.chat_request import Call, Chat, Said
    from agentkit_local_models.serving.speech import Read

UNREADABLE = "unreadable"
"""The argument in which our client sends back a call that could not be read."""
FAILED = "Error: "
"""What clients write before the result of a call that failed, where they have no other way to say so."""


class DialectSpeech:
    """The engine's `Speech` of a local model: what its own requests would be made of."""

    def __init__(self, model: LocalModel) -> None:
        self._model = model

    def prompt(self, chat: "Chat") -> list[int]:
        """The token ids of a conversation, up to where the answer begins."""
        return self._model.prompt(request_of(chat), bounded=True)

    def grammar(self, chat: "Chat") -> str | None:
        """The Lark text that an answer is held to; `None` where any text will do."""
        return self._model.grammar(request_of(chat))

    def reading(self, chat: "Chat") -> "DialectReading":
        """How answers to a conversation are read."""
        return DialectReading(self._model, request_of(chat))

    def wrote(self, prompt: Sequence[int], answer: Sequence[int]) -> None:
        """Remember in which tokens an answer was written."""
        self._model.wrote(prompt, answer)


class DialectReading:
    """The engine's `Reading` of the answers to a request."""

    def __init__(self, model: LocalModel, request: ModelRequest) -> None:
        self._model = model
        self._request = request

    def visible(self, text: str) -> str:
        """What of an unfinished answer is text for a person."""
        return self._model.visible(self._request, text)

    def begun(self, text: str) -> "Call | None":
        """What of an unfinished answer is a call, and stays so."""
        from agentkit_local_models.serving.chat_request import Call

        found = self._model.begun(self._request, text)
        return None if found is None else Call(found.id, found.name, found.arguments)

    def whole(self, text: str) -> "Read":
        """A whole answer."""
        from agentkit_local_models.serving.chat_request import Call
        from agentkit_local_models.serving.speech import Read

        message = self._model.message(self._request, text)
        calls = [
            Call(call.id, call.name, json.dumps(call.arguments, ensure_ascii=False)) for call in message.calls
        ]
        begun = self._model.begun(self._request, text) if message.malformed else None
        for call in message.malformed:
            # as far as it is JSON, which is how OpenAI's own calls break off; our client gets all of it
            known = begun.arguments if begun is not None and begun.id == call.id else call.text
            calls.append(Call(call.id, call.name, known, unreadable=call.text))
        return Read(message.text, tuple(calls))


def request_of(chat: "Chat") -> ModelRequest:
    """The conversation as a request of ours; how the answer is drawn is the server's to say."""
    names = {call.id: call.name for said in chat.messages for call in said.calls}
    return ModelRequest(
        tuple(_message(said, names) for said in chat.messages),
        tuple(ToolSpec(one.name, one.description, one.parameters, one.choices) for one in chat.functions),
        must_call=chat.must_call,
        answer_schema=chat.schema,
    )


def _message(said: "Said", names: dict[str, str]) -> Message:
    match said.role:
        case "system":
            return SystemMessage(said.text)
        case "user":
            return UserMessage(said.text)
        case "assistant":
            read = [_call(call) for call in said.calls]
            calls = tuple(call for call in read if isinstance(call, ToolCall))
            malformed = tuple(call for call in read if isinstance(call, MalformedCall))
            return AssistantMessage(said.text, calls, malformed)
        case "tool":
            name = said.name or names[said.call_id]
            if said.failed is not None:
                return ToolMessage(said.call_id, name, said.text, said.failed)
            return ToolMessage(
                said.call_id, name, said.text.removeprefix(FAILED), said.text.startswith(FAILED)
            )


def _call(call: "Call") -> ToolCall | MalformedCall:
    """A call of the conversation so far; one that could not be read comes back as our client sends it."""
    read = read_call(call.id, call.name, call.arguments)
    match read:
        case ToolCall(arguments={"unreadable": str(text), **others}) if not others:
            return MalformedCall(call.id, call.name, text, "it could not be read")
        case _:
            return read
