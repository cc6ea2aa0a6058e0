"""What a client is sent: one JSON object, or server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from agentkit_local_models.serving.faults import ApiError


class Gone(Exception):
    """The client went away."""


class Reply:
    """One response.

    Attributes:
        status: what was sent; 0 while nothing was.
        ended: whether all of it was.
    """

    def __init__(self, send: Send, take_seconds: float = 60.0) -> None:
        """Nothing was sent yet.

        Args:
            send: of the protocol.
            take_seconds: within which a client has to take a part.
        """
        self.status = 0
        self.ended = False
        self._send = send
        self._take_seconds = take_seconds

    async def whole(
        self, value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send an object as the whole response."""
        await self.text(packed(value), "application/json", status, headers)

    async def text(
        self, body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a text as the whole response."""
        await self._begin(status, {"content-type": kind, "content-length": str(len(body)), **(headers or {})})
        await self._end(body)

    async def event(self, value: Mapping[str, Any]) -> None:
        """Send an event; the first one begins the stream."""
        await self._event(packed(value))

    async def done(self) -> None:
        """End the stream as the protocol wants it."""
        await self._event(b"[DONE]")
        await self._end()

    async def refuse(self, error: ApiError) -> None:
        """Send an error: as the response, or as the last event of a stream that began."""
        if not self.status:
            await self.whole(error.body(), error.status, error.headers)
            return
        await self._event(packed(error.body()))
        await self._end()

    async def _event(self, data: bytes) -> None:
        if not self.status:
            # proxies would hold the events back, or keep them
            headers = {"content-type": "text/event-stream", "cache-control": "no-cache"}
            await self._begin(200, {**headers, "x-accel-buffering": "no"})
        body = b"data: " + data + b"\n\n"
        await self._put({"type": "http.response.body", "body": body, "more_body": True})

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        listed = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]
        await self._put({"type": "http.response.start", "status": status, "headers": listed})

    async def _end(self, body: bytes = b"") -> None:
        self.ended = True
        await self._put({"type": "http.response.body", "body": body})

    async def _put(self, message: Message) -> None:
        """Send a part, or find that nobody takes it."""
        try:
            async with asyncio.timeout(self._take_seconds):
                await self._send(message)
        except TimeoutError:
            raise Gone from None


async def body_of(scope: Scope, receive: Receive, most: int, seconds: float) -> bytes:
    """A request's body.

    Args:
        scope: of the request.
        receive: of the protocol.
        most: bytes.
        seconds: within which all of it has to come.

    Raises:
        ApiError: it is larger than `most` bytes, no JSON by its type, or does not come.
        Gone: the client went away.
    """
    headers = dict[bytes, bytes](scope["headers"])
    kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
    if kind != b"application/json":
        # a page in a browser may send any other type to anybody without asking
        told = kind.decode("latin-1") or "nothing"
        raise ApiError(415, f"the content type is {told}; application/json works")
    told_size = headers.get(b"content-length", b"")
    if told_size.isdigit() and int(told_size) > most:
        raise too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise too_large(most)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        told = f"the body did not come within {seconds:g} seconds"
        # or the connection would wait for the rest of it
        raise ApiError(408, told, headers={"Connection": "close"}) from None


def too_large(most: int) -> ApiError:
    """What is said to who sends too much."""
    return ApiError(413, f"the body is larger than {most:,} bytes, the most that is taken here")


async def until_gone(receive: Receive) -> None:
    """Return when the client went away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def packed(value: Mapping[str, Any]) -> bytes:
    r"""A value as JSON on one line; half of a surrogate pair, which is no UTF-8, stays an escape.

    >>> packed({"no text": "\ud800"})
    b'{"no text":"\\ud800"}'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode(errors="backslashreplace")
