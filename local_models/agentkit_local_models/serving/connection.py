"""A connection that does not wait for ever: what a request begins with has to come in time.

uvicorn has a limit for connections between two requests, but none for the first request's head, nor for one
that comes byte by byte: who sends such (slow loris) would hold a connection for nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.reply import packed

HEAD_BYTES = 64 << 10
"""Of a request's first line and headers."""


class BoundedHeads(h11.Connection):
    """What h11 reads on a connection; heads longer than `HEAD_BYTES` are none, however they come."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        """As h11's, which looks at the size of what is not whole yet: a long head may come in one piece."""
        before = self._waiting() if self.their_state is h11.IDLE else 0
        event = super().next_event()
        if isinstance(event, h11.Request) and before - self._waiting() > HEAD_BYTES:
            raise h11.RemoteProtocolError(f"a head of more than {HEAD_BYTES} bytes", error_status_hint=431)
        return event

    def _waiting(self) -> int:
        """Bytes that came and are not read yet."""
        return len(self.trailing_data[0])


def connections(head_seconds: float) -> type[H11Protocol]:
    """The protocol of connections on which a request's head has to come within so many seconds.

    They count from when the connection is made, and later from the first byte of each request; of a body that
    nobody read, from the answer. Who has sent a part of a head is told 408. Then the connection is closed.
    Between two requests it is kept as long as uvicorn keeps it, also where the first one's body came late.
    """

    class Connection(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.conn = BoundedHeads(h11.SERVER, HEAD_BYTES)
            self._watch()

        def data_received(self, data: bytes) -> None:
            in_body = self.conn.their_state is h11.SEND_BODY
            super().data_received(data)
            if in_body and self.conn.their_state is h11.IDLE:  # the last of a body that was answered before
                self._forget()
                if not self.conn.trailing_data[0]:
                    self._keep()
                    return
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._forget()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            # the rest of a body that nobody read is to come, or a part of the next head is here already
            if self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]:
                self._watch()

        def _watch(self) -> None:
            """Begin to count where no request is answered, and stop where one is."""
            cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first request
            answering = cycle is not None and not cycle.response_complete
            if answering or self.transport.is_closing():
                self._forget()
            elif self._late is None:
                self._late = self.loop.call_later(head_seconds, self._close)

        def _keep(self) -> None:
            """Count as uvicorn does between two requests; it stopped when the last of a body came."""
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

        def _forget(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _close(self) -> None:
            if self.transport.is_closing():
                return
            if self.conn.trailing_data[0] and self.conn.our_state is h11.IDLE:
                told = f"the request did not begin within {head_seconds:g} seconds"
                self._tell(ApiError(408, told))
            self.transport.close()

        def _tell(self, error: ApiError) -> None:
            body = packed(error.body())
            headers: Any = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            response = h11.Response(status_code=error.status, headers=headers)
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")

    return Connection
