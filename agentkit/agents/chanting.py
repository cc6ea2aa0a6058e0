"""Chanting: a model that writes the same words over and over, seen while it writes them."""

from msgspec import Struct

from agentkit.core.events import Loop
from agentkit.core.messages import AssistantMessage
from agentkit.core.protocols import Answer, ChatModel, ModelRequest
from agentkit.core.usage import Usage

LONGEST_UNIT = 300
"""Characters of the longest words that are recognised when they are repeated."""
TIMES = 6
"""So many times are chanting,"""
SHORTEST = 1000
"""and so many characters in all: a ruled line or a table of zeros is not."""
EVERY = 200
"""Characters between two looks."""


class Chant(Struct, frozen=True):
    """Words that are repeated at the end of a text."""

    unit: str
    times: int
    start: int
    """Where in the text they begin."""

    def cut(self, text: str) -> str:
        """The text up to the words, and these twice."""
        return text[: self.start + 2 * len(self.unit)].rstrip() + "…"


class Watch:
    """Looks at a text while it grows, every so often."""

    def __init__(self) -> None:
        self._looked = 0

    def found_in(self, text: str) -> Chant | None:
        """The chanting at the end of the text so far, where it is time to look."""
        if len(text) < self._looked:  # it began anew
            self._looked = 0
        if len(text) < self._looked + EVERY:
            return None
        self._looked = len(text)
        return chant(text)


def cut_off(model: ChatModel, request: ModelRequest, text: str, chanted: Chant) -> Answer:
    """What stands for an answer that went round and round; what it took is estimated, for nobody told."""
    output = model.estimate(ModelRequest((AssistantMessage(text),)))
    usage = Usage(model.estimate(request), min(output, request.max_tokens))
    loop = Loop("chant", chanted.times, told=chanted.unit.strip())
    # what the model reads of it again must not lead it on
    return Answer(AssistantMessage(chanted.cut(text)), usage, "chant", loop)


def chant(text: str) -> Chant | None:
    r"""The words that a text ends in repeating, if it does.

    >>> chant("Done!\n" + "I will look. " * 100)
    Chant(unit='I will look. ', times=100, start=6)
    >>> chant("I will look. " * 10) is None
    True
    """
    for length in range(1, min(LONGEST_UNIT, len(text) // TIMES) + 1):
        least = max(SHORTEST, TIMES * length)
        if len(text) < least or text[-least:-length] != text[-least + length :]:
            continue
        start = len(text) - least
        while start > 0 and text[start - 1] == text[start - 1 + length]:
            start -= 1
        return Chant(text[start : start + length], (len(text) - start) // length, start)
    return None
