"""Answers as objects: held to their schema where a model can be, else asked for in words and mended once."""

from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, Field

from agentkit.core.errors import BadRequest, ProviderDown, UnreadableAnswer
from agentkit.core.messages import SystemMessage, UserMessage
from agentkit.models.runnable import as_runnable
from agentkit.models.scripted import ScriptedModel
from agentkit.prompts.parsers import PydanticParser
from agentkit.prompts.parsers.parser import with_form


class Colour(Enum):
    RED = "red"


class Part(BaseModel):
    default: int = 1  # a name that means something else in a schema


class Server(BaseModel):
    host: str
    port: int = Field(25, ge=1)
    colour: Colour | None = None
    parts: list[Part] = []


GOOD = '{"host": "a", "port": 80, "colour": "red", "parts": [{"default": 3}]}'


def test_the_schema_reaches_the_model_and_the_answer_is_an_object() -> None:
    model = ScriptedModel([GOOD])
    server = as_runnable(model, temperature=0.5).structured(Server).invoke("Which server?")
    assert server == Server(host="a", port=80, colour=Colour.RED, parts=[Part(default=3)])
    asked = model.requests[0]
    assert asked.answer_schema == PydanticParser(Server).schema
    assert asked.temperature == 0.5
    assert "Which server?" in str(asked.messages)
    assert "of this schema" in str(asked.messages)


def test_the_schema_is_closed_and_complete_as_strict_servers_demand() -> None:
    schema: dict[str, Any] = PydanticParser(Server).schema
    for one in (schema, schema["$defs"]["Part"]):
        assert one["additionalProperties"] is False
        assert one["required"] == list(one["properties"])
    assert "default" not in schema["properties"]["port"]
    assert schema["$defs"]["Part"]["properties"]["default"]["type"] == "integer"


def test_a_server_that_knows_no_schemas_is_told_in_words() -> None:
    model = ScriptedModel([BadRequest("response_format is not supported"), GOOD])
    assert as_runnable(model).structured(Server).invoke("Which?").port == 80
    assert [request.answer_schema is None for request in model.requests] == [False, True]
    assert "of this schema" in str(model.requests[1].messages)


def test_an_answer_that_does_not_fit_goes_back_once() -> None:
    model = ScriptedModel(['{"host": "a", "port": 0}', GOOD])
    assert as_runnable(model).structured(Server).invoke("Which?").port == 80
    assert "greater than or equal to 1" in str(model.requests[1].messages)
    again = ScriptedModel(['{"host": "a", "port": 0}'] * 2)
    with pytest.raises(UnreadableAnswer, match="is no Server"):
        as_runnable(again).structured(Server).invoke("Which?")


def test_a_fault_of_another_kind_is_not_answered_by_asking_otherwise() -> None:
    model = ScriptedModel([ProviderDown("down"), GOOD])
    with pytest.raises(ProviderDown):
        as_runnable(model).structured(Server).invoke("Which?")
    assert len(model.requests) == 1


def test_the_form_stands_in_the_last_word_of_the_person() -> None:
    told = SystemMessage("Be brief.")
    assert with_form((told, UserMessage("Which?")), "As JSON.") == (told, UserMessage("Which?\n\nAs JSON."))
    assert with_form((told,), "As JSON.") == (told, UserMessage("As JSON."))
    assert with_form((), "As JSON.") == (UserMessage("As JSON."),)
