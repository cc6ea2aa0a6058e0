"""How local models are told of tools and write calls."""

from collections.abc import Mapping

from agentkit.models.dialects.begun import BegunCall
from agentkit.models.dialects.contract import Dialect, Turn, first_sentence
from agentkit.models.dialects.hermes_calls import HermesCalls
from agentkit.models.dialects.line_calls import LineCalls
from agentkit.models.dialects.python_calls import PythonCalls

__all__ = [
    "DIALECTS",
    "BegunCall",
    "Dialect",
    "HermesCalls",
    "LineCalls",
    "PythonCalls",
    "Turn",
    "first_sentence",
]

DIALECTS: Mapping[str, Dialect] = {"python": PythonCalls(), "hermes": HermesCalls(), "lines": LineCalls()}
