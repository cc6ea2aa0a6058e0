"""The tokens a model wrote, by their text, so that a conversation goes on with the very same.

A text can be made of tokens in many ways, and a model does not always choose the tokenizer's. Were its answer
made into tokens again for the next prompt, all after the first difference would be computed again, and the
model would read another history than the one it wrote.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from agentkit_local_models.tokenizer import Tokenizer

# Answers that are remembered; the longest unused is forgotten first.
_MOST: Final = 1_024


class Written:
    """Texts between added tokens as they were written; threads may share it."""

    def __init__(self, tokenizer: Tokenizer, most: int = _MOST) -> None:
        """Nothing was written yet."""
        self._tokenizer = tokenizer
        self._added = {token.id for token in tokenizer.added_tokens}
        self._most = most
        self._ids: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, prompt: Sequence[int], answer: Sequence[int]) -> None:
        """An answer followed a prompt.

        What is remembered is all from the prompt's last added token on: between two of these a text is
        made into tokens as a whole. An answer that has added tokens itself is left to the tokenizer.
        """
        start = len(prompt)
        while start and prompt[start - 1] not in self._added:
            start -= 1
        if not start or not answer or not self._added.isdisjoint(answer):
            return
        ids = (*prompt[start:], *answer)
        text = self._tokenizer.decode(ids, skip_special=False)
        with self._lock:
            self._ids[text] = ids
            self._ids.move_to_end(text)
            if len(self._ids) > self._most:
                self._ids.popitem(last=False)

    def find(self, text: str) -> tuple[int, ...] | None:
        """The tokens that a text between added tokens was written in; None if it was not."""
        with self._lock:
            if text in self._ids:
                self._ids.move_to_end(text)
            return self._ids.get(text)
