"""Whether a JSON text is valid by a JSON Schema, and where it is not.

The schema is checked first: a keyword that would not be looked at is refused, so that nothing is called
valid that was not wholly checked.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import msgspec

from agentkit.core.errors import UsageError
from agentkit.prompts.parsers.json_keywords import KINDS, faults_of_schema, referred, shortened


class JsonSchema:
    """A schema whose every keyword is checked.

    >>> schema = JsonSchema('{"type": "object", "required": ["port"]}')
    >>> schema.fault('{"port": 80}'), schema.fault("{}")
    (None, "the value has no 'port', which is required")

    Args:
        text: The schema as JSON.
        source: Where it comes from, for the messages.

    Raises:
        UsageError: it is no JSON, no schema, or has a keyword that is not checked here.
    """

    def __init__(self, text: str, source: str = "the schema") -> None:
        try:
            self.schema: Any = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise UsageError(f"{source} is not JSON: {error}; write a JSON Schema") from error
        self.text = json.dumps(self.schema, ensure_ascii=False)
        """The schema on one line."""
        for fault in faults_of_schema(self.schema, self.schema, "#"):
            raise UsageError(f"{source}: {fault}")

    def fault(self, answer: str) -> str | None:
        """What is wrong with an answer, or `None` when it is valid JSON by the schema."""
        try:
            value = msgspec.json.decode(answer)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return f"it is not JSON: {error}"
        try:
            return next(self._faults(value, self.schema, "the value"), None)
        except RecursionError:
            return "it is nested too deeply, or the schema refers to itself without an end"

    def _faults(self, value: Any, schema: Any, where: str) -> Iterator[str]:
        """Everything in `value` that the schema does not allow, the outermost first."""
        if isinstance(schema, bool):
            if not schema:
                yield f"{where} must not be there"
            return
        if "$ref" in schema:
            yield from self._faults(value, referred(self.schema, schema["$ref"]), where)
        yield from _of_any_kind(value, schema, where)
        if isinstance(value, dict):
            yield from self._of_object(cast("dict[str, Any]", value), schema, where)
        elif isinstance(value, list):
            yield from self._of_array(cast("list[Any]", value), schema, where)
        elif isinstance(value, str):
            yield from _of_string(value, schema, where)
        elif KINDS["number"](value):
            yield from _of_number(value, schema, where)
        yield from self._of_choices(value, schema, where)

    def _of_object(self, value: dict[str, Any], schema: dict[str, Any], where: str) -> Iterator[str]:
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{where} has no {name!r}, which is required"
        yield from _in_number(len(value), schema, "Properties", f"{where} has", "properties")
        properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, one in value.items():
            inside = f"{where}[{name!r}]"
            if "propertyNames" in schema:
                yield from self._faults(name, schema["propertyNames"], f"the name {name!r} in {where}")
            fitting = [properties[name]] if name in properties else []
            fitting += [rule for pattern, rule in patterns.items() if re.search(pattern, name)]
            for rule in fitting:
                yield from self._faults(one, rule, inside)
            if not fitting and "additionalProperties" in schema:
                yield from self._faults(one, schema["additionalProperties"], inside)

    def _of_array(self, value: list[Any], schema: dict[str, Any], where: str) -> Iterator[str]:
        yield from _in_number(len(value), schema, "Items", f"{where} has", "items")
        first: list[Any] = schema.get("prefixItems", [])
        for index, one in enumerate(value):
            if index < len(first):
                yield from self._faults(one, first[index], f"{where}[{index}]")
            elif "items" in schema:
                yield from self._faults(one, schema["items"], f"{where}[{index}]")
        if schema.get("uniqueItems") and any(_same(one, other) for one, other in combinations(value, 2)):
            yield f"{where} holds an item twice"
        if "contains" in schema and all(self._is_faulty(one, schema["contains"]) for one in value):
            yield f"{where} holds no item as it must contain"

    def _of_choices(self, value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
        for one in schema.get("allOf", ()):
            yield from self._faults(value, one, where)
        if "anyOf" in schema and all(self._is_faulty(value, one) for one in schema["anyOf"]):
            yield f"{where} fits none of the {len(schema['anyOf'])} schemas of anyOf"
        if "oneOf" in schema:
            fitting = sum(not self._is_faulty(value, one) for one in schema["oneOf"])
            if fitting != 1:
                yield f"{where} fits {fitting} of the {len(schema['oneOf'])} schemas of oneOf, not one"
        if "not" in schema and not self._is_faulty(value, schema["not"]):
            yield f"{where} is what it must not be"
        if "if" in schema:
            branch = "else" if self._is_faulty(value, schema["if"]) else "then"
            yield from self._faults(value, schema.get(branch, True), where)

    def _is_faulty(self, value: Any, schema: Any) -> bool:
        return next(self._faults(value, schema, ""), None) is not None


def read_schema(file: Path) -> JsonSchema:
    """The schema in a file.

    Raises:
        UsageError: the file cannot be read, or holds no schema that can be checked.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}; name a file with a JSON Schema") from error
    return JsonSchema(text, str(file))


def _of_any_kind(value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
    if "type" in schema:
        named = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(KINDS[name](value) for name in named):
            yield f"{where} must be {' or '.join(named)}, and is {shortened(value)}"
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield f"{where} must be one of {', '.join(map(shortened, schema['enum']))}, and is {shortened(value)}"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{where} must be {shortened(schema['const'])}, and is {shortened(value)}"


def _of_string(value: str, schema: dict[str, Any], where: str) -> Iterator[str]:
    yield from _in_number(len(value), schema, "Length", f"{where} has", "characters")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where} must match {schema['pattern']!r}, and is {shortened(value)}"


def _of_number(value: float, schema: dict[str, Any], where: str) -> Iterator[str]:
    bounds: Sequence[tuple[str, str, Callable[[float], bool]]] = (
        ("minimum", "at least", lambda bound: value >= bound),
        ("maximum", "at most", lambda bound: value <= bound),
        ("exclusiveMinimum", "more than", lambda bound: value > bound),
        ("exclusiveMaximum", "less than", lambda bound: value < bound),
        ("multipleOf", "a multiple of", lambda bound: (value / bound).is_integer()),
    )
    for keyword, words, holds in bounds:
        if keyword in schema and not holds(schema[keyword]):
            yield f"{where} must be {words} {schema[keyword]}, and is {value}"


def _in_number(count: int, schema: dict[str, Any], what: str, has: str, noun: str) -> Iterator[str]:
    if count < schema.get(f"min{what}", 0):
        yield f"{has} {count} {noun}, and must have at least {schema[f'min{what}']}"
    if f"max{what}" in schema and count > schema[f"max{what}"]:
        yield f"{has} {count} {noun}, and must have at most {schema[f'max{what}']}"


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        ones, others = cast("list[Any]", one), cast("list[Any]", other)
        return len(ones) == len(others) and all(map(_same, ones, others))
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return first.keys() == second.keys() and all(_same(first[name], second[name]) for name in first)
    return bool(one == other)
