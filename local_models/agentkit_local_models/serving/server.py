"""A server of one model on one address, from its first request to its last."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from agentkit_local_models.serving.app import app_of
from agentkit_local_models.serving.connection import connections
from agentkit_local_models.serving.served import Served

KEEP_SECONDS = 75
"""For which a connection without a request is kept: longer than clients keep theirs (5 s in httpx), or it is
closed just when a request is on its way, and nobody knows whether that was heard."""
GRACE_SECONDS = 30.0
"""For answers that are being made when the server is told to end."""


class Server(uvicorn.Server):
    """Serves until it is told to end; then finishes what it began, as long as there is time.

    While it ends, new requests are told so with 503. A second signal ends it at once.
    """

    def __init__(
        self,
        served: Served,
        key: str | None,
        *,
        grace_seconds: float = GRACE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is open yet.

        Args:
            served: the model.
            key: that requests must bring; None lets everybody on this machine in.
            grace_seconds: for answers that are being made when it is told to end.
            clock: seconds.
        """
        # httptools and uvloop are not asked for, and used where they happen to be otherwise
        config = uvicorn.Config(
            app_of(served, key),
            http=connections(served.limits.head_seconds),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_SECONDS,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._served = served
        self._grace = grace_seconds
        self._clock = clock
        self._late: float | None = None  # when what is not done is cut off
        self.signals: list[int] = []

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until it is told to end."""
        try:
            await super().serve(sockets)
        finally:
            self._served.close()

    def end(self) -> None:
        """Let nobody in any more, and end when those inside are done."""
        if not self._served.gate.closed:
            self._served.gate.closed = True
            self._late = self._clock() + self._grace

    async def on_tick(self, counter: int) -> bool:
        """Look ten times a second whether it is over."""
        if self._late is not None:
            if not self._served.gate.inside:
                self.should_exit = True
            elif self._clock() >= self._late:
                self._served.cut.set()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as signals call it
        """A signal told it to end; the second one tells it to end now."""
        if self.signals:
            self._served.cut.set()
            self.should_exit = self.force_exit = True
        self.signals.append(sig)
        self.end()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Hear signals meanwhile, where this is the main thread; they are not raised again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address, where nobody is listened to yet.

    Raises:
        OSError: the address is taken, or not this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError:
        found.close()
        raise
    return found


def address_of(found: socket.socket) -> str:
    """Where clients find a socket."""
    host, port = found.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
