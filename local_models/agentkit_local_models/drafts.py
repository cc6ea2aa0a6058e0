"""Guesses at the tokens that come next, which the model then checks several at once.

An agent's answers repeat what is in front of it: file names, lines of code, its own last call. Prompt lookup
(Saxena 2023; Yang et al. 2023, "Inference with Reference") takes what followed the last tokens the last
time they stood there. A wrong guess costs a row of computation and never changes the answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, Protocol

# Tokens that must have stood there before: fewer match by accident, more miss what is nearly the same.
_SHORTEST: Final = 2
_LONGEST: Final = 8
# Passes without a guess, after which one is tried again.
_PROBE: Final = 16
# What a further row costs, as a share of the first: 8 rows took 1.6 to 2.1 times as long as one.
ROW_COST: Final = 0.12
# The weight of what was seen before in the running mean, for each guessed token.
_MEMORY: Final = 0.9


class Drafter(Protocol):
    """What guesses how one sequence goes on."""

    def extend(self, tokens: Sequence[int]) -> None:
        """The sequence goes on with these."""
        ...

    def propose(self, most: int) -> list[int]:
        """What may come next: no more than `most` tokens, often none."""
        ...

    def told(self, proposed: int, accepted: int) -> None:
        """How many tokens of the last guess were right."""
        ...


class PromptLookup:
    """Guesses from the sequence itself: the prompt, what tools returned, the answers before."""

    def __init__(self, *, shortest: int = _SHORTEST, longest: int = _LONGEST) -> None:
        """Begin an empty sequence.

        Args:
            shortest: the fewest tokens at the end that must have stood there before.
            longest: the most that are looked for; more of them equal is a better guess.
        """
        if not 1 <= shortest <= longest:
            raise ValueError(f"shortest is {shortest} and longest {longest}; 1 <= shortest <= longest works")
        self._shortest = shortest
        self._longest = longest
        self._tokens = array("i")
        self._bytes = bytearray()  # the same, since bytes are searched a hundred times faster
        self._width = Width()

    def extend(self, tokens: Sequence[int]) -> None:
        """The sequence goes on with these."""
        new = array("i", tokens)
        self._tokens += new
        self._bytes += new.tobytes()

    def propose(self, most: int) -> list[int]:
        """What followed the longest run of tokens that the sequence ends with, the last time it was there."""
        most = self._width.of(most)
        if not most:
            return []
        for count in range(min(self._longest, len(self._tokens) - 1), self._shortest - 1, -1):
            place = self._last_place_of(count)
            if place is not None:
                return self._tokens[place + count : place + count + most].tolist()
        return []

    def told(self, proposed: int, accepted: int) -> None:
        """Guess wider or narrower from now on."""
        self._width.told(proposed, accepted)

    def _last_place_of(self, count: int) -> int | None:
        """Where the last `count` tokens stand the last time before the end; None for nowhere."""
        size = self._tokens.itemsize
        wanted = bytes(self._bytes[-count * size :])
        end = len(self._bytes) - size
        while (found := self._bytes.rfind(wanted, 0, end)) >= 0:
            if found % size == 0:
                return found // size
            end = found + len(wanted) - 1  # the bytes of two neighbours
        return None


class FirstOf:
    """The guesses of the first of some drafters that has any."""

    def __init__(self, drafters: Sequence[Drafter]) -> None:
        """Begin an empty sequence.

        Args:
            drafters: that have read nothing yet; those whose guesses are cheap or good first.
        """
        self._drafters = drafters
        self._asked = drafters[0]

    def extend(self, tokens: Sequence[int]) -> None:
        """The sequence goes on with these."""
        for drafter in self._drafters:
            drafter.extend(tokens)

    def propose(self, most: int) -> list[int]:
        """What the first that has any guess goes on with."""
        for drafter in self._drafters:
            if found := drafter.propose(most):
                self._asked = drafter
                return found
        return []

    def told(self, proposed: int, accepted: int) -> None:
        """Who guessed is told."""
        self._asked.told(proposed, accepted)


class Width:
    """How many tokens are worth guessing, from how often guesses were right.

    With a share p of right ones, k guesses bring `p + p^2 + ... + p^k` tokens more for `k * row_cost` of a
    pass more; the k with the most tokens for the time is taken.
    """

    def __init__(self, row_cost: float = ROW_COST) -> None:
        self._row_cost = row_cost
        self._right = 0.6
        self._idle = 0

    def of(self, most: int) -> int:
        """The best width up to `most`; now and then one where none seems best, to see whether that holds."""
        best, rate = 0, 1.0
        tokens, likely = 1.0, 1.0
        for width in range(1, most + 1):
            likely *= self._right
            tokens += likely
            if (gain := tokens / (1 + self._row_cost * width)) > rate:
                best, rate = width, gain
        if best or not most:
            return best
        self._idle += 1
        if self._idle < _PROBE:
            return 0
        self._idle = 0
        return 1

    def told(self, proposed: int, accepted: int) -> None:
        """Learn from a guess; what comes after the first wrong token says nothing."""
        for place in range(min(accepted + 1, proposed)):
            self._right = _MEMORY * self._right + (1 - _MEMORY) * (place < accepted)
