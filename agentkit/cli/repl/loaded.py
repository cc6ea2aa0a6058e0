"""The models of a sitting, each loaded once for all conversations that it answers."""

import asyncio
from collections.abc import Callable

from agentkit.assembly import make_model_of
from agentkit.core.protocols import ChatModel
from agentkit.settings import Settings
from agentkit.tooling.daemon import in_daemon


class LoadedModels:
    """Loads them, and holds them until it is closed."""

    def __init__(self, on_wait: Callable[[str], None]) -> None:
        self._on_wait = on_wait
        self._models: dict[tuple[str, str | None], asyncio.Future[ChatModel]] = {}
        self.doing = ""
        """What is being loaded, for the person."""

    async def model(self, settings: Settings) -> ChatModel:
        """The model that the settings name.

        Raises:
            UnknownModel: there is none by that name, or its weights are not here.
            MissingKey: its provider needs a key.
        """
        key = (settings.model, settings.base_url)
        loading = self._models.get(key)
        if loading is None or (loading.done() and (loading.cancelled() or loading.exception())):
            work = in_daemon(lambda: make_model_of(settings, self._on_wait), "load the model")
            loading = self._models[key] = asyncio.ensure_future(work)
        self.doing = f"loading {settings.model}"
        try:
            # who does not wait any longer finds it loaded the next time
            return await asyncio.shield(loading)
        finally:
            self.doing = ""

    async def aclose(self) -> None:
        """Let go of all of them; one that is still being loaded is given up."""
        for loading in self._models.values():
            if loading.done() and not loading.cancelled() and not loading.exception():
                await loading.result().aclose()
            else:
                loading.cancel()
