"""Tools, both ways."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, ValidationError

from agentkit.core.errors import ToolFault, UsageError
from agentkit.core.runnable.facade import waited
from agentkit.core.tools import Effect
from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext
from agentkit.tooling.sandbox.probe import find_sandbox
from agentkit.tooling.schema import InvalidArguments, Signature
from agentkit.tooling.tool import Tool
from agentkit.tooling.workspace import Workspace


def tool_to_langchain(tool: Tool, workspace: Path | str | None = None) -> BaseTool:
    """One of our tools, for LangChain's agents.

    LangChain asks nobody before it calls a tool: our rules and approvals belong to our loop
    (`agent_runnable` brings them along). What a tool says went wrong is told to the model as its result.

    Args:
        tool: The tool.
        workspace: The folder that it works in, if it touches files.

    Raises:
        UsageError: it wants a folder and was given none, or the folder cannot be used.
    """
    if workspace is None and tool.signature.context_parameter is not None:
        raise UsageError(f"{tool.name} works in a folder; give tool_to_langchain(…, workspace=) one")
    context = _context(workspace)
    spec = tool.spec_in(context) if context is not None else None
    schema = spec.parameters if spec is not None else tool.signature.json_schema

    async def call(**arguments: Any) -> str:
        try:
            return await tool.run(cast("ToolContext", context), tool.check(arguments))
        except ToolFault as fault:
            raise ToolException(str(fault)) from fault

    def call_and_wait(**arguments: Any) -> str:
        return waited(lambda: call(**arguments))

    return StructuredTool.from_function(
        func=call_and_wait,
        coroutine=call,
        name=tool.name,
        description=tool.description,
        args_schema=schema,
        infer_schema=False,
        handle_tool_error=True,
    )


def tool_from_langchain(
    tool: BaseTool,
    *,
    effect: Effect = Effect.IRREVERSIBLE,
    idempotent: bool | None = None,
    untrusted: bool = True,
) -> Tool:
    """One of LangChain's tools, for our agents.

    Args:
        tool: The tool.
        effect: The furthest a call can reach. LangChain's tools do not say it, so without it a call counts
            as one that cannot be undone, and is asked about.
        idempotent: Whether doing it twice is the same as once; as `@tool` has it by itself.
        untrusted: Whether anybody may have written what it tells.
    """
    return Tool(
        name=tool.name,
        description=tool.description,
        effect=effect,
        idempotent=effect in (Effect.PURE, Effect.READS) if idempotent is None else idempotent,
        ends_run=False,
        signature=TheirSignature(_calling(tool), tool),
        untrusted=untrusted,
    )


class TheirSignature(Signature):
    """What one of LangChain's tools takes, by its own schema."""

    def __init__(self, function: Callable[..., Any], tool: BaseTool) -> None:
        super().__init__(function)
        object.__setattr__(self, "tool", tool)

    tool: BaseTool

    @cached_property
    def is_coroutine(self) -> bool:
        """It is awaited."""
        return True

    @cached_property
    def context_parameter(self) -> str | None:
        """None: theirs know nothing of our context."""
        return None

    @cached_property
    def choices(self) -> dict[str, Choices]:
        """None: theirs take the same at any moment."""
        return {}

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        given = self.tool.tool_call_schema
        return given if isinstance(given, dict) else cast("type[BaseModel]", given).model_json_schema()

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as they were given.

        Raises:
            InvalidArguments: they do not fit.
        """
        given = self.tool.tool_call_schema
        if isinstance(given, dict):
            text = json.dumps(given, ensure_ascii=False)
            fault = JsonSchema(text, self.tool.name).fault(json.dumps(dict(arguments), ensure_ascii=False))
            if fault is not None:
                raise InvalidArguments(fault)
            return dict(arguments)
        try:
            cast("type[BaseModel]", given).model_validate(dict(arguments))
        except ValidationError as error:
            lines = [f"argument {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise InvalidArguments("; ".join(lines)) from None
        return dict(arguments)


def _calling(tool: BaseTool) -> Callable[..., Awaitable[Any]]:
    async def call(**arguments: Any) -> Any:
        try:
            return await tool.ainvoke(arguments)
        except ToolException as error:
            raise ToolFault(str(error)) from error

    return call


def _context(workspace: Path | str | None) -> ToolContext | None:
    return None if workspace is None else ToolContext(Workspace.open(Path(workspace)), find_sandbox)
