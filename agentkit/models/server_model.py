"""What all models behind an OpenAI-compatible server share: the server, and how it is asked again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Required, TypedDict

from agentkit.core.errors import ModelError
from agentkit.models.openai_server import Server, Timeouts
from agentkit.models.retries import Retries, announced


class HowAsked(TypedDict, total=False):
    """How a server is asked: the named arguments of `ServerModel`."""

    api_key: Required[str | None]
    base_url: str | None
    timeouts: Timeouts | None
    retries: Retries | None
    on_wait: Callable[[str], None] | None
    sleep: Callable[[float], Awaitable[object]]
    rng: random.Random | None


class ServerModel:
    """A model of a server.

    Args:
        name: The model as its server knows it.
        api_key: The key; `None` is fine for a server of one's own.
        base_url: Where the server is; `None` is OpenAI itself.
        timeouts: How long silence is borne.
        retries: How often and how long apart a request is made again.
        on_wait: Told in words of every wait, and of everything the server made us do differently.
        sleep: Waits between attempts.
        rng: Spreads the waits.

    Raises:
        MissingKey: the server needs a key and none is given.
        UsageError: the address is none.
    """

    def __init__(
        self,
        name: str,
        *,
        api_key: str | None,
        base_url: str | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        on_wait: Callable[[str], None] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._model = name
        self._server = Server(base_url, api_key, timeouts or Timeouts())
        self._retries = retries or Retries()
        self._on_wait = on_wait
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._model} at {self._server.host}>"

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return f"openai:{self._model}"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _wait(self, attempt: int, error: ModelError) -> None:
        """Wait before the attempt after number `attempt`, and say why.

        Raises:
            ModelError: there is none; see `Retries.wait`.
        """
        await self._sleep(announced(self._retries, attempt, error, self._rng, self._say))

    def _say(self, words: str) -> None:
        if self._on_wait is not None:
            self._on_wait(words)
