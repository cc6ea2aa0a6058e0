"""What a model is asked, in a few characters: the same for two requests that say the same."""

import hashlib
from collections.abc import Sequence

import msgspec

from agentkit.core.messages import Message
from agentkit.core.tools import ToolSpec

SAID = 12
"""Characters of a digest that stand for the conversation; the rest stands for the tools."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


class RequestDigest:
    """Digests the requests of one run, each at the price of what is new in it.

    What a model reads and what it can call is in it. How its answer is drawn and how long that may be
    is not: another budget makes no other request.
    """

    def __init__(self) -> None:
        self._said: tuple[Message, ...] = ()
        self._hash = hashlib.blake2b(digest_size=SAID // 2)
        self._form: tuple[tuple[ToolSpec, ...], bool] | None = None
        self._of_form = ""

    def of(self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, must_call: bool) -> str:
        """The digest: of all that was said, and of the tools that can be called now."""
        said = tuple(messages)
        known = len(self._said)
        if said[:known] != self._said:
            known = 0
            self._hash = hashlib.blake2b(digest_size=SAID // 2)
        for message in said[known:]:
            self._hash.update(_ENCODER.encode(message))
        self._said = said
        form = (tuple(tools), must_call)
        if form != self._form:  # seldom: a file came or went, and a tool can take other values now
            self._form = form
            self._of_form = hashlib.blake2b(_ENCODER.encode(form), digest_size=3).hexdigest()
        return self._hash.hexdigest() + self._of_form
