"""What an OpenAPI description says can be called: version 3.0 or 3.1, as JSON or YAML.

Only what can be called wholly is an operation here. One that needs what cannot be sent (a cookie, a body
that is not JSON, a parameter in a style of its own) is left out with the reason.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

from agentkit.chains.openapi.schemas import plain_schema, resolved
from agentkit.core.errors import UsageError
from agentkit.prompts.parsers.json_keywords import faults_of_schema

METHODS = ("get", "head", "post", "put", "patch", "delete")
HARMLESS = frozenset({"get", "head"})
BODY = "body"
"""The argument that is sent as the body."""
_OURS = frozenset({"accept", "content-type", "authorization"})
"""Headers that a description has no say in, by the standard."""


class Parameter(Struct, frozen=True):
    """An argument, and where in the request it is sent."""

    name: str
    place: str
    """`path`, `query` or `header`."""
    explode: bool = True
    """Whether a list is sent as a parameter for each item, else with commas between them; and of an object
    whether its names stand before its values with =, else with a comma."""


class Operation(Struct, frozen=True):
    """Something that can be called."""

    id: str
    method: str
    path: str
    """With `{name}` for each parameter of the path."""
    summary: str
    parameters: tuple[Parameter, ...]
    schema: dict[str, Any]
    """JSON Schema of the arguments: an object, the body among them."""


class Api(Struct, frozen=True):
    """What can be called, and where."""

    title: str
    server: str
    """The address that paths are put after; empty when the description names none."""
    operations: tuple[Operation, ...]
    left_out: dict[str, str]
    """Why an operation cannot be called, by its id."""


def read_description(text: str) -> Api:
    """What a description says.

    Raises:
        UsageError: it is none, or of another version.
    """
    root = _mapping(text)
    version = str(root.get("openapi", ""))
    if not version.startswith(("3.0", "3.1")):
        found = f"swagger {root['swagger']}" if "swagger" in root else version or "no openapi version"
        raise UsageError(f"the API description is {found}; it must be OpenAPI 3.0 or 3.1")
    operations: list[Operation] = []
    left_out: dict[str, str] = {}
    for name, path, method, given in _listed(root):
        try:
            operations.append(_operation(root, name, path, method, given))
        except (UsageError, TypeError, KeyError, AttributeError) as error:
            left_out[name] = f"{error}"
    names = [one.id for one in operations]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"the API description has two operations called {', '.join(twice)}")
    title = str(cast("Any", root.get("info") or {}).get("title", "")) or "an API"
    return Api(title, _server(root), tuple(operations), left_out)


def _mapping(text: str) -> dict[str, Any]:
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        import yaml

        try:
            found = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise UsageError(f"the API description is neither JSON nor YAML: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"the API description is a {type(found).__name__}; it must be an object")
    return cast("dict[str, Any]", found)


def _listed(root: Mapping[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Name, path, method and description of every operation, the path's parameters among its own."""
    paths: Any = root.get("paths") or {}
    if not isinstance(paths, dict):
        raise UsageError(f"paths is a {type(paths).__name__}; it must be an object")
    for path, item in cast("dict[str, Any]", paths).items():
        shared = resolved(root, item)
        for method in METHODS:
            if isinstance(given := shared.get(method), dict):
                own: dict[str, Any] = {"servers": shared.get("servers"), **cast("dict[str, Any]", given)}
                both: list[Any] = [*(shared.get("parameters") or []), *(own.get("parameters") or [])]
                yield (
                    str(own.get("operationId") or f"{method} {path}"),
                    path,
                    method,
                    {**own, "parameters": both},
                )


def _operation(
    root: Mapping[str, Any], name: str, path: str, method: str, given: dict[str, Any]
) -> Operation:
    if not path.startswith("/"):
        # it is put right after the host, and could make another of it
        raise UsageError(f"its path {path!r} does not begin with /")
    if given.get("servers"):
        raise UsageError("it has a server of its own, and only that of the whole description is asked")
    # an operation's own parameter stands for the path's of the same name and place
    listed = {(one["name"], one["in"]): one for one in (resolved(root, one) for one in given["parameters"])}
    parameters: list[Parameter] = []
    properties: dict[str, Any] = {}
    required: list[str] = []
    for one in listed.values():
        parameter = _parameter(one)
        if parameter is None:
            continue
        if parameter.name in properties:
            raise UsageError(f"two parameters are called {parameter.name}")
        parameters.append(parameter)
        properties[parameter.name] = {
            **plain_schema(root, one["schema"]),
            **({"description": str(one["description"])} if one.get("description") else {}),
        }
        required += [parameter.name] if one.get("required") or parameter.place == "path" else []
    filled = {one.name for one in parameters if one.place == "path"}
    if lost := [name for name in re.findall(r"\{([^{}]*)\}", path) if name not in filled]:
        raise UsageError(f"its path has a place for {', '.join(lost)}, and no parameter fills it")
    if "requestBody" in given:
        body = resolved(root, given["requestBody"])
        if BODY in properties:
            raise UsageError(f"a parameter is called {BODY}, which is what the body is called here")
        properties[BODY] = plain_schema(root, _json_content(body)["schema"])
        required += [BODY] if body.get("required") else []
    schema = {
        "type": "object", "properties": properties, "required": required, "additionalProperties": False
    }  # fmt: skip
    for fault in faults_of_schema(schema, schema, "#"):
        raise UsageError(fault)
    summary = str(given.get("summary") or given.get("description") or name)
    return Operation(name, method.upper(), path, " ".join(summary.split()), tuple(parameters), schema)


def _parameter(given: Mapping[str, Any]) -> Parameter | None:
    """A parameter, or `None` for one that is not sent.

    Raises:
        UsageError: it is needed and cannot be sent.
    """
    name, place = str(given["name"]), given["in"]
    if place == "header" and name.lower() in _OURS:
        return None
    usual = {"path": "simple", "header": "simple", "query": "form"}
    if place in usual and "schema" in given and given.get("style", usual[place]) == usual[place]:
        return Parameter(name, place, bool(given.get("explode", place == "query")))
    if given.get("required"):
        raise UsageError(
            f"the parameter {name} ({place}, style {given.get('style', 'of its own')}) cannot be sent"
        )
    return None


def _json_content(body: Mapping[str, Any]) -> dict[str, Any]:
    content = cast("dict[str, Any]", body["content"])
    for kind, given in content.items():
        if kind.partition(";")[0].strip() == "application/json":
            return given
    raise UsageError(f"its body is {', '.join(content) or 'of no kind'}; only application/json is sent")


def _server(root: Mapping[str, Any]) -> str:
    """The first server, its variables filled with what they are by default."""
    servers: Any = root.get("servers") or [{}]
    first: dict[str, Any] = servers[0]
    url = str(first.get("url", ""))
    variables: dict[str, Any] = first.get("variables") or {}
    for name, variable in variables.items():
        url = url.replace(f"{{{name}}}", str(variable["default"]))
    return url
