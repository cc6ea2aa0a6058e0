"""Questions to JSON and to tables, without sending the data through the model."""

import json
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

import regex

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import ExistingFile
from agentkit.tooling.context import ToolContext
from agentkit.tooling.nearest import listed, nearest
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit_tools.documents import as_table, rows_of
from agentkit_tools.page import page
from agentkit_tools.text import counted, decoded

MOST_ROWS = 200
"""Rows that one answer shows."""
_STEP = regex.compile(r"""\.?([\p{L}\p{N}_$-]+)|\[(-?\d+|\*)\]|\["([^"]*)"\]|\.?(\*)""")

Comparison = Literal["eq", "ne", "gt", "lt", "ge", "le", "contains"]
Operation = Literal["sum", "avg", "min", "max", "count"]


@tool(effect=Effect.READS)
def query_json(path: ExistingFile, context: ToolContext, query: str = "", first_line: int = 1) -> str:
    """Show a part of a JSON file, indented.

    Args:
        path: The file; with .jsonl, a list of its lines.
        query: Where to look, such as users[0].name, users[*].name or ["odd key"]; all of it by default.
        first_line: The line of the answer to begin with.
    """
    value = _json(decoded(context.workspace.read_bytes(path), path).shown, path)
    for step in _steps(query):
        value = _inside(value, step, query)
    return page(json.dumps(value, indent=2, ensure_ascii=False), first_line, 200, f'"{path}"')


@tool(effect=Effect.READS)
def filter_csv(
    path: ExistingFile, column: str, comparison: Comparison, value: str, context: ToolContext
) -> str:
    """Show the rows of a table whose value in a column compares as asked.

    Args:
        path: A .csv or .tsv file whose first row names the columns.
        column: The column.
        comparison: eq, ne, gt, lt, ge, le (as numbers where both are) or contains.
        value: What is compared with.
    """
    head, rows = _table(path, context)
    at = _column(column, head, path)
    found = [row for row in rows if _compares(row[at] if at < len(row) else "", comparison, value)]
    more = f"\n[{len(found) - MOST_ROWS:,} more are not shown]" if len(found) > MOST_ROWS else ""
    return f"{as_table([head, *found[:MOST_ROWS]])}{more}\n[of {counted(len(rows), 'row')}]"


@tool(effect=Effect.READS)
def aggregate_csv(
    path: ExistingFile, column: str, operation: Operation, context: ToolContext, group_by: str = ""
) -> str:
    """Sum up a column of a table, in whole or by the values of another.

    Args:
        path: A .csv or .tsv file whose first row names the columns.
        column: The column.
        operation: sum, avg, min, max or count.
        group_by: A column; one answer for each of its values.
    """
    head, rows = _table(path, context)
    at = _column(column, head, path)
    by = _column(group_by, head, path) if group_by else None
    groups: dict[str, list[str]] = {}
    for row in rows:
        key = "" if by is None else row[by] if by < len(row) else ""
        groups.setdefault(key, []).append(row[at] if at < len(row) else "")
    if by is None:
        return _aggregated(groups.get("", []), operation, column)
    table = [[key, _aggregated(values, operation, column)] for key, values in groups.items()]
    return as_table([[group_by, f"{operation} of {column}"], *table])


def _json(text: str, path: str) -> Any:
    try:
        if path.endswith((".jsonl", ".ndjson")):
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return json.loads(text)
    except ValueError as error:
        raise ToolFault(f'"{path}" is no JSON: {error}') from None
    except RecursionError:
        raise ToolFault(f'"{path}" is nested too deeply to be read') from None


def _steps(query: str) -> Iterator[str | int]:
    """The keys, numbers and `*` of a query."""
    place = 0
    query = query.removeprefix("$")
    while place < len(query):
        step = _STEP.match(query, place)
        if step is None:
            raise ToolFault(f"{query!r} cannot be read at {query[place:]!r}; write it like users[0].name")
        key, number, quoted, star = step.groups()
        if star or number == "*":
            yield _ALL
        elif number is not None:
            yield int(number)
        else:
            yield key if key is not None else quoted
        place = step.end()


_ALL = "\0all"
"""Stands for every value of a list or object."""


def _inside(value: Any, step: str | int, query: str) -> Any:
    if isinstance(value, _Several):
        return _Several(_inside(each, step, query) for each in cast("list[Any]", value))
    if step == _ALL:
        if isinstance(value, dict):
            return _Several(cast("dict[str, Any]", value).values())
        if isinstance(value, list):
            return _Several(cast("list[Any]", value))
        raise ToolFault(f"in {query!r}, * stands where there is {_named(value)}, and not a list or an object")
    if isinstance(step, int):
        if not isinstance(value, list):
            raise ToolFault(f"in {query!r}, [{step}] stands where there is {_named(value)}, and not a list")
        items = cast("list[Any]", value)
        if not -len(items) <= step < len(items):
            raise ToolFault(f"in {query!r} there is no [{step}]: the list has {counted(len(items), 'item')}")
        return items[step]
    if not isinstance(value, dict):
        raise ToolFault(f"in {query!r}, {step!r} stands where there is {_named(value)}, and not an object")
    entries = cast("dict[str, Any]", value)
    if step not in entries:
        near = nearest(step, list(entries)) or list(entries)
        raise ToolFault(f"in {query!r} there is no {step!r}; there is {listed(near)}")
    return entries[step]


class _Several(list[Any]):
    """Values that the rest of a query is asked of one by one."""


def _named(value: Any) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
        case None:
            return "null"
        case _:
            return f"the value {json.dumps(value)}"


def _table(path: str, context: ToolContext) -> tuple[list[str], list[list[str]]]:
    head, *rows = rows_of(decoded(context.workspace.read_bytes(path), path).shown, path)
    return head, rows


def _column(name: str, head: Sequence[str], path: str) -> int:
    if name not in head:
        raise ToolFault(f'"{path}" has no column {name!r}; it has {listed(list(head))}')
    return list(head).index(name)


_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "lt": operator.lt,
    "ge": operator.ge,
    "le": operator.le,
}


def _compares(found: str, comparison: Comparison, value: str) -> bool:
    if comparison == "contains":
        return value.lower() in found.lower()
    first, second = _number(found), _number(value)
    if first is not None and second is not None:
        return _NUMBERS[comparison](first, second)
    return cast("Callable[[str, str], bool]", _NUMBERS[comparison])(found, value)


def _aggregated(values: Sequence[str], operation: Operation, column: str) -> str:
    if operation == "count":
        return str(sum(bool(value.strip()) for value in values))
    numbers = [number for value in values if value.strip() for number in [_number(value)]]
    if wrong := next(
        (v for v, n in zip([v for v in values if v.strip()], numbers, strict=True) if n is None), ""
    ):
        raise ToolFault(f"{column} holds {wrong!r}, which is no number; count works for any column")
    given = [number for number in numbers if number is not None]
    if not given:
        raise ToolFault(f"{column} holds no number")
    match operation:
        case "sum":
            found = math.fsum(given)
        case "avg":
            found = math.fsum(given) / len(given)
        case "min":
            found = min(given)
        case "max":
            found = max(given)
    return f"{found:.15g}"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


PACK = Pack(
    "data", "ask JSON files and tables: query, filter, sum up", (query_json, filter_csv, aggregate_csv)
)
