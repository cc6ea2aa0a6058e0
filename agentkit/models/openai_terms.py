"""Which parameters one server takes: the protocol has grown, and each server refuses some of it."""

from collections.abc import Mapping
from typing import Any

OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
DISPENSABLE = frozenset(
    {"stream_options", "parallel_tool_calls", "tool_choice", "temperature", "top_p", "top_k", "seed"}
)
"""Parameters without which an answer is still an answer."""
ADAPTABLE = DISPENSABLE | OTHER_NAME.keys()
OF_TOOLS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
"""Left out together where a model is told of its tools in words, and writes calls as text."""


class Terms:
    """What was learnt from a server's refusals; each parameter is given in once, so this ends."""

    def __init__(self, *, tools_in_text: bool = False) -> None:
        self._tools_in_text = tools_in_text
        self._left_out: set[str] = set()
        self._renamed: dict[str, str] = {}

    @property
    def left_out(self) -> frozenset[str]:
        """The parameters that are not sent any more."""
        return frozenset(self._left_out)

    def applied(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as this server takes them."""
        return {
            self._renamed.get(name, name): value for name, value in sent.items() if name not in self._left_out
        }

    def give_in(self, name: str) -> bool:
        """Send `name` no more, or under its other name; false when that is no way out."""
        if name in DISPENSABLE and name not in self._left_out:
            self._left_out.add(name)
            return True
        if name == "tools" and self._tools_in_text and name not in self._left_out:
            self._left_out |= OF_TOOLS
            return True
        if name in OTHER_NAME and not self._renamed:
            self._renamed = {name: OTHER_NAME[name]}
            return True
        return False
