"""LangChain's chat models as ours."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk

from agentkit.bridges.langchain.messages import answer_from_langchain, messages_to_langchain
from agentkit.core.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    ModelError,
    ProviderDown,
    RateLimited,
    StreamCut,
)
from agentkit.core.protocols import Answer, ModelProfile, ModelRequest, TextDelta
from agentkit.core.tools import ToolSpec
from agentkit.core.usage import Usage
from agentkit.models.estimate import estimated_input, estimated_usage

WINDOW = 8_192
"""Tokens that are taken for the window of a model that says none."""
_FINISHES = {
    "length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "tool_calls": "calls",
    "tool_use": "calls",
}


def model_from_langchain(
    model: BaseChatModel, *, name: str = "", profile: ModelProfile | None = None
) -> "LangChainModel":
    """One of LangChain's chat models, for chains and agents of ours.

    Args:
        model: The chat model, with its key and its address.
        name: How it is called in records; by itself `langchain:` and what the model calls itself.
        profile: What it can do; by itself the window it says it has, or 8,192 tokens.
    """
    return LangChainModel(model, name, profile)


class LangChainModel:
    """What `model_from_langchain` makes: a `ChatModel`."""

    def __init__(self, model: BaseChatModel, name: str, profile: ModelProfile | None) -> None:
        self.model = model
        said: dict[str, Any] = cast("dict[str, Any]", getattr(model, "profile", None) or {})
        self._name = name or f"langchain:{_name_of(model)}"
        self._profile = profile or ModelProfile(
            context_window=int(said.get("max_input_tokens") or WINDOW),
            max_output_tokens=int(said.get("max_output_tokens") or 1024),
        )

    @property
    def name(self) -> str:
        """How it is called in records."""
        return self._name

    @property
    def profile(self) -> ModelProfile:
        """What it can do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:
        """An upper estimate of the request's tokens, without asking anybody."""
        return estimated_input(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """The text as it comes, then the answer.

        Raises:
            ModelError: the model could not answer; which kind, as far as its own error tells.
        """
        if request.answer_schema is not None:
            raise BadRequest(f"{self._name} is held to no schema through this bridge; it is asked in words")
        whole: AIMessageChunk | None = None
        try:
            stream = self._bound(request).astream(
                messages_to_langchain(request.messages), **_settings(request)
            )
            # whoever stops reading has the provider's connection closed then, and not at some later time
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    piece = cast("AIMessageChunk", chunk)
                    whole = piece if whole is None else whole + piece
                    if text := str(piece.text):
                        yield TextDelta(text)
        except ModelError:
            raise  # one of ours, behind their interface
        except Exception as error:
            raise fault_of(error, self._name) from error
        if whole is None:
            raise StreamCut(f"{self._name} ended its stream without an answer")
        message = answer_from_langchain(whole)
        yield Answer(message, _usage(whole) or estimated_usage(request, message), _finish(whole))

    async def aclose(self) -> None:
        """Their models have nothing to give back; each closes its own connections."""

    def _bound(self, request: ModelRequest) -> Any:
        if not request.tools:
            return self.model
        tools = [_tool(one) for one in request.tools]
        choice = {"tool_choice": "any"} if request.must_call else {}
        return self.model.bind_tools(tools, **choice)


def fault_of(error: Exception, name: str) -> ModelError:
    """What an error of a provider's library is in ours, by the status that it carries."""
    status = getattr(error, "status_code", None) or getattr(
        getattr(error, "response", None), "status_code", None
    )
    kind: type[ModelError] = ModelError
    if "context" in type(error).__name__.lower() and "overflow" in type(error).__name__.lower():
        kind = ContextOverflow
    elif isinstance(status, int):
        kind = (
            AuthenticationFailed if status in (401, 403)
            else RateLimited if status == 429
            else ProviderDown if status >= 500 or status == 408
            else BadRequest
        )  # fmt: skip
    elif isinstance(error, OSError) or "timeout" in type(error).__name__.lower():
        kind = ProviderDown
    return kind(f"{name}: {type(error).__name__}: {error}")


def _settings(request: ModelRequest) -> dict[str, Any]:
    """What a call is given beside its messages, as most of their models take it."""
    given: dict[str, Any] = {"temperature": request.temperature, "max_tokens": request.max_tokens}
    if request.stop:
        given["stop"] = list(request.stop)
    if request.top_p != 1.0:
        given["top_p"] = request.top_p
    if request.seed is not None:
        given["seed"] = request.seed
    return given


def _tool(spec: ToolSpec) -> dict[str, Any]:
    """A tool as OpenAI writes it, which all of their models take; living choices stand in its schema."""
    parameters = spec.parameters
    if spec.choices:
        properties = {
            name: {**schema, "enum": list(spec.choices[name])} if name in spec.choices else schema
            for name, schema in cast("dict[str, Any]", parameters["properties"]).items()
        }
        parameters = {**parameters, "properties": properties}
    return {
        "type": "function",
        "function": {"name": spec.name, "description": spec.description, "parameters": parameters},
    }


def _usage(message: AIMessage) -> Usage | None:
    told = message.usage_metadata
    if told is None:
        return None
    cached = (told.get("input_token_details") or {}).get("cache_read") or 0
    return Usage(told["input_tokens"], told["output_tokens"], cached)


def _finish(message: AIMessage) -> str:
    metadata = cast("dict[str, Any]", message.response_metadata)
    said = str(metadata.get("finish_reason") or metadata.get("stop_reason") or "")
    return _FINISHES.get(said, "calls" if message.tool_calls else "stop")


def _name_of(model: BaseChatModel) -> str:
    for field in ("model_name", "model", "model_id"):
        if isinstance(named := getattr(model, field, None), str):
            return named
    return str(getattr(model, "_llm_type"))  # noqa: B009 - it is how their classes name themselves
