"""A model for several agents at once: each conversation has a script of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from agentkit.core.messages import AssistantMessage, ToolCall, UserMessage
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.models.estimate import estimated_input
from agentkit.models.scripted import Scripted, ScriptedModel


class Cast:
    """Plays the script of whoever the first message names, from where the conversation stands."""

    def __init__(self, **scripts: Sequence[Scripted]) -> None:
        self.name = "scripted:cast"
        self.profile = ModelProfile(context_window=1_000_000)
        self.scripts: Mapping[str, Sequence[Scripted]] = scripts
        self.requests: dict[str, list[ModelRequest]] = {name: [] for name in scripts}
        self.was_asked = {name: asyncio.Event() for name in scripts}

    def estimate(self, request: ModelRequest) -> int:
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        first = next(one.text for one in request.messages if isinstance(one, UserMessage))
        name = next(name for name in self.scripts if name in first)
        self.requests[name].append(request)
        self.was_asked[name].set()
        said = sum(isinstance(one, AssistantMessage) for one in request.messages)
        await asyncio.sleep(0)
        async for piece in ScriptedModel(self.scripts[name][said : said + 1]).stream(_anew(request)):
            yield piece

    async def aclose(self) -> None: ...


def _anew(request: ModelRequest) -> ModelRequest:
    """The request without its answers: the script was cut to the one that is wanted."""
    rest = tuple(one for one in request.messages if not isinstance(one, AssistantMessage))
    return ModelRequest(rest, request.tools, max_tokens=request.max_tokens)


def call(tool: str, call_id: str = "c", **arguments: Any) -> ToolCall:
    return ToolCall(call_id, tool, arguments)
