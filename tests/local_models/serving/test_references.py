"""Schemas of tools as pydantic writes them, with definitions that are referred to."""

import json
from enum import StrEnum

import openai
import pydantic
import pytest

from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.references import written_out

from .running import NAME


class Place(pydantic.BaseModel):
    city: str = pydantic.Field(max_length=4)
    indoors: bool


class Weather(pydantic.BaseModel):
    """The weather of places."""

    first: Place = pydantic.Field(description="where")
    others: list[Place] = pydantic.Field(max_length=1)


class Sky(StrEnum):
    CLEAR = "clear"
    GREY = "grey"


class Look(pydantic.BaseModel):
    """Say how the sky is."""

    now: Sky
    later: Sky


def test_definitions_stand_where_they_are_used():
    written = written_out(Weather.model_json_schema(), "parameters")
    assert "$defs" not in written
    assert "$ref" not in json.dumps(written)
    assert written["properties"]["first"]["description"] == "where"
    assert written["properties"]["others"]["items"]["properties"]["indoors"]["type"] == "boolean"


def test_a_property_can_have_any_name():
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in ("$ref", "$defs", "x")}}
    assert written_out(schema, "parameters") == schema


def test_a_tool_of_pydantic_is_called_with_arguments_that_it_takes(client):
    tool = openai.pydantic_function_tool(Look)
    answer = client.chat.completions.create(
        model=NAME,
        messages=[{"role": "user", "content": "Look."}],
        tools=[tool],
        tool_choice="required",
        seed=1,
        max_tokens=40,
    ).choices[0]
    assert answer.finish_reason == "tool_calls"
    (call,) = answer.message.tool_calls
    assert isinstance(Look.model_validate_json(call.function.arguments), Look)


LAYERS = {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 9} for n in range(9)} | {"9": {}}
"""Each stands for nine of the next."""
CHAIN = {str(n): {"items": {"$ref": f"#/$defs/{n + 1}"}} for n in range(400)} | {"400": {}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "allOf": [{"$ref": "#/$defs/a"}]}, "into itself"),
        ({"properties": {"x": {"$ref": "#/$defs/a"}}}, "nowhere"),
        ({"properties": {"x": {"$ref": "https://example.org/x"}}}, "nowhere"),
        ({"$defs": LAYERS, "properties": {"x": {"$ref": "#/$defs/0"}}}, "more than 10,000 parts"),
        ({"$defs": CHAIN, "properties": {"x": {"$ref": "#/$defs/0"}}}, "more than 128 .* within each other"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_out_is_refused(schema, why):
    with pytest.raises(ApiError, match=why) as refused:
        written_out(schema, "tools[0].function.parameters")
    assert refused.value.param == "tools[0].function.parameters"
