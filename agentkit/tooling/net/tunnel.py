"""A way out of the sandbox, to the hosts of a `Reach`: by TLS only, or for a browser by any protocol.

A command in the sandbox has no network but its own loopback. A small program there takes connections
and hands each, as it is, through a socket to this side, which speaks as an HTTP proxy knows only one
word, CONNECT, or as a SOCKS5 proxy. What the command says to the host stays between the two; whom it
says it to is checked here.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Self

from agentkit.core.errors import ToolFault
from agentkit.tooling.net.reach import Reach
from agentkit.tooling.net.socks import SOCKS_NO, SOCKS_YES, socks_asked

MOST_CONNECTIONS = 16
MOST_BYTES = 1_000_000_000
"""Through one tunnel, both ways together."""
SECONDS_TO_CONNECT = 20.0
SECONDS_TO_ASK = 20.0
ORDERS = "orders.invalid"
"""The host that stands for this side itself: a program inside is told there what to do."""
_YES = b"HTTP/1.1 200 OK\r\n\r\n"
_LONGEST_REQUEST = 8192
_CHUNK = 65_536


class Tunnel:
    """Takes connections from the sandbox and joins them to hosts, until it is closed."""

    def __init__(
        self,
        reach: Reach,
        *,
        socks: bool = False,
        connections: int = MOST_CONNECTIONS,
        orders: Callable[[socket.socket], None] | None = None,
    ) -> None:
        """Lead to the hosts of `reach`.

        Args:
            reach: Whom the command may reach.
            socks: Whether it may ask by SOCKS5 as well, and so talk to a host in any protocol.
            connections: How many it may have at once.
            orders: Takes a connection to `ORDERS`, which is nobody's host but this side itself.
        """
        self._reach = reach
        self._socks = socks
        self._connections = connections
        self._orders = orders
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._left = MOST_BYTES
        self.refused: list[str] = []
        """Whom the command asked for and may not reach, in words."""

    @property
    def inside(self) -> int:
        """The descriptor that the command is given."""
        return self._theirs.fileno()

    def __enter__(self) -> Self:
        threading.Thread(target=self._take, name="agentkit-tunnel", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            every = [self._ours, self._theirs, *self._open]
        for one in every:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _take(self) -> None:
        """Take each connection that comes; nothing that the other side sends can end more than it."""
        while True:
            try:
                _, descriptors, _, _ = socket.recv_fds(self._ours, 1, 1)
            except OSError:
                return
            if not descriptors:
                return
            try:
                client = socket.socket(fileno=descriptors[0])
            except OSError:
                os.close(descriptors[0])
                continue
            with self._lock:
                full = len(self._open) >= 2 * self._connections
            if full:
                client.close()
            else:
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._held(client), contextlib.suppress(OSError):
            client.settimeout(SECONDS_TO_ASK)
            by_socks = self._socks and client.recv(1, socket.MSG_PEEK) == b"\x05"
            host = ""
            try:
                host, port = socks_asked(client) if by_socks else _connect_asked(client)
                if host == ORDERS and self._orders is not None:
                    server = None
                else:
                    server = self._reach.connect(self._reach.host(host), port, SECONDS_TO_CONNECT)
            except ToolFault as fault:
                self.refused.append(str(fault) if host in str(fault) else f"{host}: {fault}")
                no = f"HTTP/1.1 403 Refused\r\nX-Why: {_line(str(fault))}\r\n\r\n".encode()
                client.sendall(SOCKS_NO if by_socks else no)
                return
            client.sendall(SOCKS_YES if by_socks else _YES)
            client.settimeout(None)
            if server is not None:
                self._join(client, server)
            elif self._orders is not None:
                self._orders(client)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the two say until both are done."""
        with self._held(server):
            server.settimeout(None)
            back = threading.Thread(target=self._pass_on, args=[server, client], daemon=True)
            back.start()
            self._pass_on(client, server)
            back.join()

    @contextlib.contextmanager
    def _held(self, one: socket.socket) -> Generator[None]:
        with self._lock:
            self._open.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(one)
            one.close()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                with self._lock:
                    self._left -= len(chunk)
                    spent = self._left < 0
                if spent:
                    self.refused.append(f"more than {MOST_BYTES:,} bytes went through; it was cut off")
                    break
                target.sendall(chunk)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _head(client: socket.socket) -> bytes:
    """What a client says first, up to the empty line."""
    deadline = time.monotonic() + SECONDS_TO_ASK
    head = b""
    while b"\r\n\r\n" not in head:
        if len(head) > _LONGEST_REQUEST or time.monotonic() > deadline:
            raise OSError("no request came")
        chunk = client.recv(1024)
        if not chunk:
            raise OSError("the client left")
        head += chunk
    return head


def _connect_asked(client: socket.socket) -> tuple[str, int]:
    """The host and port of a CONNECT."""
    words = _head(client).split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != "CONNECT":
        raise ToolFault("only connections by TLS (https) are made; this was another request")
    host, _, port = words[1].rpartition(":")
    if not port.isdecimal() or not host:
        raise ToolFault(f"{words[1]!r} is no host with a port")
    return host, int(port)


def _line(text: str) -> str:
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
