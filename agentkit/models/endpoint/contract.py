"""What is examined, and what an examination learns."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct, field

from agentkit.core.diagnosis import Diagnosis
from agentkit.core.errors import ModelError
from agentkit.core.messages import UserMessage
from agentkit.core.protocols import Answer, ModelRequest, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.models.openai_api import OpenAIModel, profile_of
from agentkit.models.openai_server import Timeouts
from agentkit.models.retries import Retries, closing

ENOUGH = 1000
"""Tokens of an answer to a probe, which is short, and of the thoughts that some models have before it."""

LONG_ENOUGH = 1.0
"""Seconds before the first piece; of an answer that is quicker nobody can tell whether it was held back."""
AT_ONCE = 0.001
"""Seconds a piece; pieces that come faster than this were not made one after another."""


class Learnt(Struct, frozen=True):
    """What one probe found, and the settings that follow."""

    diagnosis: Diagnosis
    settings: dict[str, Any] = field(default_factory=dict[str, Any])


class Heard(Struct, frozen=True):
    """An answer, and in how many pieces its text came."""

    answer: Answer
    pieces: int
    waited: float
    """Seconds from the request to the first piece of text."""
    took: float
    """Seconds from the first piece to the last."""

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.answer.message.text

    @property
    def held_back(self) -> bool:
        """Whether its pieces came at once after a while, and so not as they were made."""
        at_once = self.took < min(AT_ONCE * self.pieces, self.waited / 50)
        return self.pieces > 1 and self.waited >= LONG_ENOUGH and at_once


@dataclass(frozen=True)
class Endpoint:
    """One model of one server, asked without retries: a fault is what is looked for."""

    url: str
    model: str
    api_key: str | None = None
    seconds: float = 60.0
    """How long silence is borne, and twice that a whole answer."""
    thoughts: str = "tagged"

    def connected(self, form: str | None = None) -> OpenAIModel:
        """The model, its calls in text read in `form`; close it."""
        return OpenAIModel(
            self.model,
            api_key=self.api_key,
            base_url=self.url,
            profile=profile_of(text_calls=form, thoughts=self.thoughts),
            retries=Retries(attempts=1),
            timeouts=Timeouts(idle=self.seconds, total=2 * self.seconds),
        )


async def heard(model: OpenAIModel, request: ModelRequest) -> Heard:
    """The whole answer to a request.

    Raises:
        ModelError: there is none.
    """
    pieces = 0
    asked = time.monotonic()
    first = last = None
    async with closing(model.stream(request)) as stream:
        async for piece in stream:
            if isinstance(piece, Answer):
                last = last or time.monotonic()
                first = first or last
                return Heard(piece, pieces, waited=first - asked, took=last - first)
            pieces += isinstance(piece, TextDelta)
            last = time.monotonic()
            first = first or last
    raise ModelError(f"{model.name} ended its stream without an answer")


def question(words: str, tools: Sequence[ToolSpec] = (), **more: Any) -> ModelRequest:
    """A request of one message."""
    plain = ModelRequest((UserMessage(words),), tuple(tools), max_tokens=ENOUGH)
    return msgspec.structs.replace(plain, **more)
