"""The agent framework: prompts, models, tools, and the loop that drives them.

Importing this package loads values and protocols only; what runs goals is loaded when it is used.
"""

from typing import TYPE_CHECKING, Any

from agentkit.core.errors import AgentkitError, ModelError, ToolFault, UnreadableAnswer, UsageError
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
from agentkit.core.usage import Limits, Price, Usage

if TYPE_CHECKING:
    from agentkit.agents.pool import Pool
    from agentkit.assembly import Outcome, Surroundings, resume_run, run_goal
    from agentkit.core.runnable import Lambda, Parallel, Passthrough, Runnable, Transform
    from agentkit.models.retries import Retries
    from agentkit.models.runnable import as_runnable
    from agentkit.models.scripted import ScriptedModel
    from agentkit.models.wrappers.cached import Cached
    from agentkit.models.wrappers.metered import Metered
    from agentkit.models.wrappers.rate_limited import RateLimited
    from agentkit.models.wrappers.retrying import Retrying
    from agentkit.prompts.chat import ChatPromptTemplate, Placeholder
    from agentkit.prompts.few_shot import FewShot, FewShotPromptTemplate
    from agentkit.prompts.parsers import EnumParser, JsonParser, ListParser, PydanticParser, TextParser
    from agentkit.prompts.text import PromptTemplate
    from agentkit.python import arun, load_model, run
    from agentkit.settings import Settings, load_settings
    from agentkit.tooling.context import ToolContext
    from agentkit.tooling.tool import Tool, tool

__all__ = [
    "AgentkitError",
    "Answer",
    "AssistantMessage",
    "Cached",
    "ChatModel",
    "ChatPromptTemplate",
    "Effect",
    "Ending",
    "EnumParser",
    "Event",
    "FewShot",
    "FewShotPromptTemplate",
    "JsonParser",
    "Lambda",
    "Limits",
    "ListParser",
    "Message",
    "Metered",
    "ModelError",
    "ModelProfile",
    "ModelRequest",
    "Outcome",
    "Parallel",
    "Passthrough",
    "Placeholder",
    "Pool",
    "Price",
    "PromptTemplate",
    "PydanticParser",
    "RateLimited",
    "Recorded",
    "Retries",
    "Retrying",
    "RunEnded",
    "Runnable",
    "ScriptedModel",
    "Settings",
    "Sink",
    "Surroundings",
    "SystemMessage",
    "TextDelta",
    "TextParser",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolFault",
    "ToolMessage",
    "ToolResult",
    "ToolSpec",
    "Transform",
    "UnreadableAnswer",
    "Usage",
    "UsageError",
    "UserMessage",
    "arun",
    "as_runnable",
    "load_model",
    "load_settings",
    "resume_run",
    "run",
    "run_goal",
    "tool",
]

_LATE = {
    "Pool": "agentkit.agents.pool",
    "Outcome": "agentkit.assembly",
    "Surroundings": "agentkit.assembly",
    "arun": "agentkit.python",
    "load_model": "agentkit.python",
    "resume_run": "agentkit.assembly",
    "run": "agentkit.python",
    "run_goal": "agentkit.assembly",
    "Lambda": "agentkit.core.runnable",
    "Parallel": "agentkit.core.runnable",
    "Passthrough": "agentkit.core.runnable",
    "Runnable": "agentkit.core.runnable",
    "Transform": "agentkit.core.runnable",
    "as_runnable": "agentkit.models.runnable",
    "ScriptedModel": "agentkit.models.scripted",
    "Cached": "agentkit.models.wrappers.cached",
    "Metered": "agentkit.models.wrappers.metered",
    "RateLimited": "agentkit.models.wrappers.rate_limited",
    "Retrying": "agentkit.models.wrappers.retrying",
    "Retries": "agentkit.models.retries",
    "ChatPromptTemplate": "agentkit.prompts.chat",
    "Placeholder": "agentkit.prompts.chat",
    "FewShot": "agentkit.prompts.few_shot",
    "FewShotPromptTemplate": "agentkit.prompts.few_shot",
    "EnumParser": "agentkit.prompts.parsers",
    "JsonParser": "agentkit.prompts.parsers",
    "ListParser": "agentkit.prompts.parsers",
    "PydanticParser": "agentkit.prompts.parsers",
    "TextParser": "agentkit.prompts.parsers",
    "PromptTemplate": "agentkit.prompts.text",
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
