"""Which JSON Schemas can be checked wholly: every keyword known, and each with a value that it can have."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool)
        and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}
"""The types of JSON values, and what is of each."""

_NOTES = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "format",
    }
)
"""They say something and demand nothing; `format` is a note by the standard."""
_ONE = frozenset({"items", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else"})
_LISTED = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_NUMBERS = frozenset(
    {
        "minProperties",
        "maxProperties",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    }
)
_OTHERS = frozenset({"type", "enum", "const", "$ref", "required", "uniqueItems", "pattern"})


def faults_of_schema(root: Any, schema: Any, where: str) -> Iterator[str]:
    """What in a schema, which is a part of `root`, could not be checked."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield f"at {where} stands {shortened(schema)}; a schema is an object, true or false"
        return
    for keyword, given in cast("dict[str, Any]", schema).items():
        place = f"{where}/{keyword}"
        if keyword in _ONE:
            yield from faults_of_schema(root, given, place)
        elif keyword in _LISTED or keyword in _NAMED:
            yield from _faults_within(root, keyword, given, place)
        elif keyword in _NUMBERS or keyword in _OTHERS:
            if fault := _fault_of_value(root, keyword, given):
                yield f"{place}: {fault}"
        elif keyword not in _NOTES:
            yield f"{keyword!r} at {where} is not checked here; leave it out, or say it in other words"


def referred(root: Any, reference: str) -> Any:
    """The part of a schema that a `$ref` in it means."""
    if not reference.startswith("#"):
        raise ValueError(reference)
    found = root
    for part in reference[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = cast("list[Any]", found)[int(name)] if isinstance(found, list) else found[name]
    return found


def shortened(value: Any) -> str:
    """The value as JSON, for a message."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _faults_within(root: Any, keyword: str, given: Any, place: str) -> Iterator[str]:
    if not isinstance(given, dict if keyword in _NAMED else list):
        yield f"{place} stands {shortened(given)}; it holds schemas"
        return
    listed = enumerate(cast("list[Any]", given))
    for name, one in cast("dict[str, Any]", given).items() if keyword in _NAMED else listed:
        if keyword == "patternProperties" and (fault := _fault_of_pattern(name)):
            yield f"{place}: {fault}"
        yield from faults_of_schema(root, one, f"{place}/{name}")


def _fault_of_value(root: Any, keyword: str, given: Any) -> str | None:
    match keyword:
        case "type":
            named = cast("list[Any]", given if isinstance(given, list) else [given])
            fits = all(isinstance(name, str) and name in KINDS for name in named)
            return None if fits else f"{shortened(given)} is none of {', '.join(KINDS)}"
        case "enum" | "required":
            return None if isinstance(given, list) else f"{shortened(given)} is no list"
        case "$ref":
            try:
                referred(root, given)
            except (KeyError, IndexError, ValueError, TypeError, AttributeError):
                return f"{shortened(given)} is not found; only #/… in the same schema can be referred to"
            return None
        case "pattern":
            return _fault_of_pattern(given)
        case "const":
            return None
        case "uniqueItems":
            return None if isinstance(given, bool) else f"{shortened(given)} is neither true nor false"
        case _:
            return None if KINDS["number"](given) else f"{shortened(given)} is no number"


def _fault_of_pattern(given: Any) -> str | None:
    try:
        re.compile(given)
    except (re.error, TypeError) as error:
        return f"{shortened(given)} is no pattern: {error}"
    return None
