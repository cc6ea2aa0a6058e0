"""`provider:name` to a model; the provider's code is imported when its first model is made."""

from collections.abc import Callable
from pathlib import Path

from agentkit.core.errors import UnknownModel
from agentkit.core.protocols import ChatModel
