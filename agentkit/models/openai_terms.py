"""Which parameters one server takes: the protocol has grown, and each server refuses some of it."""

from collections.abc import Mapping
from typing import Any

OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
DISPENSABLE = frozenset(
    {"stream_options", "parallel_tool_calls", "tool_choice", "temperature", "top_p", "top_k", "seed"}
)
"""Parameters without which an answer is still an answer."""
ADAPTABLE = DISPENSABLE | OTHER_NAME.keys()


class Terms:
    """What was learnt from a server's refusals; each parameter is given in once, so this ends."""

    def __init__(self) -> None:
        self._left_out: set[str] = set()
        self._renamed: dict[str, str] = {}

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
        if name in OTHER_NAME and not self._renamed:
            self._renamed = {name: OTHER_NAME[name]}
            return True
        return False
