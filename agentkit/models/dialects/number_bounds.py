"""Schemas whose numbers have bounds: an exponent that a model may write freely is soon beyond every float."""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

LARGEST: Final = 1e15
"""The largest number that a grammar lets a model write in a call where its schema says nothing."""
_NAME: Final = "any_bounded_value"
_ANYTHING: Final = {"$ref": f"#/$defs/{_NAME}"}
_ANYTHING_IS: Final = {
    "anyOf": [
        {"type": "null"},
        {"type": "boolean"},
        {"type": "string"},
        {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
        {"type": "array", "items": _ANYTHING},
        {"type": "object", "additionalProperties": _ANYTHING},
    ]
}
_SAY_NOTHING: Final = {"description", "title", "default", "examples", "deprecated", "readOnly", "writeOnly"}
_BY_NAME: Final = ("properties", "patternProperties", "$defs", "definitions")
_SEVERAL: Final = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_ONE: Final = ("items", "additionalProperties")
_SHAPES: Final = {"type", "items", "prefixItems", *_BY_NAME[:2], "additionalProperties"}


def bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with a bound on each side of every number that has none, in values of any kind too.

    What a schema says nothing of (`{}`, an array without items, more properties than are named) can be a
    number, so it is said there what any value is. That refers to itself, and the grammar's library cannot
    tell what two such schemas have in common: a schema with parts that have to hold together (`allOf`,
    `oneOf`, or `anyOf` and `$ref` beside more) keeps what it says nothing of.
    """
    whole = cast("dict[str, Any]", _bounded(schema, fills=not _holds_together(schema)))
    if _ANYTHING["$ref"] not in json.dumps(whole):
        return whole
    return {**whole, "$defs": {**whole.get("$defs", {}), _NAME: _ANYTHING_IS}}


def _bounded(schema: Any, *, fills: bool) -> Any:
    if schema is True and fills:
        return _ANYTHING
    if not isinstance(schema, Mapping):
        return schema
    parts = dict(cast("Mapping[str, Any]", schema))
    if fills and parts.keys() <= _SAY_NOTHING:
        return _ANYTHING
    for name in _BY_NAME:
        if isinstance(named := parts.get(name), Mapping):
            each = cast("Mapping[str, Any]", named)
            parts[name] = {one: _bounded(part, fills=fills) for one, part in each.items()}
    for name in _SEVERAL:
        if isinstance(several := parts.get(name), list):
            parts[name] = [_bounded(part, fills=fills) for part in cast("list[Any]", several)]
    for name in _ONE:
        if name in parts:
            parts[name] = _bounded(parts[name], fills=fills)
    kinds = parts.get("type")
    kinds = cast("list[Any]", kinds) if isinstance(kinds, list) else [kinds]
    if "number" in kinds:
        parts |= _missing_bounds(parts)
    if fills and "array" in kinds:
        parts.setdefault("items", _ANYTHING)
    if fills and "object" in kinds:
        parts.setdefault("additionalProperties", _ANYTHING)
    return parts


def _missing_bounds(schema: Mapping[str, Any]) -> dict[str, float]:
    """The bounds that a number has not, where they leave it some value."""
    lows = [schema[name] for name in ("minimum", "exclusiveMinimum") if name in schema]
    highs = [schema[name] for name in ("maximum", "exclusiveMaximum") if name in schema]
    missing: dict[str, float] = {}
    if not lows and all(high > -LARGEST for high in highs):
        missing["minimum"] = -LARGEST
    if not highs and all(low < LARGEST for low in lows):
        missing["maximum"] = LARGEST
    return missing


def _holds_together(schema: Any) -> bool:
    """Whether a value has to fit two schemas at once somewhere."""
    if isinstance(schema, list):
        return any(map(_holds_together, cast("list[Any]", schema)))
    if not isinstance(schema, Mapping):
        return False
    found = cast("Mapping[str, Any]", schema)
    if {"allOf", "oneOf"} & found.keys():
        return True
    if {"anyOf", "$ref"} & found.keys() and _SHAPES & found.keys():
        return True
    return any(map(_holds_together, found.values()))
