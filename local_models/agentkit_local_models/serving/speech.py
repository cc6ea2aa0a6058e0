"""How the served model is spoken to: what whoever starts the server knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agentkit_local_models.serving.chat_request import Call, Chat


@dataclass(frozen=True, slots=True)
class Read:
    """An answer as it was meant: text, calls, or both."""

    text: str
    calls: tuple[Call, ...]


class Reading(Protocol):
    """Answers to one conversation, read; any thread may call it."""

    def visible(self, text: str) -> str:
        """What of an unfinished answer is text for a person, and stays so."""
        ...

    def begun(self, text: str) -> Call | None:
        """What of an unfinished answer is a call, and stays so: its function, and how its arguments begin."""
        ...

    def whole(self, text: str) -> Read:
        """A whole answer."""
        ...


class Speech(Protocol):
    """Conversations to tokens, and answers back; any thread may call it."""

    def prompt(self, chat: Chat) -> list[int]:
        """The token ids of a conversation, up to where the answer begins.

        Raises:
            LocalModelError: the model cannot be told this.
        """
        ...

    def grammar(self, chat: Chat) -> str | None:
        """The Lark text that an answer is held to; None where any text will do."""
        ...

    def reading(self, chat: Chat) -> Reading:
        """How answers to a conversation are read."""
        ...

    def wrote(self, prompt: Sequence[int], answer: Sequence[int]) -> None:
        """The model answered a prompt in these tokens; its next prompt may go on from them."""
        ...
