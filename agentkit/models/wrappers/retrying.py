"""A model that is asked again after a fault that passes."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable

from agentkit.core.protocols import ChatModel, ModelRequest
from agentkit.models.retries import Piece, Retries, retried
from agentkit.models.wrappers.wrapped import Wrapped


class Retrying(Wrapped):
    """A model that is asked again, ever later, after rate limits, failing servers and broken streams.

    A stream that breaks off after some of its text yields `StreamRestarted` and begins anew. Models of
    `openai:` do this by themselves; around one of those, every attempt here is several there.

    Args:
        model: The model.
        retries: How often and how long apart.
        on_wait: Told in words of every wait.
        sleep: Waits between attempts.
        rng: Spreads the waits.
    """

    def __init__(
        self,
        model: ChatModel,
        retries: Retries = Retries(),  # noqa: B008 - a frozen value
        *,
        on_wait: Callable[[str], None] = lambda _told: None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(model)
        self._retries = retries
        self._on_wait = on_wait
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret

    def stream(self, request: ModelRequest) -> AsyncGenerator[Piece]:
        """What the model streams, begun anew after each fault that passes.

        Raises:
            ModelError: one that stays, or the last one once the attempts are used up.
        """
        return retried(
            lambda: self.model.stream(request), self._retries, self._sleep, self._rng, self._on_wait
        )
