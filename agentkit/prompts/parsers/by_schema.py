"""JSON in an answer, checked by a JSON Schema that comes from elsewhere."""

import json
from typing import Any

from agentkit.prompts.parsers.json_schema import JsonSchema
from agentkit.prompts.parsers.json_values import read_json
from agentkit.prompts.parsers.parser import Schematic, unreadable


class SchemaParser(Schematic[Any]):
    """An answer in JSON that is valid by a schema.

    >>> SchemaParser({"type": "object", "required": ["port"]}).invoke('{"port": 80}')
    {'port': 80}

    Raises:
        UsageError: the schema is none, or has a keyword that is not checked here.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        self._checked = JsonSchema(json.dumps(schema, ensure_ascii=False))

    @property
    def form(self) -> str:
        """The schema."""
        return f"Answer with one JSON value of this schema and nothing else: {self._checked.text}"

    def parse(self, text: str) -> Any:
        """The value.

        Raises:
            UnreadableAnswer: there is no JSON, or it is not valid by the schema.
        """
        value = read_json(text, "wanted: a JSON value of the schema")
        fault = self._checked.fault(json.dumps(value, ensure_ascii=False))
        if fault is not None:
            raise unreadable(f"the answer does not fit: {fault}", text, "mend this")
        return value
