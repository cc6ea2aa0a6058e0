"""What a server serves, and what all its paths share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
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
        head_seconds: within which the line and the headers of a request have to come.
        body_seconds: within which a body has to come.
        take_seconds: within which a client has to take a part of what it is sent: who reads nothing must not
            hold a place for ever.
    """

    body_bytes: int = 4 << 20
    answers: int = 64
    head_seconds: float = 30.0
    body_seconds: float = 30.0
    take_seconds: float = 60.0


class Served:
    """Models by name, of which all but the first are the first with an adapter, and who uses them.

    Attributes:
        models: each by the name that it is listed by; the first is the one that was asked for.
        created: when they were loaded, in seconds since 1970.
        limits: of requests.
        profile: how agentkit's own loop should treat them, as JSON; it is told as it is.
        gate: who is let in.
        desk: who asks the engine.
        tally: what is counted.
        cut: set when the server has no more time for answers that are not done.
    """

    def __init__(
        self,
        models: Mapping[str, Decoder | Encoder],
        *,
        typed: str = "",
        created: int = 0,
        limits: Limits | None = None,
        profile: Mapping[str, Any] | None = None,
    ) -> None:
        """Nobody uses them yet.

        Args:
            models: one or more; decoders among them share pages and steps.
            typed: what the first was asked for by; it goes by that, too.
            created: when they were loaded, in seconds since 1970.
            limits: of requests.
            profile: how agentkit's own loop should treat them.
        """
        self.models = dict(models)
        self.created = created
        self.limits = limits or Limits()
        self.profile = dict(profile or {})
        self.gate = Gate(self.limits.answers)
        self.desk = Desk(self.limits.answers)
        self.tally = Tally()
        self.cut = asyncio.Event()
        self._typed = typed

    @property
    def first(self) -> Decoder | Encoder:
        """The model that was asked for."""
        return next(iter(self.models.values()))

    def name_of(self, name: str) -> str | None:
        """The name that a model is listed by which is called so; None where there is none."""
        if name == self._typed:
            return next(iter(self.models))
        listed = name.removeprefix("local:")
        return listed if listed in self.models else None

    def decoder(self, name: str) -> tuple[str, Decoder]:
        """A model that answers, and its name.

        Raises:
            ApiError: there is none of that name, or it answers nothing.
        """
        listed, model = self._find(name)
        if not isinstance(model, Decoder):
            raise ApiError(
                400, f"{listed} answers nothing: it makes vectors, at /v1/embeddings", param="model"
            )
        return listed, model

    def encoder(self, name: str) -> tuple[str, Encoder]:
        """A model that makes vectors, and its name.

        Raises:
            ApiError: there is none of that name, or it makes none.
        """
        listed, model = self._find(name)
        if isinstance(model, Decoder):
            raise ApiError(
                400,
                f"{listed} makes no vectors: it answers; serve an encoder for them, such as local:minilm",
                param="model",
            )
        return listed, model

    def close(self) -> None:
        """Let the threads go."""
        self.desk.close()

    def unknown(self, name: str, status: int) -> ApiError:
        """What is said to who asks for a model that is not here."""
        there = ", ".join(self.models)
        message = f"no model {name!r} is served here; {there} can be had"
        return ApiError(status, message, param="model", code="model_not_found")

    def _find(self, name: str) -> tuple[str, Decoder | Encoder]:
        listed = self.name_of(name)
        if listed is None:
            raise self.unknown(name, 400)
        return listed, self.models[listed]
