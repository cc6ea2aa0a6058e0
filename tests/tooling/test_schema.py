"""A function's types and docstring say what a tool takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.schema import InvalidArguments, Signature
from agentkit.tooling.tool import tool


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Span:
    first: int
    last: int


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def schema_of(hint: Any, *default: Any) -> dict[str, Any]:
    """The schema of one parameter with this type."""
    return signature_of(hint, *default).json_schema["properties"]["value"]


def signature_of(hint: Any, *default: Any) -> Signature:
    def work(value: Any = None) -> None: ...

    work.__annotations__["value"] = hint
    work.__defaults__ = default or None
    return Signature(work)


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (bool, {"type": "boolean"}),
        (float, {"type": "number"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Annotated[int, Field(ge=1)], {"type": "integer", "minimum": 1}),
        (Path, {"type": "string", "format": "path"}),
    ],
)
def test_each_type_has_its_schema(hint: Any, schema: dict[str, Any]) -> None:
    assert schema_of(hint) == schema


@pytest.mark.parametrize("hint", [Point, Span, Colour])
def test_named_types_are_defined_beside_the_parameters(hint: type) -> None:
    whole = signature_of(hint).json_schema
    assert whole["properties"]["value"] == {"$ref": f"#/$defs/{hint.__name__}"}
    assert "title" not in str(whole)


@pytest.mark.parametrize(
    ("hint", "given_value", "received"),
    [
        (Point, {"x": 1}, Point(x=1)),
        (Span, {"first": 1, "last": 2}, Span(1, 2)),
        (Colour, "red", Colour.RED),
        (list[Point], [{"x": 1}, {"x": 2}], [Point(x=1), Point(x=2)]),
        (Path, "a/b", Path("a/b")),
        (int | None, None, None),
        (Literal["a", "b"], "b", "b"),
    ],
)
def test_the_function_receives_what_its_types_say(hint: Any, given_value: Any, received: Any) -> None:
    assert signature_of(hint).check({"value": given_value}) == {"value": received}


@given(
    st.one_of(
        st.tuples(st.just(str), st.text()),
        st.tuples(st.just(int), st.integers()),
        st.tuples(st.just(bool), st.booleans()),
        st.tuples(st.just(float), st.floats(allow_nan=False)),
        st.tuples(st.just(list[str]), st.lists(st.text())),
    )
)
def test_a_value_of_the_right_type_arrives_unchanged(pair: tuple[Any, Any]) -> None:
    hint, value = pair
    assert signature_of(hint).check({"value": value}) == {"value": value}


@given(st.sampled_from([int, list[int], Point, Span, Colour]), st.text(alphabet="xyz -", min_size=1))
def test_a_wrong_value_is_quoted(hint: Any, text: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        signature_of(hint).check({"value": text})
    assert f"found {text!r:.80}" in str(caught.value)


def test_a_long_wrong_value_is_quoted_by_its_beginning() -> None:
    with pytest.raises(InvalidArguments) as caught:
        signature_of(int).check({"value": "x" * 10_000})
    assert len(str(caught.value)) < 250


def test_every_thing_that_is_wrong_is_named_at_once() -> None:
    def work(path: str, lines: int = 5, deep: Point | None = None) -> None: ...

    with pytest.raises(InvalidArguments) as caught:
        Signature(work).check({"lines": "many", "deep": {"x": "left"}, "extra": 1})
    told = str(caught.value)
    assert "argument path is missing" in told
    assert "argument lines: " in told
    assert "found 'many'" in told
    assert "argument deep.x: " in told
    assert "there is no argument extra; the arguments are: path, lines, deep" in told


def test_a_tool_without_arguments_says_so() -> None:
    def work() -> None: ...

    assert Signature(work).json_schema == {"type": "object", "properties": {}, "additionalProperties": False}
    with pytest.raises(InvalidArguments, match="the arguments are: none"):
        Signature(work).check({"x": 1})


def test_the_docstring_gives_the_summary_and_each_arguments_words() -> None:
    def work(path: str, lines: int = 5) -> None:
        """Read a file.

        All of it.

        Args:
            path: Where it lies,
                relative to the folder.
            lines: How many.

        Returns:
            Nothing.

        Raises:
            ToolFault: never.
        """

    signature = Signature(work)
    assert signature.summary == "Read a file.\n\nAll of it."
    assert signature.json_schema["properties"] == {
        "path": {"type": "string", "description": "Where it lies, relative to the folder."},
        "lines": {"type": "integer", "description": "How many.", "default": 5},
    }
    assert signature.json_schema["required"] == ["path"]


def test_an_example_in_the_docstring_is_no_part_of_the_summary() -> None:
    def work() -> None:
        """Work.

        >>> work()
        """

    assert Signature(work).summary == "Work."


def test_no_docstring_is_no_words() -> None:
    def work(path: str) -> None: ...

    assert Signature(work).summary == ""
    assert Signature(work).json_schema["properties"] == {"path": {"type": "string"}}


def test_a_parameter_called_title_stays() -> None:
    def work(title: str, description: str) -> None: ...

    assert set(Signature(work).json_schema["properties"]) == {"title", "description"}


@pytest.mark.parametrize(
    "name", ["schema", "json", "copy", "validate", "model_config", "model_fields", "dict"]
)
def test_a_parameter_may_have_any_name(name: str) -> None:
    space: dict[str, Any] = {}
    exec(f"def work({name}: str) -> None: ...", space)
    signature = Signature(space["work"])
    assert set(signature.json_schema["properties"]) == {name}
    assert signature.check({name: "x"}) == {name: "x"}


def test_the_context_is_given_and_never_asked_for() -> None:
    def work(path: str, world: ToolContext) -> None: ...

    signature = Signature(work)
    assert signature.context_parameter == "world"
    assert set(signature.json_schema["properties"]) == {"path"}
    with pytest.raises(InvalidArguments, match="there is no argument world"):
        signature.check({"path": "a", "world": 1})


def test_a_default_that_changes_is_not_shared_between_calls() -> None:
    def work(items: list[str] = []) -> None: ...  # noqa: B006

    signature = Signature(work)
    signature.check({})["items"].append("x")
    assert signature.check({}) == {"items": []}


def test_star_arguments_and_untyped_ones_are_refused_when_the_tool_is_made() -> None:
    def stars(*paths: str) -> str:
        """Work."""
        return ""

    def untyped(path) -> str:
        """Work."""
        return ""

    with pytest.raises(TypeError, match=r"tool stars: \*paths has no schema; name each parameter"):
        Signature(stars).json_schema  # noqa: B018
    with pytest.raises(TypeError, match="tool untyped: parameter path needs a type"):
        Signature(untyped).json_schema  # noqa: B018


async def test_a_tool_is_still_a_function() -> None:
    @tool(effect=Effect.PURE)
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        return a + b

    assert add(1, b=2) == 3
    assert (add.name, add.description, add.idempotent) == ("add", "Add two numbers.", True)
