"""Answers of a schema, as LangChain gives schemas and wants answers."""

from typing import Any, cast

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel
from pydantic.v1 import BaseModel as OldModel

from agentkit.bridges.langchain.messages import text_of
from agentkit.prompts.parsers.json_values import PydanticParser, read_json


def with_schema(schema: dict[str, Any] | type) -> dict[str, Any]:
    """The JSON schema that a model is held to."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return PydanticParser(schema).schema
    return convert_to_json_schema(cast("dict[str, Any] | type[BaseModel]", schema))


def read_by(schema: dict[str, Any] | type) -> Runnable[BaseMessage, Any]:
    """A step from a message to an instance of a pydantic model, or to a dict for any other schema."""

    def read(message: BaseMessage) -> Any:
        text = text_of(message)
        if isinstance(schema, type) and issubclass(schema, BaseModel):
            return PydanticParser(schema).parse(text)
        value = read_json(text, "wanted: one JSON value of the schema")
        if isinstance(schema, type) and issubclass(schema, OldModel):
            return schema.parse_obj(value)
        return value

    return cast("Runnable[BaseMessage, Any]", RunnableLambda(read))
