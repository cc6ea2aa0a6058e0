"""Schemas of an OpenAPI description as plain JSON Schema, every reference followed."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, cast

from agentkit.core.errors import UsageError

_NOTES = frozenset({"example", "examples", "xml", "externalDocs", "discriminator", "format", "default"})
"""They say something and demand nothing, or are of no use to who fills an argument in."""
_DEEPEST = 12
_LARGEST = 2_000
"""Parts of one schema; a model could not fill in so many."""
_NAMED = frozenset({"properties", "patternProperties", "$defs"})
_LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_ONE = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})


def resolved(root: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """What a reference stands for; anything else as it is.

    Raises:
        UsageError: it leads out of the description, or nowhere.
    """
    for _ in range(_DEEPEST):
        if not isinstance(given, dict):
            raise UsageError(f"{given!r} stands where an object must")
        reference = cast("dict[str, Any]", given).get("$ref")
        if reference is None:
            return cast("dict[str, Any]", given)
        if not str(reference).startswith("#/"):
            raise UsageError(f"{reference} leads out of the description, and is not followed")
        given = root
        for part in str(reference)[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(given, dict) or name not in given:
                raise UsageError(f"{reference} leads nowhere")
            given = cast("dict[str, Any]", given)[name]
    raise UsageError("a reference leads to itself")


def plain_schema(root: Mapping[str, Any], given: Any) -> dict[str, Any]:
    """The schema as JSON Schema with nothing of OpenAPI's own in it.

    Raises:
        UsageError: it refers to itself, leads out of the description, or is too large when it is written out.
    """
    return _plain(root, given, 0, count(1))


def _plain(root: Mapping[str, Any], given: Any, depth: int, written: Iterator[int]) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise UsageError("a schema refers to itself, which cannot be written out")
    if next(written) > _LARGEST:
        # a few that refer to each other twice can stand for billions
        raise UsageError(f"a schema has more than {_LARGEST} parts when its references are written out")
    schema = resolved(root, given)
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NOTES or key.startswith("x-") or key == "nullable":
            continue
        plain[key] = _plain_value(root, key, value, depth, written)
    for limit in ("minimum", "maximum"):
        exclusive = f"exclusive{limit.capitalize()}"
        # in 3.0 it says of the limit that it is not reached; in 3.1 it is the limit
        if isinstance(plain.get(exclusive), bool) and plain.pop(exclusive) and limit in plain:
            plain[exclusive] = plain.pop(limit)
    if schema.get("nullable") is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
    return plain


def _plain_value(root: Mapping[str, Any], key: str, value: Any, depth: int, written: Iterator[int]) -> Any:
    def inner(one: Any) -> dict[str, Any]:
        return _plain(root, one, depth + 1, written)

    if key in _NAMED and isinstance(value, dict):
        return {name: inner(one) for name, one in cast("dict[str, Any]", value).items()}
    if key in _LISTED and isinstance(value, list):
        return [inner(one) for one in cast("list[Any]", value)]
    return inner(value) if key in _ONE and isinstance(value, dict) else value
