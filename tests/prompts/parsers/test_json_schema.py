"""Answers by a JSON Schema, and schemas that are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import UsageError
from agentkit.prompts.parsers.json_schema import JsonSchema, read_schema

VALID: list[tuple[Any, Any, Any]] = [
    # schema, a value that it allows, a value that it does not
    (True, 1, ...),
    (False, ..., 1),
    ({"type": "integer"}, 1, 1.5),
    ({"type": "integer"}, 2.0, True),
    ({"type": "number"}, 1.5, "1.5"),
    ({"type": ["string", "null"]}, None, 0),
    ({"type": "boolean"}, False, 0),
    ({"enum": [1, "a", [True]]}, [True], [1]),
    ({"const": {"a": 1}}, {"a": 1.0}, {"a": True}),
    ({"required": ["a"]}, {"a": None}, {}),
    ({"required": ["a"]}, [], ...),
    ({"properties": {"a": {"type": "string"}}}, {"a": "x", "b": 1}, {"a": 1}),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}),
    ({"additionalProperties": {"type": "integer"}}, {"b": 1}, {"b": "x"}),
    ({"patternProperties": {"^x": {"type": "null"}}}, {"x1": None, "y": 1}, {"x1": 1}),
    ({"propertyNames": {"maxLength": 2}}, {"ab": 1}, {"abc": 1}),
    ({"minProperties": 1, "maxProperties": 2}, {"a": 1}, {}),
    ({"items": {"type": "integer"}}, [1, 2], [1, "2"]),
    ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["a", 1], [1]),
    ({"minItems": 1, "maxItems": 2}, [1], [1, 2, 3]),
    ({"uniqueItems": True}, [1, True, "1"], [{"a": 1}, {"a": 1.0}]),
    ({"contains": {"const": 1}}, [0, 1], [0]),
    ({"minimum": 1, "maximum": 2}, 1, 3),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 2}, 1.5, 2),
    ({"multipleOf": 0.5}, 1.5, 1.2),
    ({"minLength": 1, "maxLength": 2}, "ü€", "abc"),
    ({"pattern": "^[a-z]+$"}, "abc", "ABC"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, 1),
    ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, 3, 7),
    ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, 2, 3),
    ({"not": {"type": "string"}}, 1, "x"),
    ({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "null"}}, "ab", "a"),
    ({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "null"}}, None, 1),
    ({"$ref": "#/$defs/tree", "$defs": {"tree": {"items": {"$ref": "#/$defs/tree"}}}}, [[]], ...),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "null"}}}, None, 1),
    ({"items": {"$ref": "#"}, "type": "array"}, [[[]]], [[1]]),
    ({"title": "t", "description": "d", "format": "date", "default": 1}, "no date", ...),
]


@pytest.mark.parametrize(("schema", "right", "wrong"), VALID)
def test_what_a_keyword_allows_and_what_it_does_not(schema: Any, right: Any, wrong: Any) -> None:
    checked = JsonSchema(json.dumps(schema))
    if right is not ...:
        assert checked.fault(json.dumps(right)) is None
    if wrong is not ...:
        assert checked.fault(json.dumps(wrong)) is not None


def test_the_fault_says_where_it_is_and_what_was_found() -> None:
    schema = JsonSchema('{"properties": {"ports": {"items": {"type": "integer"}}}}')
    assert schema.fault('{"ports": [80, "no"]}') == ("the value['ports'][1] must be integer, and is \"no\"")
    assert str(schema.fault("80,")).startswith("it is not JSON: ")
    assert str(schema.fault("```json\n{}\n```")).startswith("it is not JSON: ")
    assert schema.fault("NaN") is not None


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "a schema is an object, true or false"),
        ('{"unevaluatedProperties": false}', "'unevaluatedProperties' at # is not checked here"),
        ('{"items": {"dependentRequired": {}}}', "at #/items is not checked here"),
        ('{"type": "int"}', "is none of object"),
        ('{"type": 7}', "is none of object"),
        ('{"required": "a"}', "is no list"),
        ('{"$ref": "#/$defs/none"}', "is not found"),
        ('{"$ref": "https://example.org/a.json"}', "only #/"),
        ('{"pattern": "("}', "is no pattern"),
        ('{"patternProperties": {"(": true}}', "is no pattern"),
        ('{"properties": []}', "it holds schemas"),
        ('{"anyOf": {}}', "it holds schemas"),
        ('{"anyOf": [7]}', "a schema is an object"),
        ('{"minimum": "1"}', "is no number"),
        ('{"uniqueItems": 1}', "neither true nor false"),
    ],
)
def test_a_schema_that_cannot_be_checked_wholly_is_refused(schema: str, words: str) -> None:
    with pytest.raises(UsageError, match="the schema") as caught:
        JsonSchema(schema)
    assert words in str(caught.value)


def test_a_schema_that_refers_to_itself_without_an_end_is_a_fault_and_no_crash() -> None:
    assert "without an end" in str(JsonSchema('{"$ref": "#"}').fault("1"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.json cannot be read"):
        read_schema(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("nothing")
    with pytest.raises(UsageError, match=r"bad\.json is not JSON"):
        read_schema(tmp_path / "bad.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_const_enum_and_not_agree_with_equality(one: Any, other: Any) -> None:
    text = json.dumps(other)
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (JsonSchema(json.dumps({"const": one})).fault(text) is None) is same
    assert (JsonSchema(json.dumps({"enum": [one]})).fault(text) is None) is same
    assert (JsonSchema(json.dumps({"not": {"const": one}})).fault(text) is None) is not same
