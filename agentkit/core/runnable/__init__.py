"""Steps that can be joined: each turns a value, or the pieces of one, into the next."""

from agentkit.core.runnable.passing import Passthrough, Transform
from agentkit.core.runnable.runnable import (
    Fallbacks,
    Lambda,
    Mapped,
    Parallel,
    Retry,
    Runnable,
    Sequence,
    Streaming,
    Whole,
)

__all__ = [
    "Fallbacks",
    "Lambda",
    "Mapped",
    "Parallel",
    "Passthrough",
    "Retry",
    "Runnable",
    "Sequence",
    "Streaming",
    "Transform",
    "Whole",
]
