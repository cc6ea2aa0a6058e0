"""The agent framework: prompts, models, tools, and the loop that drives them.

Importing this package loads values and protocols only; what runs goals is loaded when it is used.
"""

from typing import TYPE_CHECKING, Any

from agentkit.core.errors import AgentkitError, ModelError, ToolFault, UsageError
from agentkit.core.events import Ending, Event, Recorded, RunEnded
from agentkit.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from agentkit.core.protocols import Answer, ChatModel, ModelProfile, ModelRequest, Sink, TextDelta
from agentkit.core.tools import Effect, ToolResult, ToolSpec
from agentkit.core.usage import Limits, Usage

if TYPE_CHECKING:
    from agentkit.assembly import Outcome, Surroundings, arun, resume_run, run, run_goal
    from agentkit.models.scripted import ScriptedModel
    from agentkit.settings import Settings, load_settings
    from agentkit.tooling.context import ToolContext
    from agentkit.tooling.tool import Tool, tool

__all__ = [
    "AgentkitError",
    "Answer",
    "AssistantMessage",
    "ChatModel",
    "Effect",
    "Ending",
    "Event",
    "Limits",
    "Message",
    "ModelError",
    "ModelProfile",
    "ModelRequest",
    "Outcome",
    "Recorded",
    "RunEnded",
    "ScriptedModel",
    "Settings",
    "Sink",
    "Surroundings",
    "SystemMessage",
    "TextDelta",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolFault",
    "ToolMessage",
    "ToolResult",
    "ToolSpec",
    "Usage",
    "UsageError",
    "UserMessage",
    "arun",
    "load_settings",
    "resume_run",
    "run",
    "run_goal",
    "tool",
]

_LATE = {
    "Outcome": "agentkit.assembly",
    "Surroundings": "agentkit.assembly",
    "arun": "agentkit.assembly",
    "resume_run": "agentkit.assembly",
    "run": "agentkit.assembly",
    "run_goal": "agentkit.assembly",
    "ScriptedModel": "agentkit.models.scripted",
    "Settings": "agentkit.settings",
    "load_settings": "agentkit.settings",
    "ToolContext": "agentkit.tooling.context",
    "Tool": "agentkit.tooling.tool",
    "tool": "agentkit.tooling.tool",
}


def __getattr__(name: str) -> Any:
    """Load what runs goals when it is first named."""
    if name not in _LATE:
        raise AttributeError(f"module 'agentkit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATE[name]), name)
