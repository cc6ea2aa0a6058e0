"""What a server serves, and what all its paths share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit_local_models.encoder import Encoder
from agentkit_local_models.engine import Engine
from agentkit_local_models.serving.desk import Desk
from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.gate import Gate
from agentkit_local_models.serving.speech import Speech
from agentkit_local_models.serving.tally import Tally


@dataclass(frozen=True, slots=True)
class Decoder:
    """A model that answers.

    Attributes:
        engine: that computes it.
        speech: how it is spoken to; None where it can only go on with a text.
    """

    engine: Engine
    speech: Speech | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken at most.

    Attributes:
        body_bytes: of a request.
        answers: that are being made or wait.
    """

    body_bytes: int = 4 << 20
    answers: int = 64


@dataclass(frozen=True, slots=True)
class Served:
    """A model, its names, and who uses it.

    Attributes:
        name: as it is listed.
        names: all that it answers to.
        model: that answers, or that makes vectors.
        created: when it was loaded, in seconds since 1970.
        profile: how agentkit's own loop should treat it, as JSON; it is told as it is.
        limits: of requests.
        gate: who is let in.
        desk: who asks the engine; None where nothing answers.
        tally: what is counted.
        cut: set when the server has no more time for answers that are not done.
    """

    name: str
    names: frozenset[str]
    model: Decoder | Encoder
    created: int
    limits: Limits = field(default_factory=Limits)
    profile: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gate: Gate = field(init=False)
    desk: Desk | None = field(init=False)
    tally: Tally = field(init=False, default_factory=Tally)
    cut: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gate", Gate(self.limits.answers))
        engine = self.model.engine if isinstance(self.model, Decoder) else None
        desk = None if engine is None else Desk(engine, self.limits.answers)
        object.__setattr__(self, "desk", desk)

    def require(self, name: str) -> None:
        """Refuse a request for another model.

        Raises:
            ApiError: that one is not served.
        """
        if name not in self.names:
            raise ApiError(
                400,
                f"no model {name!r} is served here; {self.name} is",
                param="model",
                code="model_not_found",
            )

    def decoder(self) -> tuple[Decoder, Desk]:
        """The model that answers, and who asks it.

        Raises:
            ApiError: there is none.
        """
        if not isinstance(self.model, Decoder) or self.desk is None:
            raise ApiError(
                400, f"{self.name} answers nothing: it makes vectors, at /v1/embeddings", param="model"
            )
        return self.model, self.desk

    def encoder(self) -> Encoder:
        """The model that makes vectors.

        Raises:
            ApiError: there is none.
        """
        if isinstance(self.model, Decoder):
            raise ApiError(
                400,
                f"{self.name} makes no vectors: it answers; serve an encoder for them, such as local:minilm",
                param="model",
            )
        return self.model

    def close(self) -> None:
        """Let the threads go."""
        if self.desk is not None:
            self.desk.close()
