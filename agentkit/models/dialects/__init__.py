"""How local models are told of tools and write calls."""

from collections.abc import Mapping

from agentkit.models.dialects.begun import BegunCall
from agentkit.models.dialects.chatglm3_calls import ChatGLM3Calls
from agentkit.models.dialects.contract import Dialect, Turn, first_sentence
from agentkit.models.dialects.hermes_calls import HermesCalls
from agentkit.models.dialects.line_calls import LineCalls
from agentkit.models.dialects.python_calls import PythonCalls

__all__ = [
    "DIALECTS",
    "BegunCall",
    "ChatGLM3Calls",
    "Dialect",
    "HermesCalls",
    "LineCalls",
    "PythonCalls",
    "Turn",
    "dialect_of",
    "first_sentence",
]

DIALECTS: Mapping[str, Dialect] = {
    "python": PythonCalls(),
    "hermes": HermesCalls(),
    "lines": LineCalls(),
    "chatglm3": ChatGLM3Calls(),
}


def dialect_of(name: str, trained: str) -> Dialect:
    """The dialect of that name; without one that which a model was trained in, or the most common.

    >>> type(dialect_of("", "chatglm3")).__name__, type(dialect_of("", "")).__name__
    ('ChatGLM3Calls', 'HermesCalls')
    """
    return DIALECTS[name or trained or "hermes"]
