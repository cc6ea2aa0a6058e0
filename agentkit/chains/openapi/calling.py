"""One call of an operation: the request that its arguments make, and the answer."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from typing import Any, cast
from urllib.parse import quote, urlencode, urljoin, urlsplit

from agentkit.chains.openapi.description import BODY, Operation, Parameter
from agentkit.core.errors import UnreadableAnswer, UsageError
from agentkit.tooling.net.fetch import Request, Response, Stop, fetch
from agentkit.tooling.net.reach import Reach

SECONDS = 30.0
MOST_BYTES = 200_000


def request_of(
    server: str, operation: Operation, arguments: Mapping[str, Any], headers: Mapping[str, str]
) -> Request:
    """The request; what an argument holds stays in its own place, whatever characters it has.

    Raises:
        UnreadableAnswer: a value cannot stand in a path.
    """
    path = operation.path
    query: list[tuple[str, str]] = []
    sent = dict(headers)
    ours = {name.lower() for name in headers}
    for parameter in operation.parameters:
        if parameter.name not in arguments:
            continue
        value = arguments[parameter.name]
        match parameter.place:
            case "path":
                path = path.replace(f"{{{parameter.name}}}", _segment(parameter, value))
            case "query" if isinstance(value, list) and parameter.explode:
                query += [(parameter.name, _text(item)) for item in cast("list[Any]", value)]
            case "query" if isinstance(value, dict) and parameter.explode:
                query += [(name, _text(item)) for name, item in cast("dict[str, Any]", value).items()]
            case "query":
                query.append((parameter.name, _text(value)))
            case _ if parameter.name.lower() not in ours:
                sent[parameter.name] = _header(parameter.name, _text(value, explode=parameter.explode))
            case _:
                pass  # the caller's stands, however it is spelt
    body = b""
    if BODY in operation.schema["properties"] and BODY in arguments:
        body = json.dumps(arguments[BODY], ensure_ascii=False).encode()
        sent["Content-Type"] = "application/json"
    sent.setdefault("Accept", "application/json")
    url = f"{server.rstrip('/')}{path}" + (f"?{urlencode(query)}" if query else "")
    return Request(url, operation.method, sent, body)


async def answer_to(request: Request, reach: Reach) -> Response:
    """What the host answers; cancelled, the connection is shut before this returns.

    Raises:
        ToolFault: the host may not be reached, or did not answer.
    """
    stop = Stop()
    asked = partial(fetch, request, reach, seconds=SECONDS, most_bytes=MOST_BYTES, stop=stop)
    work = asyncio.ensure_future(asyncio.to_thread(asked))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop()
        await asyncio.wait([work])
        work.exception()
        raise


def address_of(server: str, base: str) -> str:
    """Where the API is.

    Args:
        server: As the description says it, possibly a path only.
        base: Where the caller says it is; it goes before.

    Raises:
        UsageError: neither says a host.
    """
    url = urljoin(base, server) if base and not urlsplit(server).scheme else base or server
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise UsageError(f"the API description says {server!r} for its server; give server='https://…'")
    return url


def _segment(parameter: Parameter, value: Any) -> str:
    text = _text(value, explode=parameter.explode)
    if text in ("", ".", ".."):
        raise UnreadableAnswer(
            f"{parameter.name} = {text!r} cannot stand in a path; a value that names one thing can"
        )
    return quote(text, safe=",=" if isinstance(value, dict | list) else "")


def _header(name: str, text: str) -> str:
    if any(ord(letter) < 32 or ord(letter) > 126 for letter in text):
        raise UnreadableAnswer(f"{name} = {text!r} cannot be a header; one line of ASCII can")
    return text


def _text(value: Any, *, explode: bool = False) -> str:
    """The value in the styles `simple` and `form`, RFC 6570's expansion."""
    if isinstance(value, list):
        return ",".join(_text(item) for item in cast("list[Any]", value))
    if isinstance(value, dict):
        between = "=" if explode else ","
        named = cast("dict[str, Any]", value)
        return ",".join(f"{name}{between}{_text(item)}" for name, item in named.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
