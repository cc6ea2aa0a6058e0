"""Our models as LangChain's chat model."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from operator import itemgetter
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import ConfigDict, Field

from agentkit.bridges.langchain.messages import answer_to_langchain, messages_from_langchain
from agentkit.bridges.langchain.model_pieces import chosen, last_chunk, metadata_of, spec_of, usage_of
from agentkit.bridges.langchain.structured import read_by, with_schema
from agentkit.core.errors import StreamCut, UsageError
from agentkit.core.protocols import Answer, ChatModel, ModelRequest, StreamRestarted, TextDelta
from agentkit.core.runnable.facade import iterated, waited
from agentkit.python import load_model


class ChatAgentkit(BaseChatModel):
    """A model of agentkit, for LangChain.

    >>> from agentkit import ScriptedModel
    >>> ChatAgentkit(model=ScriptedModel(["Hello."])).invoke("Hi").text
    'Hello.'

    Args:
        model: A model, or the name of one, as `local:smollm2` or `openai:gpt-5`.
        temperature: 0 is the likeliest answer; more is more varied.
        max_tokens: The most an answer may have.
        stop: Where an answer ends.
        top_p: The share of likely tokens that is drawn from.
        seed: The same draws again, where the model can.

    A call may give each of these anew, `model` among them. Our models raise typed errors and try again by
    themselves; `with_retry` around them is not needed.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: Any = Field(description="a model of agentkit, or the name of one")
    temperature: float = 0.0
    max_tokens: int = 1024
    stop: list[str] | None = None
    top_p: float = 1.0
    seed: int | None = None
    streaming: bool = False

    def model_post_init(self, context: Any, /) -> None:
        """Load a model that was given by its name."""
        super().model_post_init(context)
        if isinstance(self.model, str):
            self.model = load_model(self.model)

    @property
    def _llm_type(self) -> str:
        return "agentkit"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {
            "model": self._named(self.model),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "agentkit"
        params["ls_model_name"] = self._named(kwargs.get("model", self.model))
        if stop := stop or self.stop:
            params["ls_stop"] = stop
        return params

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        return waited(lambda: self._agenerate(messages, stop, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        model, request = self._asked(messages, stop, kwargs)
        answer: Answer | None = None
        async with AsyncExitStack() as opened:
            async for part in _stream(model, request, opened):
                if isinstance(part, Answer):
                    answer = part
        if answer is None:
            raise StreamCut(f"{model.name} ended its stream without an answer")
        message = answer_to_langchain(
            answer.message,
            usage_metadata=usage_of(answer.usage),
            response_metadata=metadata_of(model, answer),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        return iterated(lambda: cast("Any", self._astream(messages, stop, **kwargs)))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        model, request = self._asked(messages, stop, kwargs)
        given = 0
        answer: Answer | None = None
        async with AsyncExitStack() as opened:
            async for part in _stream(model, request, opened):
                match part:
                    case TextDelta(text):
                        given += len(text)
                        yield ChatGenerationChunk(message=AIMessageChunk(content=text))
                    case StreamRestarted(reason):
                        if given:
                            raise StreamCut(
                                f"{model.name} began its answer anew ({reason}) when {given} characters "
                                "of it were given on; invoke() waits until it is whole"
                            )
                    case Answer():
                        answer = part
        if answer is None:
            raise StreamCut(f"{model.name} ended its stream without an answer")
        yield ChatGenerationChunk(message=last_chunk(model, answer, said=bool(given)))

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call.

        Args:
            tools: Whatever LangChain takes for a tool.
            tool_choice: `any`, `required` or `True` for a call that must be; a tool's name for that one;
                `none` for no call; `auto` or nothing for what the model thinks best.
            kwargs: Further settings of a call.

        Raises:
            UsageError: the choice is the name of no tool.
        """
        formed = [convert_to_openai_tool(one) for one in tools]
        chosen(formed, tool_choice)
        return super().bind(tools=formed, tool_choice=tool_choice, **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """The model, whose answers are of a schema.

        Args:
            schema: A pydantic model, a `TypedDict`, or a JSON Schema.
            include_raw: Whether the answer is a mapping of `raw`, `parsed` and `parsing_error`.
            kwargs: `method`, which is `json_schema` (held to the schema by its server or its grammar),
                `function_calling`, or `json_mode` (the schema is told in words, any JSON will do); `strict`
                is taken for compatibility: a model that can be held is held.

        Raises:
            UsageError: the method is none of these.
        """
        method = kwargs.pop("method", "json_schema")
        strict = kwargs.pop("strict", None)
        if method == "function_calling":
            return super().with_structured_output(
                cast("Any", schema), include_raw=include_raw, strict=strict, **kwargs
            )
        if method not in ("json_schema", "json_mode"):
            raise UsageError(
                f"method = {method!r} cannot be; it must be json_schema, function_calling or json_mode"
            )
        form = convert_to_json_schema(schema)
        held = {"type": "object"} if method == "json_mode" else with_schema(schema)
        llm = super().bind(
            answer_schema=held,
            ls_structured_output_format={"kwargs": {"method": method}, "schema": form},
            **kwargs,
        )
        read = read_by(schema)
        if not include_raw:
            return llm | read
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | read, parsing_error=lambda _: None)
        unread = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=llm) | parsed.with_fallbacks([unread], exception_key="parsing_error")

    def get_num_tokens(self, text: str) -> int:
        """An upper estimate of the tokens of a text, without asking anybody."""
        from agentkit.core.usage import estimated_tokens

        return estimated_tokens(text)

    def _asked(
        self, messages: list[BaseMessage], stop: list[str] | None, settings: dict[str, Any]
    ) -> tuple[ChatModel, ModelRequest]:
        given = {name: value for name, value in settings.items() if not name.startswith("ls_")}
        model = given.pop("model", self.model)
        tools, must_call = chosen(given.pop("tools", []), given.pop("tool_choice", None))
        request = ModelRequest(
            messages=messages_from_langchain(messages),
            tools=tuple(spec_of(one) for one in tools),
            must_call=must_call,
            max_tokens=given.pop("max_tokens", self.max_tokens),
            temperature=given.pop("temperature", self.temperature),
            top_p=given.pop("top_p", self.top_p),
            seed=given.pop("seed", self.seed),
            stop=tuple(stop or self.stop or ()),
            answer_schema=given.pop("answer_schema", None),
        )
        if given:
            raise UsageError(
                f"a call has no setting {', '.join(sorted(given))}; known: model, temperature, max_tokens, "
                "top_p, seed, stop, tools, tool_choice, answer_schema"
            )
        return (load_model(model) if isinstance(model, str) else model), request

    @staticmethod
    def _named(model: ChatModel | str) -> str:
        return model if isinstance(model, str) else model.name


def _stream(
    model: ChatModel, request: ModelRequest, opened: AsyncExitStack
) -> AsyncIterator[TextDelta | StreamRestarted | Answer]:
    stream = model.stream(request)
    if hasattr(stream, "aclose"):
        opened.push_async_exit(aclosing(cast("Any", stream)))
    return stream
