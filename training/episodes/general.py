"""General text in the base model's own words: what an adapter is to leave as it was.

The base writes both sides of a chat, and pieces of running text, by sampling: so the rows are drawn
from what it knows itself, and there is no end of them.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from agentkit_local_models.answer import Completion
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.engine import Engine
from agentkit_local_models.sampling import Sampling
from episodes.dice import Dice

AT_ONCE = 16
_MARK = "0f3a"
"""Stands for the person's words while the template is taken apart."""


def write_general(writer: "Writer", path: Path, rows: int) -> None:
    """Write that many rows: two thirds chats, one third running text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file, ThreadPoolExecutor(AT_ONCE) as several:
        written = tried = 0
        while written < rows:
            made = several.map(writer.row, range(tried, tried + AT_ONCE))
            tried += AT_ONCE
            for row in [row for row in made if row is not None][: rows - written]:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
                written += 1


OPENINGS = (
    "The", "In", "A", "It was", "When", "One of the", "For many", "Although", "This", "There are", "She",
    "He", "I", "According to", "During the", "The most", "People", "To", "Most", "At the", "If you", "As a",
    "Once upon",
)  # fmt: skip
"""First words of running text."""


@dataclass(frozen=True)
class Writer:
    """A model that writes both sides of chats.

    Attributes:
        engine: of the model.
        before: tokens of a chat before the person's words.
        after: from these words on to the answer.
        seed: of all rows.
        longest: tokens of a row, at most.
    """

    engine: Engine
    before: tuple[int, ...]
    after: tuple[int, ...]
    seed: int
    longest: int = 150

    @classmethod
    def of(cls, engine: Engine, seed: int) -> "Writer":
        """The writer of an engine's model."""
        checkpoint = engine.checkpoint
        template = ChatTemplate(checkpoint.chat_template or "", checkpoint.special_texts)
        chat = encode_chat(template, engine.tokenizer, [{"role": "user", "content": _MARK}])
        mark = engine.tokenizer.encode(_MARK)
        place = next(n for n in range(len(chat)) if chat[n : n + len(mark)] == mark)
        return cls(engine, tuple(chat[:place]), tuple(chat[place + len(mark) :]), seed)

    def row(self, number: int) -> dict[str, object] | None:
        """The row of this number, or None: too short to be one.

        With the native step the same number is always the same row, whatever is written beside it.
        """
        dice = Dice(f"general {self.seed} {number}")
        if number % 3 == 2:
            opening = dice.choice(OPENINGS)
            text = opening + self._said(self.engine.tokenizer.encode(opening), self.longest, dice).text
            return {"text": text} if len(text.split()) > 20 else None
        asked = self._said(self.before, self.longest, dice)
        left = self.longest - len(asked.token_ids)
        if asked.finish != "stop" or left < 1 or len(asked.text.strip()) < 8:
            return None
        answered = self._said((*self.before, *asked.token_ids, *self.after), left, dice).text.strip()
        if len(answered) < 2:
            return None
        turns = [("user", asked.text.strip()), ("assistant", answered)]
        return {"turns": [{"role": role, "content": content} for role, content in turns]}

    def _said(self, prompt: Sequence[int], most: int, dice: Random) -> Completion:
        """What follows, drawn at temperature 1 from the 95 % that are most likely: what the model expects.

        What is cut off at `most` tokens is kept, too: what is learnt from it is what the base expects.
        """
        sampling = Sampling(
            temperature=1.0, top_k=200, top_p=0.95, max_tokens=most, seed=dice.randrange(1 << 31)
        )
        *_, done = self.engine.generate(prompt, sampling)
        assert isinstance(done, Completion)
        return done
