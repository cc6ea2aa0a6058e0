"""The paths of the server, and who may ask for them."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from agentkit_local_models.serving.chat import chat_completions
from agentkit_local_models.serving.completions import completions
from agentkit_local_models.serving.embeddings import embeddings
from agentkit_local_models.serving.faults import ApiError, refusal
from agentkit_local_models.serving.fields import Fields
from agentkit_local_models.serving.gate import closing
from agentkit_local_models.serving.reply import Gone, Reply, body_of, until_gone
from agentkit_local_models.serving.served import Decoder, Served

Handler = Callable[[Served, Fields, Reply], Awaitable[None]]

_LOG = logging.getLogger(__name__)
# Names that lead to this machine whatever a name server says.
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


def app_of(served: Served, key: str | None) -> ASGIApp:
    """The server's paths.

    Args:
        served: the model.
        key: that requests must bring; None lets everybody on this machine in.
    """

    async def health(_: Request) -> Response:
        if served.gate.closed:
            return _refused(closing())
        return JSONResponse({"status": "ok", "models": list(served.models)})

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model(served, name) for name in served.models]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        listed = served.name_of(name)
        if listed is None:
            return _refused(served.unknown(name, 404))
        return JSONResponse(_model(served, listed))

    async def metrics(_: Request) -> Response:
        occupancy = None
        if isinstance(served.first, Decoder):
            occupancy = await asyncio.to_thread(served.first.engine.occupancy)
        text = served.tally.text(served.gate.inside, occupancy)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def not_found(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        told = "there is no such path here" if status == 404 else "this path does not take that method"
        headers = getattr(error, "headers", None)
        return _refused(ApiError(status, f"{request.method} {request.url.path}: {told}", headers=headers))

    routes = [
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
        *(Route(path, Posted(served, path, handler), methods=["POST"]) for path, handler in _POSTED.items()),
    ]
    paths = Starlette(routes=routes, exception_handlers={404: not_found, 405: not_found})
    return Guard(paths, key)


_POSTED: dict[str, Handler] = {
    "/v1/chat/completions": chat_completions,
    "/v1/completions": completions,
    "/v1/embeddings": embeddings,
}


class Guard:
    """Lets through who brings the key; without a key, who names this machine as the one that was meant."""

    def __init__(self, app: ASGIApp, key: str | None) -> None:
        self._app = app
        self._expected = None if key is None else f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (error := self._fault(scope)) is not None:
            await Reply(send).refuse(error)
            return
        await self._app(scope, receive, send)

    def _fault(self, scope: Scope) -> ApiError | None:
        headers = dict[bytes, bytes](scope["headers"])
        if self._expected is None:
            # a page in a browser can lead a name of its own to this machine, but not hide the name
            host = headers.get(b"host", b"").decode("latin-1")
            name = host if host.endswith("]") else host.rsplit(":", 1)[0]
            if name.lower() in _HERE:
                return None
            return ApiError(403, f"the host is {host!r}; without a key, localhost and 127.0.0.1 are served")
        if scope["path"] == "/health" or hmac.compare_digest(
            headers.get(b"authorization", b""), self._expected
        ):
            return None
        found = "is not the server's" if b"authorization" in headers else "is missing"
        return ApiError(
            401,
            f"the key {found}; Authorization: Bearer KEY works",
            code="invalid_api_key",
            headers={"WWW-Authenticate": "Bearer"},
        )


class Posted:
    """One path that takes a JSON object and answers as long as the client is there."""

    def __init__(self, served: Served, path: str, handler: Handler) -> None:
        self._served = served
        self._path = path
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        reply = Reply(send, self._served.limits.take_seconds)
        try:
            outcome = await self._outcome(scope, receive, reply)
        except Gone:
            outcome = "gone"
        self._served.tally.requests[self._path, outcome] += 1

    async def _outcome(self, scope: Scope, receive: Receive, reply: Reply) -> str:
        try:
            if self._served.gate.closed:
                raise closing()
            limits = self._served.limits
            asked = Fields.read(await body_of(scope, receive, limits.body_bytes, limits.body_seconds))
            await self._while_there(self._handler(self._served, asked, reply), receive, reply)
        except ApiError as error:
            if error.status == 500:
                _LOG.error("%s: %s", self._path, error, exc_info=error.__cause__)
            await reply.refuse(error)
            return {429: "busy", 503: "closing", 500: "failed"}.get(error.status, "refused")
        return "answered"

    async def _while_there(self, answering: Awaitable[None], receive: Receive, reply: Reply) -> None:
        """Await an answer; once the client is gone, or the server has no more time, it is cancelled.

        Raises:
            Gone: the client went away.
            ApiError: the answer is refused, failed, or was cut off.
        """
        work = asyncio.ensure_future(answering)
        gone = asyncio.ensure_future(until_gone(receive))
        cut = asyncio.ensure_future(self._served.cut.wait())
        try:
            await asyncio.wait((work, gone, cut), return_when=asyncio.FIRST_COMPLETED)
            if reply.ended:  # after the end of a response, everybody is gone
                await asyncio.wait((work,))
        finally:
            for other in (gone, cut):
                other.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait((work,))
        if not work.cancelled():
            if (error := work.exception()) is not None:
                raise error if isinstance(error, ApiError | Gone) else refusal(_plain(error)) from error
        elif self._served.cut.is_set():
            raise closing()
        else:
            raise Gone


def _plain(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    raise error


def _refused(error: ApiError) -> Response:
    return JSONResponse(error.body(), error.status, error.headers)


def _model(served: Served, name: str) -> dict[str, Any]:
    model = served.models[name]
    about: dict[str, Any] = {"id": name, "object": "model", "created": served.created}
    window = model.engine.context if isinstance(model, Decoder) else model.config.window
    # `max_model_len` is vLLM's word, which clients look for
    about |= {"owned_by": "agentkit", "max_model_len": window}
    return {**about, "agentkit": served.profile} if served.profile else about
