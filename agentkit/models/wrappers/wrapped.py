"""What every model around a model passes on."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

from agentkit.core.protocols import ChatModel, ModelProfile, ModelRequest
from agentkit.models.retries import Piece


class Wrapped(ABC):
    """A model with the name, the profile and the estimate of the model within."""

    def __init__(self, model: ChatModel) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """How a person asks for the model within."""
        return self.model.name

    @property
    def profile(self) -> ModelProfile:
        """What the model within can do."""
        return self.model.profile

    def estimate(self, request: ModelRequest) -> int:
        """What the model within estimates."""
        return self.model.estimate(request)

    @abstractmethod
    def stream(self, request: ModelRequest) -> AsyncGenerator[Piece]:
        """What the model within streams, in this wrapper's manner.

        Raises:
            ModelError: the model could not answer.
        """

    async def aclose(self) -> None:
        """Close the model within."""
        await self.model.aclose()
