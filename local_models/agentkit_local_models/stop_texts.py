"""Stop texts: an answer ends where one appears, and no part of it is shown."""

from __future__ import annotations

from collections.abc import Sequence


class StopTexts:
    """Lets text through until a stop text appears; holds back what might become one.

    >>> gate = StopTexts(["</answer>"])
    >>> gate.push("42</ans"), gate.push("wer> and so on"), gate.found
    ('42', '', True)
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """What may be shown now; after a stop text was found, nothing."""
        if self.found:
            return ""
        held = self._held + text
        places = [place for stop in self._stops if (place := held.find(stop)) >= 0]
        self.found = bool(places)
        keep = min(places) if places else len(held) - self._possible_start(held)
        self._held = "" if places else held[keep:]
        return held[:keep]

    def release(self) -> str:
        """What was held back, at the end of an answer that no stop text ended."""
        held, self._held = self._held, ""
        return held

    def _possible_start(self, held: str) -> int:
        """The length of the longest end of `held` that a stop text starts with."""
        longest = min(len(held), max(map(len, self._stops), default=1) - 1)
        for length in range(longest, 0, -1):
            if any(stop.startswith(held[-length:]) for stop in self._stops):
                return length
        return 0
