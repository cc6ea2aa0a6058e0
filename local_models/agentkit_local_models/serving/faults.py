"""Refusals and faults as OpenAI's protocol tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit_local_models.errors import (
    ChatTemplateError,
    LocalModelError,
    PromptTooLong,
    TextTooLong,
    TokenizerError,
)
from agentkit_local_models.grammar import GrammarError

_KINDS = {401: "authentication_error", 429: "rate_limit_error"}


class NotAsked(Exception):
    """The engine does not take a prompt."""


class ApiError(Exception):
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        param: the parameter it is about, or None.
        code: a word for programs, or None.
        headers: more of the response's headers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The object that the response holds."""
        kind = _KINDS.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        told = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return {"error": told}


def refusal(error: Exception, *, asked_by: str = "messages", held_by: str = "response_format") -> ApiError:
    """What an error of the engine is to who asked.

    Args:
        error: that the engine raised.
        asked_by: the parameter that the prompt was made of.
        held_by: the parameter that an answer's grammar was made of.
    """
    match error:
        case ApiError():
            return error
        case PromptTooLong() | TextTooLong():
            return ApiError(400, str(error), param=asked_by, code="context_length_exceeded")
        case GrammarError():
            return ApiError(400, f"an answer cannot be held to this: {error}", param=held_by)
        case ChatTemplateError() | TokenizerError() | NotAsked():
            return ApiError(400, str(error), param=asked_by)
        case LocalModelError():
            return ApiError(500, f"the model could not answer: {error}", code="model_failed")
        case _:
            return ApiError(500, f"internal error ({type(error).__name__})", code="internal_error")
