"""JSON schemas without references: what a parameter is stands where it is used."""

from __future__ import annotations

from typing import Any, cast

from agentkit_local_models.serving.faults import ApiError

_MOST_PARTS = 10_000
"""Of a schema when it is written out: a few references can stand for billions of parts."""


def written_out(schema: dict[str, Any], at: str) -> dict[str, Any]:
    """The schema with what its references name in their place, and without its definitions.

    Args:
        schema: whose references all begin with `#/`.
        at: where it stands in the request, for errors.

    Raises:
        ApiError: a reference leads nowhere, or into itself, or the whole is too large.
    """
    return cast("dict[str, Any]", _Writer(schema, at).written(schema, ()))


class _Writer:
    def __init__(self, schema: dict[str, Any], at: str) -> None:
        self._schema = schema
        self._at = at
        self._parts = 0

    def written(self, part: Any, within: tuple[str, ...]) -> Any:
        """A part of the schema, which stands within what these references name."""
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise self._refused(f"it has more than {_MOST_PARTS:,} parts when its references are written out")
        if isinstance(part, list):
            return [self.written(one, within) for one in cast("list[Any]", part)]
        if not isinstance(part, dict):
            return part
        members = cast("dict[str, Any]", part)
        named = members.get("$ref")
        # a property can have any of these names; then it is a schema, or not at the root
        left_out = {"$ref"} if isinstance(named, str) else set[str]()
        left_out |= {"$defs", "definitions"} if part is self._schema else set[str]()
        beside = {name: self.written(one, within) for name, one in members.items() if name not in left_out}
        if not isinstance(named, str):
            return beside
        if named in within:
            raise self._refused(f"the reference {named!r} leads into itself, which cannot be written out")
        # what stands beside a reference, mostly a description, goes before what it names
        return {**self.written(self._named(named), (*within, named)), **beside}

    def _named(self, reference: str) -> dict[str, Any]:
        found: Any = self._schema
        for name in reference.removeprefix("#/").split("/"):
            key = name.replace("~1", "/").replace("~0", "~")
            found = cast("dict[str, Any]", found).get(key) if isinstance(found, dict) else None
        if not reference.startswith("#/") or not isinstance(found, dict):
            raise self._refused(f"the reference {reference!r} leads nowhere")
        return cast("dict[str, Any]", found)

    def _refused(self, why: str) -> ApiError:
        return ApiError(400, f"{self._at}: {why}", param=self._at)
