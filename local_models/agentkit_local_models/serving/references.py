"""JSON schemas without references: what a parameter is stands where it is used; and how deep one may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.fields import wrong

_MOST_PARTS = 10_000
"""Of a schema when it is written out: a few references can stand for billions of parts."""
_MOST_DEPTH = 128
"""Of lists and objects within each other: what reads a schema for a grammar stops there, too."""


def parameters_of(value: Any, at: str) -> dict[str, Any]:
    """The schema of what a function takes, written out; it has properties, which may be none.

    Args:
        value: that stands in the request.
        at: where.

    Raises:
        ApiError: it is none of an object, or `written_out` refuses it.
    """
    if not isinstance(value, dict):
        wrong(at, value, "the JSON schema of an object")
    schema = written_out(cast("dict[str, Any]", value), at)
    properties: Any = schema.get("properties", {})
    parts: dict[str, Any] = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {"": None}
    if schema.get("type", "object") != "object" or not all(isinstance(one, dict) for one in parts.values()):
        wrong(at, value, "the JSON schema of an object, with an object of schemas as its properties,")
    required: Any = schema.get("required", [])
    names = cast("list[Any]", required) if isinstance(required, list) else [None]
    if not all(isinstance(name, str) and name in parts for name in names):
        wrong(f"{at}.required", required, "a list of names from its properties")
    for name, part in parts.items():
        if not isinstance(values := part.get("enum", []), list):
            wrong(f"{at}.properties.{name}.enum", values, "a list of values")
    return {**schema, "properties": parts}


def written_out(schema: dict[str, Any], at: str) -> dict[str, Any]:
    """The schema with what its references name in their place, and without its definitions.

    Args:
        schema: whose references all begin with `#/`.
        at: where it stands in the request, for errors.

    Raises:
        ApiError: a reference leads nowhere, or into itself, or the whole is too large or too deep.
    """
    return cast("dict[str, Any]", _Writer(schema, at).written(schema, ()))


def shallow(schema: dict[str, Any], at: str) -> dict[str, Any]:
    """The schema as it is.

    Raises:
        ApiError: it is too deep.
    """
    level: list[Any] = [schema]
    for _ in range(_MOST_DEPTH + 1):
        level = [child for part in level for child in _children(part)]
    if level:
        raise _too_deep(at)
    return schema


def _children(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        return cast("dict[str, Any]", part).values()
    return cast("list[Any]", part) if isinstance(part, list) else ()


def _too_deep(at: str) -> ApiError:
    return ApiError(400, f"{at}: more than {_MOST_DEPTH} lists and objects lie within each other", param=at)


class _Writer:
    def __init__(self, schema: dict[str, Any], at: str) -> None:
        self._schema = schema
        self._at = at
        self._parts = 0

    def written(self, part: Any, within: tuple[str, ...], depth: int = 0) -> Any:
        """A part of the schema, which stands within what these references name and so many other parts."""
        self._parts += 1
        if depth > _MOST_DEPTH:
            raise _too_deep(self._at)
        if self._parts > _MOST_PARTS:
            raise self._refused(f"it has more than {_MOST_PARTS:,} parts when its references are written out")
        if isinstance(part, list):
            return [self.written(one, within, depth + 1) for one in cast("list[Any]", part)]
        if not isinstance(part, dict):
            return part
        members = cast("dict[str, Any]", part)
        named = members.get("$ref")
        # a property can have any of these names; then it is a schema, or not at the root
        left_out = {"$ref"} if isinstance(named, str) else set[str]()
        left_out |= {"$defs", "definitions"} if part is self._schema else set[str]()
        beside = {
            name: self.written(one, within, depth + 1)
            for name, one in members.items()
            if name not in left_out
        }
        if not isinstance(named, str):
            return beside
        if named in within:
            raise self._refused(f"the reference {named!r} leads into itself, which cannot be written out")
        # what stands beside a reference, mostly a description, goes before what it names
        return {**self.written(self._named(named), (*within, named), depth + 1), **beside}

    def _named(self, reference: str) -> dict[str, Any]:
        found: Any = self._schema
        for name in reference.removeprefix("#/").split("/"):
            key = name.replace("~1", "/").replace("~0", "~")
            found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
        if not reference.startswith("#/") or not isinstance(found, dict):
            raise self._refused(f"the reference {reference!r} leads nowhere")
        return cast("dict[str, Any]", found)

    def _refused(self, why: str) -> ApiError:
        return ApiError(400, f"{self._at}: {why}", param=self._at)
