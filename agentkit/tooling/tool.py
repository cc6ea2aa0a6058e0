"""`@tool`: a typed, documented function becomes something a model can call."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast, overload

from agentkit.core.errors import UsageError
from agentkit.core.tools import Effect, ToolSpec
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.schema import Signature
from agentkit.tooling.taint import Going, source_of

_AS_TEXT = json.JSONEncoder(ensure_ascii=False, default=str)


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
    command_line: str = ""
    """The parameter that holds a command line for a shell, if one does: rules can be about its commands."""
    runs: Callable[[Mapping[str, Any]], str] | None = None
    """The command line that a call amounts to, where no parameter holds it."""
    like: tuple[str, ...] = ()
    """Tools that this is another way of doing: what is denied or asked about there, is here too."""
    pinned: Callable[[ToolContext], str] | None = None
    """What the model is to have before its eyes at every step, as long as it has this tool."""
    lasts: bool = False
    """Whether what it starts goes on after the call, so that no undo of the call covers it."""
    touches: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    """The paths that a call changes, where no argument is one by itself."""
    polls: bool = False
    """Whether it is called again and again to see whether something has changed: that is no loop."""
    delegates: bool = False
    """Whether it deals with agents, whose time in tools is counted in their own runs."""
    leads_to: Callable[[Mapping[str, Any], ToolContext], Awaitable[str]] | None = None
    """Finds where a call leads that its arguments do not say: whoever is asked is told, and
    `ToolContext.leads_to` holds the call to it. It only looks."""
    basic: bool = False
    """Whether most work needs it: where there is no room for all tools, it is the last to be put away."""
    goes_to: Callable[[Mapping[str, Any]], Going] | None = None
    """Where a call over the network goes by its arguments; where nothing says so, it may go anywhere."""
    untrusted: bool = False
    """Whether what it tells may have been written by anybody, as is so of all that the network brings."""

    @property
    def runs_commands(self) -> bool:
        """Whether rules can be about the commands that a call runs."""
        return bool(self.command_line) or self.runs is not None

    def line(self, arguments: Mapping[str, Any]) -> str:
        """The command line that a call with these arguments runs."""
        return self.runs(arguments) if self.runs is not None else str(arguments[self.command_line])

    def source(self, arguments: Mapping[str, Any]) -> str:
        """Where the result of a call comes from, if anybody may have written it; else empty."""
        if not self.untrusted and self.effect is not Effect.NETWORK:
            return ""
        return source_of(self.name, self.goes_to(arguments) if self.goes_to is not None else None)

    def spec(self, values_of: Callable[[Choices], tuple[str, ...] | None]) -> ToolSpec | None:
        """The tool as it can be offered right now, or `None` when no call of it could work.

        A tool is not offered while a required parameter has no possible value: nothing can be
        read in an empty folder.

        Args:
            values_of: Looks the values of a parameter up, in the world as it is (`spec_in` in one world).
        """
        if not self.signature.choices:
            return self._always
        choices: dict[str, tuple[str, ...]] = {}
        for parameter, marker in self.signature.choices.items():
            values = values_of(marker)
            if values is None:
                continue
            if not values and parameter in self.signature.json_schema.get("required", ()):
                return None
            choices[parameter] = values
        return ToolSpec(self.name, self.description, self.signature.json_schema, choices)

    def spec_in(self, context: ToolContext) -> ToolSpec | None:
        """The tool as it can be offered in a world."""
        return self.spec(lambda marker: marker.now(context))

    @cached_property
    def _always(self) -> ToolSpec:
        """How a tool is offered that takes the same at any moment."""
        return ToolSpec(self.name, self.description, self.signature.json_schema)

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function wants them.

        Raises:
            InvalidArguments: they do not fit.
        """
        return self.signature.check(arguments)

    @property
    def in_thread(self) -> bool:
        """Whether a call runs in a thread, which goes on when the call is cut off."""
        return self.effect is not Effect.PURE and not self.signature.is_coroutine

    async def run(self, context: ToolContext, arguments: Mapping[str, Any]) -> str:
        """Call the function with checked arguments and return its result as text.

        A plain function runs in a thread, so that a slow one holds nobody else up; one that is
        declared pure is trusted to be quick and is called at once.
        """
        given = dict(arguments)
        if self.signature.context_parameter is not None:
            given[self.signature.context_parameter] = context
        function = self.signature.function
        if self.in_thread:
            value = await in_daemon(lambda: function(**given), self.name)
        elif self.signature.is_coroutine:
            value = await cast("Awaitable[Any]", function(**given))
        else:
            value = function(**given)
        return value if isinstance(value, str) else _AS_TEXT.encode(value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function directly, as if it were not a tool."""
        return self.signature.function(*args, **kwargs)


def signature_line(tool: Tool) -> str:
    """A tool's arguments on one line, the optional ones with their default."""
    schema = tool.signature.json_schema
    required: Sequence[str] = schema.get("required", ())
    parts = [
        name if name in required else f"{name}={part.get('default')!r}"
        for name, part in schema.get("properties", {}).items()
    ]
    return f"{tool.name}({', '.join(parts)})"


def schema_line(tool: Tool) -> str:
    """A tool's arguments as JSON Schema, on one line."""
    return json.dumps(tool.signature.json_schema, ensure_ascii=False)


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    effect: Effect = ...,
    idempotent: bool | None = ...,
    ends_run: bool = ...,
    name: str | None = ...,
    command_line: str = ...,
    runs: Callable[[Mapping[str, Any]], str] | None = ...,
    like: tuple[str, ...] = ...,
    pinned: Callable[[ToolContext], str] | None = ...,
    lasts: bool = ...,
    touches: Callable[[Mapping[str, Any]], Sequence[str]] | None = ...,
    polls: bool = ...,
    delegates: bool = ...,
    leads_to: Callable[[Mapping[str, Any], ToolContext], Awaitable[str]] | None = ...,
    basic: bool = ...,
    goes_to: Callable[[Mapping[str, Any]], Going] | None = ...,
    untrusted: bool = ...,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = Effect.IRREVERSIBLE,
    idempotent: bool | None = None,
    ends_run: bool = False,
    name: str | None = None,
    command_line: str = "",
    runs: Callable[[Mapping[str, Any]], str] | None = None,
    like: tuple[str, ...] = (),
    pinned: Callable[[ToolContext], str] | None = None,
    lasts: bool = False,
    touches: Callable[[Mapping[str, Any]], Sequence[str]] | None = None,
    polls: bool = False,
    delegates: bool = False,
    leads_to: Callable[[Mapping[str, Any], ToolContext], Awaitable[str]] | None = None,
    basic: bool = False,
    goes_to: Callable[[Mapping[str, Any]], Going] | None = None,
    untrusted: bool = False,
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
        command_line: The parameter that holds a command line for a shell.
        runs: Makes the command line that a call amounts to, where no parameter holds it.
        like: Tools that this is another way of doing: rules that narrow one narrow this too.
        pinned: What the model is to have before its eyes at every step.
        lasts: Whether what it starts goes on after the call.
        touches: Names the paths that a call changes, where no argument is one by itself.
        polls: Whether calling it in the same way again and again is its use, as of a look at a job.
        delegates: Whether it deals with agents: their own calls are limited, and not the wait for them.
        leads_to: Finds where a call leads, for whoever is asked about it.
        basic: Whether it is shown rather than others where there is no room for all.
        goes_to: Tells by the arguments where a call over the network goes.
        untrusted: Whether anybody may have written what it tells; of what reaches the network that is so.

    >>> @tool(effect=Effect.PURE)
    ... def add(a: int, b: int) -> int:
    ...     "Add two numbers."
    ...     return a + b
    >>> add.name, add.description, add.check({"a": 1, "b": 2})
    ('add', 'Add two numbers.', {'a': 1, 'b': 2})

    Raises:
        UsageError: there is no such effect.
    """
    if effect not in (known := tuple(Effect)):  # a rule about effects would not know what to make of it
        raise UsageError(f"effect = {effect!r} cannot be; it must be one of {', '.join(map(str, known))}")

    def wrap(function: Callable[..., Any]) -> Tool:
        signature = Signature(function)
        return Tool(
            name=name or function.__name__,
            description=signature.summary,
            effect=effect,
            idempotent=effect in (Effect.PURE, Effect.READS) if idempotent is None else idempotent,
            ends_run=ends_run,
            signature=signature,
            command_line=command_line,
            runs=runs,
            like=like,
            pinned=pinned,
            lasts=lasts,
            touches=touches,
            polls=polls,
            delegates=delegates,
            leads_to=leads_to,
            basic=basic,
            goes_to=goes_to,
            untrusted=untrusted,
        )

    return wrap if function is None else wrap(function)
