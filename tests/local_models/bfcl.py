"""Functions of the Berkeley Function-Calling Leaderboard as tools."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agentkit.core.tools import ToolSpec

ROWS = Path(__file__).parents[1] / "data/bfcl/calls.jsonl"
OTHERS = ROWS.with_name("functions.jsonl")

# The names of kinds in Python, Java and JavaScript that the rows use, beside JSON Schema's own.
_KINDS = {
    "dict": "object",
    "HashMap": "object",
    "Hashtable": "object",
    "float": "number",
    "double": "number",
    "long": "integer",
    "Integer": "integer",
    "tuple": "array",
    "ArrayList": "array",
    "Array": "array",
    "String": "string",
    "Boolean": "boolean",
}
_OWN = {"object", "number", "integer", "array", "string", "boolean", "null"}


def rows(file: Path = ROWS) -> Iterator[tuple[str, str, list[ToolSpec]]]:
    """Each row's id, the question, and the tools it offers."""
    for line in file.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        if row.get("function"):
            question = row["question"][0][-1]["content"]
            yield row["id"], question, [_tool(function) for function in row["function"]]


def offers() -> Iterator[tuple[str, list[ToolSpec]]]:
    """The id and the tools of every open row, each set of tools once."""
    yield from ((name, tools) for name, _, tools in rows())
    for line in OTHERS.read_text(encoding="utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        yield row["id"], [_tool(function) for function in row["function"]]


def _tool(function: dict[str, Any]) -> ToolSpec:
    return ToolSpec(function["name"], function["description"], _schema(function["parameters"]))


def _schema(part: dict[str, Any]) -> dict[str, Any]:
    """The part as JSON Schema: kinds by their names there, and only what says which values fit."""
    kind = _KINDS.get(part.get("type", ""), part.get("type"))
    schema: dict[str, Any] = {"type": kind} if kind in _OWN else {}
    if "description" in part:
        schema["description"] = part["description"]
    if kind == "object" and isinstance(part.get("properties"), dict):
        schema["properties"] = {name: _schema(inner) for name, inner in part["properties"].items()}
        schema["required"] = [name for name in part.get("required", ()) if name in schema["properties"]]
    if kind == "array" and isinstance(part.get("items"), dict):
        schema["items"] = _schema(part["items"])
    if isinstance(part.get("enum"), list):
        schema["enum"] = part["enum"]
    return schema
