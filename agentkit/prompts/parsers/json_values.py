"""JSON in an answer, as it is or as a pydantic model."""

import json
import re
import reprlib
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from agentkit.core.errors import UsageError
from agentkit.prompts.parsers.parser import Parser, Schematic, unreadable

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

_BY_NAME = ("properties", "$defs")
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


class JsonParser(Parser[Any]):
    """The JSON of an answer: all of it, its one fenced block, or from the first bracket to the last.

    >>> JsonParser().invoke('Here it is: {"port": 80}')
    {'port': 80}
    """

    @property
    def form(self) -> str:
        """That it must be JSON."""
        return "Answer with one JSON value and nothing else."

    def parse(self, text: str) -> Any:
        """The value.

        Raises:
            UnreadableAnswer: there is no JSON, or it is malformed.
        """
        return read_json(text, self.form)


class PydanticParser(Schematic[Model]):
    """An answer in JSON, checked by a pydantic model."""

    def __init__(self, model: type[Model]) -> None:
        """For answers that are instances of a model.

        Raises:
            UsageError: it is no class of pydantic's.
        """
        if not hasattr(model, "model_json_schema"):
            raise UsageError(
                f"an object is described by a subclass of pydantic.BaseModel; found {reprlib.repr(model)}"
            )
        self.model = model
        self.schema: dict[str, Any] = _closed(model.model_json_schema())
        """Every field is given, and no other."""

    @property
    def form(self) -> str:
        """The model's schema."""
        schema = json.dumps(self.model.model_json_schema(), ensure_ascii=False)
        return f"Answer with one JSON value of this schema and nothing else: {schema}"

    def parse(self, text: str) -> Model:
        """An instance of the model.

        Raises:
            UnreadableAnswer: there is no JSON, or it is not what the model wants; every fault is named.
        """
        from pydantic import ValidationError

        found = msgspec.json.encode(read_json(text, f"wanted: a JSON value for {self.model.__name__}"))
        try:
            return self.model.model_validate_json(found)
        except ValidationError as error:
            faults = ", ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']} (found {fault['input']!r})"
                for fault in error.errors(include_url=False)
            )
            raise unreadable(
                f"the answer is no {self.model.__name__}: {faults}", text, "mend these"
            ) from error


def _closed(schema: Any) -> Any:
    """The schema as strict servers want it, all of its objects closed and complete."""
    if isinstance(schema, list):
        return [_closed(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("dict[str, Any]", schema)
    # these two hold schemas by names that are anybody's
    whole = {
        key: {name: _closed(one) for name, one in part.items()} if key in _BY_NAME else _closed(part)
        for key, part in given.items()
        if key != "default"
    }
    if "properties" in whole:
        whole |= {"required": list(whole["properties"]), "additionalProperties": False}
    return whole


def read_json(text: str, wanted: str) -> Any:
    """The one JSON value in a text.

    Raises:
        UnreadableAnswer: there is none; `wanted` says what would do.
    """
    fault: Exception | None = None
    for candidate in _candidates(text):
        try:
            return msgspec.json.decode(candidate)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            # the first is the text as it stands, and its fault the one to be told of
            fault = fault or error
    raise unreadable(f"the answer is no JSON: {fault}", text, wanted) from fault


def _candidates(text: str) -> list[str]:
    found = [text]
    if len(fenced := _FENCED.findall(text)) == 1:
        found.append(fenced[0])
    starts = [place for bracket in "{[" if (place := text.find(bracket)) >= 0]
    if starts:
        # another bracket before it, as in "see [1]", leaves no JSON: nothing is guessed
        found.append(text[min(starts) : max(text.rfind("}"), text.rfind("]")) + 1])
    return found
