"""`served:NAME`: a model that `agentkit serve` has put behind an address, asked as if it were here.

The server tells how the loop should treat its model, and takes two things that OpenAI's protocol has no place
for: living choices, and results whose call has left the view. So a run is that of the model in process.
"""

import json
from collections.abc import Mapping
from typing import Any, Unpack, cast

import msgspec

from agentkit.core.errors import UnknownModel
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.core.profile import ModelProfile
from agentkit.core.protocols import ModelRequest
from agentkit.core.runnable.facade import waited
from agentkit.core.tools import ToolSpec
from agentkit.models.openai_api import OpenAIModel
from agentkit.models.openai_wire import Wire
from agentkit.models.server_model import HowAsked
from agentkit.models.speech import UNREADABLE

ADDRESS = "http://127.0.0.1:8000/v1"
"""Where `agentkit serve` listens if nothing else is said."""


class ServedModel(OpenAIModel):
    """A model behind `agentkit serve`."""

    @classmethod
    def found(cls, name: str, **asking: Unpack[HowAsked]) -> "ServedModel":
        """The model of that name at a server, which is asked what it is.

        Raises:
            UnknownModel: the server has another one, or is none of ours.
            ModelError: the server does not answer.
        """
        asking = {**asking, "base_url": asking.get("base_url") or ADDRESS}

        async def listed() -> list[dict[str, Any]]:
            model = OpenAIModel(name, **asking)
            try:
                return await model.listed()
            finally:
                await model.aclose()

        return cls(name, profile=_profile(name, waited(listed)), **asking)

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return f"served:{self._model}"

    def _body(self, request: ModelRequest) -> Wire:
        return served_body(self._model, request)


def served_body(model: str, request: ModelRequest) -> Wire:
    """The parameters of one streamed completion, with all that a request of ours says."""
    sent: Wire = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop),
    }
    if request.tools:
        sent["tools"] = [_tool(tool) for tool in request.tools]
        sent["tool_choice"] = "required" if request.must_call else "auto"
    if request.answer_schema is not None:
        form = {"name": "answer", "schema": request.answer_schema}
        sent["response_format"] = {"type": "json_schema", "json_schema": form}
    if request.top_k is not None:
        sent["top_k"] = request.top_k
    if request.seed is not None:
        sent["seed"] = request.seed
    return sent


def _message(message: Message) -> Wire:
    match message:
        case SystemMessage():
            return {"role": "system", "content": message.text}
        case UserMessage():
            return {"role": "user", "content": message.text}
        case ToolMessage():
            return {
                "role": "tool", "tool_call_id": message.call_id, "name": message.name,
                "content": message.text, "failed": message.failed,
            }  # fmt: skip
        case AssistantMessage():
            calls = [_call(call.id, call.name, call.arguments) for call in message.calls]
            calls += [_call(call.id, call.name, {UNREADABLE: call.text}) for call in message.malformed]
            said: Wire = {"role": "assistant", "content": message.text}
            return {**said, "tool_calls": calls} if calls else said


def _call(call_id: str, name: str, arguments: Mapping[str, Any]) -> Wire:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": call_id, "type": "function", "function": function}


def _tool(tool: ToolSpec) -> Wire:
    function: Wire = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if tool.choices:
        function["choices"] = tool.choices
    return {"type": "function", "function": function}


def _profile(name: str, listed: list[dict[str, Any]]) -> ModelProfile:
    """What a server says of a model of ours.

    Raises:
        UnknownModel: it says nothing.
    """
    for one in listed:
        if one.get("id") == name and isinstance(told := one.get("agentkit"), dict):
            try:
                return msgspec.convert(cast("dict[str, Any]", told), ModelProfile)
            except msgspec.ValidationError as error:
                raise UnknownModel(f"the server says of {name} what is not understood: {error}") from error
    found = ", ".join(str(one.get("id")) for one in listed) or "nothing"
    raise UnknownModel(
        f"no agentkit serve has a model {name!r} at this address; there is {found}; "
        "openai:NAME asks other servers"
    )
