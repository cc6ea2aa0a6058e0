"""The calls of a plan as a model writes them, one a line: `#E1 = read_file(path="a.txt")`."""

import ast
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, cast

from msgspec import Struct

from agentkit.core.errors import AgentkitError
from agentkit.core.tools import Effect
from agentkit.tooling.tool import Tool

MOST_CALLS = 12

_LINE = re.compile(r"[\s>*`-]*#?E(\d+)\s*[=:]\s*(.+?)[\s`*]*", re.IGNORECASE)
_EVIDENCE = re.compile(r"#E(\d+)")
_BARE = re.compile(r"(?<=[=(\[,:\s])#E(\d+)(?=\s*[,)\]}])")


class UnreadablePlan(AgentkitError):
    """What is wrong with a plan, for the model to read."""


class Planned(Struct, frozen=True):
    """One call of a plan."""

    evidence: str
    """Its name in the plan, such as E1; the call's id as well."""
    tool: str
    arguments: dict[str, Any]
    needs: tuple[str, ...]
    """The results that stand in its arguments."""


def read_calls(text: str, tools: Mapping[str, Tool]) -> tuple[Planned, ...]:
    """The calls of a plan, in order; lines that are none are the planner's own words.

    Raises:
        UnreadablePlan: there are none, or one is not a call that can be made.
    """
    calls: list[Planned] = []
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            name = f"E{len(calls) + 1}"
            if f"E{int(found[1])}" != name:
                raise UnreadablePlan(f"found #E{found[1]} where #{name} comes next; number the calls from 1")
            calls.append(_call(name, found[2], tools, known={one.evidence for one in calls}))
    if not calls:
        raise UnreadablePlan("it has no line of the form #E1 = tool(argument=value)")
    if len(calls) > MOST_CALLS:
        raise UnreadablePlan(f"it has {len(calls)} calls, and {MOST_CALLS} are the most")
    return tuple(calls)


def _call(name: str, text: str, tools: Mapping[str, Tool], known: set[str]) -> Planned:
    parsed = _parsed(name, text)
    called = parsed.func.id if isinstance(parsed.func, ast.Name) else ast.unparse(parsed.func)
    tool = tools.get(called)
    if tool is None or tool.ends_run:
        usable = ", ".join(sorted(one.name for one in tools.values() if not one.ends_run))
        raise UnreadablePlan(f"#{name} calls {called}, which is none of {usable}")
    arguments = _arguments(name, parsed, tool)
    needs = tuple(dict.fromkeys(f"E{number}" for number in _named(arguments)))
    if missing := [need for need in needs if need not in known]:
        raise UnreadablePlan(f"#{name} needs #{missing[0]}, which comes later or not at all")
    if needs and (tool.effect is Effect.EXECUTES or tool.runs_commands):
        # text of a file would become a command that nobody has read
        raise UnreadablePlan(
            f"#{name} puts a result into {called}; a program or command is written out in the plan, and "
            "reads what it needs from files"
        )
    return Planned(name, called, arguments, needs)


def _parsed(name: str, text: str) -> ast.Call:
    for candidate in (text, _BARE.sub(r'"#E\1"', text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a pattern such as "\d" is well meant, and read as it stands
                parsed = ast.parse(candidate, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if isinstance(parsed, ast.Call):
            return parsed
    raise UnreadablePlan(f"#{name} is no call of the form tool(argument=value); found {text[:200]!r}")


def _arguments(name: str, parsed: ast.Call, tool: Tool) -> dict[str, Any]:
    parameters = list(tool.signature.json_schema.get("properties", {}))
    if len(parsed.args) > len(parameters):
        raise UnreadablePlan(
            f"#{name} gives {tool.name} {len(parsed.args)} values; it takes {len(parameters)}"
        )
    given = [*zip(parameters, parsed.args, strict=False), *((one.arg, one.value) for one in parsed.keywords)]
    arguments: dict[str, Any] = {}
    for parameter, value in given:
        if parameter is None or parameter not in parameters:
            known = ", ".join(parameters) or "nothing"
            raise UnreadablePlan(f"#{name} gives {tool.name} {parameter}; it takes {known}")
        if parameter in arguments:
            raise UnreadablePlan(f"#{name} gives {tool.name} {parameter} twice")
        try:
            arguments[parameter] = _plain(ast.literal_eval(value))
        except (ValueError, TypeError) as error:
            raise UnreadablePlan(
                f"#{name}: {parameter} is no plain value; found {ast.unparse(value)[:200]!r}"
            ) from error
    return arguments


def _plain(value: Any) -> Any:
    """The value as JSON has it.

    Raises:
        ValueError: it is none.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):  # JSON has no others
            return value
        case list() | tuple():
            return [_plain(item) for item in cast("list[Any]", value)]
        case dict():
            items = cast("dict[Any, Any]", value).items()
            return {key: _plain(item) for key, item in items if isinstance(key, str) or _refuse(key)}
        case _:
            raise ValueError(f"{value!r} is no plain value")


def _refuse(key: object) -> bool:
    raise ValueError(f"{key!r} is no name")


def _named(value: Any) -> Iterator[int]:
    """The numbers of the results that the texts of a value name."""
    match value:
        case str():
            yield from (int(found[1]) for found in _EVIDENCE.finditer(value))
        case list():
            for item in cast("list[Any]", value):
                yield from _named(item)
        case dict():
            for item in cast("dict[str, Any]", value).values():
                yield from _named(item)
        case _:
            return
