r"""Rows of a data file as conversations.

A row is one line of JSON: `{"turns": [{"role": "user", "content": "…"}, …], "learn": [2, 4]}`.
`learn` names the turns, counted from 0, that the model is to learn to write; without it all of the
assistant's. A row `{"text": "…"}` is running text, learnt from its second token on. Other keys are left
alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.training.packs import Conversation


class DataError(LocalModelError):
    """A row of a data file cannot be used; the message names file and line."""


class Encoder:
    """Turns rows into token ids with a model's own tokenizer and chat template."""

    def __init__(self, checkpoint: Checkpoint, most_tokens: int) -> None:
        """Prepare for one model.

        Args:
            checkpoint: whose tokenizer and template are used; may be closed.
            most_tokens: a longer conversation is an error, never cut.
        """
        if checkpoint.chat_template is None:
            raise DataError(f"{checkpoint.path} has no chat template to write conversations with")
        self._template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
        self._tokenizer = checkpoint.tokenizer
        self._stops = checkpoint.stop_ids
        stages = checkpoint.config.stages
        # beyond its first stage a sequence is rotated otherwise, its shared beginning too
        self._most = min(most_tokens, stages[0]) if len(stages) > 1 else most_tokens
        self._prefixes: dict[str, tuple[int, ...]] = {}

    def conversation(
        self, turns: Sequence[Mapping[str, str]], learn: Sequence[int] | None, *, general: bool = False
    ) -> Conversation:
        """A conversation of these turns.

        Raises:
            ValueError: it is too long, or no turn is to be learnt.
        """
        places = (
            [n for n, turn in enumerate(turns) if turn["role"] == "assistant"] if learn is None else learn
        )
        ids = self._encode(turns)
        if len(ids) > self._most:
            raise ValueError(f"it has {len(ids)} tokens; at most {self._most} are trained on")
        marks = [False] * len(ids)
        for place in places:
            for index in self._span(turns, place, ids):
                marks[index] = True
        if not any(marks):
            raise ValueError("no turn of it is to be learnt")
        prefix = self._prefix(turns, ids)
        start = len(prefix)
        return Conversation(prefix, tuple(ids[start:]), tuple(marks[start:]), general)

    def text(self, text: str, *, general: bool = False) -> Conversation:
        """Running text, without a template.

        Raises:
            ValueError: it is too long, or has fewer than two tokens.
        """
        ids = self._tokenizer.encode(text)
        if not 2 <= len(ids) <= self._most:
            raise ValueError(f"it has {len(ids)} tokens; 2 to {self._most} are trained on")
        return Conversation((), tuple(ids), (False, *[True] * (len(ids) - 1)), general)

    def _encode(self, turns: Sequence[Mapping[str, str]], *, ask: bool = False) -> list[int]:
        return encode_chat(self._template, self._tokenizer, list(turns), add_generation_prompt=ask)

    def _span(self, turns: Sequence[Mapping[str, str]], place: int, ids: list[int]) -> range:
        """Where a turn's own tokens are: after the prompt that asks for it, up to its stop token."""
        prompt = self._encode(turns[:place], ask=True)
        if ids[: len(prompt)] != prompt:
            raise ValueError(f"the chat template changes earlier turns when turn {place} is added")
        # only the template can write a stop token, so the first one ends the turn
        end = next((n for n in range(len(prompt), len(ids)) if ids[n] in self._stops), None)
        if end is None:
            raise ValueError(f"turn {place} does not end in a stop token")
        return range(len(prompt), end + 1)

    def _prefix(self, turns: Sequence[Mapping[str, str]], ids: list[int]) -> tuple[int, ...]:
        """The tokens of the system turn, where the template puts them first."""
        if turns[0]["role"] != "system":
            return ()
        content = turns[0]["content"]
        if content not in self._prefixes:
            self._prefixes[content] = tuple(self._encode(turns[:1]))
        prefix = self._prefixes[content]
        return prefix if tuple(ids[: len(prefix)]) == prefix else ()


def read_conversations(path: Path, encoder: Encoder, *, general: bool = False) -> Iterator[Conversation]:
    """Every row of a data file.

    Raises:
        DataError: a row cannot be used, with its line.
    """
    try:
        file = path.open("rb")  # a line that is no UTF-8 is the fault of that line
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield _conversation(line, encoder, general=general)
                except (ValueError, LocalModelError) as error:
                    raise DataError(f"{path}, line {number}: {error}") from error


def _conversation(line: bytes, encoder: Encoder, *, general: bool) -> Conversation:
    row = _json(line)
    if not isinstance(row, dict):
        raise ValueError('a row is an object with "turns" or "text"')
    row = cast("dict[str, Any]", row)
    if isinstance(text := row.get("text"), str):
        return encoder.text(text, general=general)
    turns = _turns(row.get("turns"))
    return encoder.conversation(turns, _learn(row.get("learn"), turns), general=general)


def _json(line: bytes) -> Any:
    try:
        return json.loads(line.decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at character {error.pos + 1}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error


def _turns(turns: Any) -> list[dict[str, str]]:
    if not isinstance(turns, list) or not turns:
        raise ValueError('a row is an object with "turns" or "text"')
    checked: list[dict[str, str]] = []
    for place, turn in enumerate(cast("list[Any]", turns)):
        if not isinstance(turn, dict):
            raise ValueError(f"turn {place} is no object with a role and content")
        role, content = (cast("dict[str, Any]", turn).get(key) for key in ("role", "content"))
        if not isinstance(role, str) or not isinstance(content, str):
            raise ValueError(f"turn {place} lacks a role or content")
        checked.append({"role": role, "content": content})
    return checked


def _learn(learn: Any, turns: list[dict[str, str]]) -> list[int] | None:
    if learn is None:
        return None
    found = cast("list[Any]", learn) if isinstance(learn, list) else [learn]
    places = [place for place in found if type(place) is int and 0 <= place < len(turns)]
    if not isinstance(learn, list) or len(places) < len(found):
        raise ValueError(f'"learn" names turns from 0 to {len(turns) - 1}; found {learn!r:.120}')
    for place in places:
        if (role := turns[place]["role"]) != "assistant":
            raise ValueError(f"turn {place} is of the role {role!r}; only the assistant's can be learnt")
    return places
