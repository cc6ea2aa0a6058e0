"""`@tool`: a typed, documented function becomes something a model can call."""

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast, overload

from agentkit.core.tools import Effect, ToolSpec
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.schema import Signature


@dataclass(frozen=True)
class Tool:
    """A command: what it is called, what it can reach, and the function that does it."""

    name: str
    description: str
    effect: Effect
    idempotent: bool
    """Whether doing it twice is the same as doing it once: such a call is redone after a crash."""
    ends_run: bool
    """Whether a successful call is the agent's last word (`finish`)."""
    signature: Signature

    def spec(
        self,
        context: ToolContext,
        values_of: Callable[[Choices], tuple[str, ...] | None] | None = None,
    ) -> ToolSpec | None:
        """The tool as it can be offered right now, or `None` when no call of it could work.

        A tool is not offered while a required parameter has no possible value: nothing can be
        read in an empty folder.

        Args:
            context: The world that the values are looked up in.
            values_of: Looks the values of a parameter up instead, for who offers many tools at once.
        """
        choices: dict[str, tuple[str, ...]] = {}
        for parameter, marker in self.signature.choices.items():
            values = values_of(marker) if values_of else marker.now(context)
            if values is None:
                continue
            if not values and parameter in self.signature.json_schema.get("required", ()):
                return None
            choices[parameter] = values
        return ToolSpec(self.name, self.description, self.signature.json_schema, choices)

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function wants them.

        Raises:
            InvalidArguments: they do not fit.
        """
        return self.signature.check(arguments)

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        """Call the function with checked arguments and return its result as text.

        A plain function runs in a thread, so that a slow one holds nobody else up; one that is
        declared pure is trusted to be quick and is called at once.
        """
        given = dict(arguments)
        if self.signature.context_parameter is not None:
            given[self.signature.context_parameter] = context
        function = self.signature.function
        if inspect.iscoroutinefunction(function):
            value = await cast("Awaitable[Any]", function(**given))
        elif self.effect is Effect.PURE:
            value = function(**given)
        else:
            value = await in_daemon(lambda: function(**given), self.name)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function directly, as if it were not a tool."""
        return self.signature.function(*args, **kwargs)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    effect: Effect = ...,
    idempotent: bool | None = ...,
    ends_run: bool = ...,
    name: str | None = ...,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = Effect.IRREVERSIBLE,
    idempotent: bool | None = None,
    ends_run: bool = False,
    name: str | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function, from its signature, types and docstring.

    Args:
        function: The function, when used as a bare `@tool`.
        effect: The furthest a call can reach. Undeclared means irreversible: asked about, and
            never redone.
        idempotent: Whether a second call changes nothing more; by default true of what only
            computes or reads.
        ends_run: Whether a successful call is the agent's last word.
        name: What the model calls it; by default the function's name.

    >>> @tool(effect=Effect.PURE)
    ... def add(a: int, b: int) -> int:
    ...     "Add two numbers."
    ...     return a + b
    >>> add.name, add.description, add.check({"a": 1, "b": 2})
    ('add', 'Add two numbers.', {'a': 1, 'b': 2})
    """

    def wrap(function: Callable[..., Any]) -> Tool:
        signature = Signature(function)
        return Tool(
            name=name or function.__name__,
            description=signature.summary,
            effect=effect,
            idempotent=effect in (Effect.PURE, Effect.READS) if idempotent is None else idempotent,
            ends_run=ends_run,
            signature=signature,
        )

    return wrap if function is None else wrap(function)
