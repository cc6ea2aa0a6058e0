"""The members of a request's JSON object, each taken by its name and type."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

from agentkit_local_models.serving.faults import ApiError


class Fields:
    """A JSON object; what is taken from it is checked, and what nobody took is refused.

    null is the same as absent, as in OpenAI's protocol.
    """

    def __init__(self, value: Mapping[str, Any], at: str = "") -> None:
        """Take an object apart.

        Args:
            value: its members.
            at: where it stands in the request, for errors.
        """
        self._left = {name: one for name, one in value.items() if one is not None}
        self._at = at

    @classmethod
    def of(cls, value: Any, at: str = "") -> Fields:
        """The object that a value is.

        Raises:
            ApiError: it is none.
        """
        if not isinstance(value, dict):
            wrong(at or "the body", value, "a JSON object")
        return cls(cast("dict[str, Any]", value), at)

    @classmethod
    def read(cls, body: bytes) -> Fields:
        """The object that a body holds.

        Raises:
            ApiError: it is no JSON, or no object.
        """
        try:
            value: Any = json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ApiError(400, f"the body is not valid JSON: {error}") from error
        return cls.of(value)

    def named(self, name: str) -> str:
        """The name as errors have it."""
        return f"{self._at}.{name}" if self._at else name

    def take(self, name: str) -> Any:
        """A member of any type; None where it is absent."""
        return self._left.pop(name, None)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self.take(name)
        if value is not None and not isinstance(value, str):
            wrong(self.named(name), value, "a string")
        return value

    def needed_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise ApiError(400, f"{self.named(name)} is missing", param=self.named(name))
        return value

    def number(self, name: str) -> float | None:
        """A number."""
        value = self.take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            wrong(self.named(name), value, "a number")
        return None if value is None else _float(self.named(name), value)

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            wrong(self.named(name), value, "a whole number")
        return value

    def flag(self, name: str) -> bool:
        """A truth value; false where it is absent."""
        value = self.take(name)
        if value is not None and not isinstance(value, bool):
            wrong(self.named(name), value, "true or false")
        return bool(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A string or a list of some."""
        value = self.take(name)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[Any]", value)):
            wrong(self.named(name), value, "a string or a list of strings")
        return tuple(cast("list[str]", value))

    def inner(self, name: str) -> Fields | None:
        """An object."""
        value = self.take(name)
        return None if value is None else Fields.of(value, self.named(name))

    def objects(self, name: str) -> list[Fields] | None:
        """A list of objects."""
        value = self.take(name)
        if value is None:
            return None
        if not isinstance(value, list):
            wrong(self.named(name), value, "a list of objects")
        many = cast("list[Any]", value)
        return [Fields.of(one, f"{self.named(name)}[{place}]") for place, one in enumerate(many)]

    def only(self, name: str, values: Sequence[Any] = (), why: str = "is not supported here") -> None:
        """Take a parameter of which nothing can be honoured but what happens anyway.

        Raises:
            ApiError: it asks for something else.
        """
        value = self.take(name)
        if value is not None and value not in values:
            works = f"; {' or '.join(map(json.dumps, values))} works" if values else ""
            at = self.named(name)
            raise ApiError(400, f"{at} {why}{works}", param=at, code="unsupported_parameter")

    def close(self) -> None:
        """Nothing more is taken.

        Raises:
            ApiError: something is left, which nobody knows.
        """
        for name in self._left:
            at = self.named(name)
            raise ApiError(
                400, f"{at} is no parameter that is known here", param=at, code="unknown_parameter"
            )


def wrong(name: str, value: Any, works: str) -> NoReturn:
    """Refuse a value.

    Raises:
        ApiError: always.
    """
    raise ApiError(400, f"{name} is {reprlib.repr(value)}; {works} works", param=name)


def _float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        wrong(name, value, "a smaller number")


def _no_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which JSON does not have")
