"""The way out of the sandbox for what speaks any protocol: SOCKS5, checked like everything else."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agentkit.tooling.net.reach import Reach
from agentkit.tooling.net.tunnel import ORDERS, Tunnel


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of somebody who says everything again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                with one:
                    while data := one.recv(1000):
                        one.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def reaching(port: int) -> Reach:
    return Reach(
        domains=("here.example", "inside.example", "127.0.0.1", "::1"),
        ports=(port,),
        look_up=lambda host, _: ["10.0.0.1" if host == "inside.example" else "127.0.0.1"],
        is_open=lambda address: str(address) == "127.0.0.1",
    )


@contextmanager
def through(tunnel: Tunnel) -> Iterator[socket.socket]:
    """A connection as the program inside hands it over."""
    near, far = socket.socketpair()
    inside = socket.socket(fileno=socket.dup(tunnel.inside))
    with near, inside:
        near.settimeout(10)
        socket.send_fds(inside, [b"."], [far.fileno()])
        far.close()
        yield near


def asked(host: str, port: int, kind: int = 3) -> bytes:
    name = {
        1: lambda: socket.inet_pton(socket.AF_INET, host),
        3: lambda: bytes([len(host)]) + host.encode(),
        4: lambda: socket.inet_pton(socket.AF_INET6, host),
    }[kind]()
    return b"\x05\x01\x00\x05\x01\x00" + bytes([kind]) + name + struct.pack(">H", port)


def answered(client: socket.socket) -> int:
    """The number with which a request was answered; 0 is yes."""
    data = b""
    while len(data) < 12:
        if not (piece := client.recv(12 - len(data))):
            return -1
        data += piece
    return data[3]


@pytest.mark.parametrize(("host", "kind"), [("here.example", 3), ("127.0.0.1", 1), ("::1", 4)])
def test_a_browser_is_joined_to_a_host_that_may_be_reached(echo: int, host: str, kind: int) -> None:
    with Tunnel(reaching(echo), socks=True) as tunnel, through(tunnel) as client:
        client.sendall(asked(host, echo, kind))
        assert answered(client) == 0
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
    assert tunnel.refused == []


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (asked("inside.example", 80), "port 80 is not reached"),
        (asked("other.example", 80), "other.example is not among the domains"),
        (asked("10.0.0.1", 80, 1), "10.0.0.1 is not among the domains"),
        (asked("a\0b", 80), "cannot be the name of a host"),
        (b"\x05\x01\x00\x05\x02\x00\x03\x01a\0\x50", "only connections are made"),
        (b"\x05\x01\x00\x05\x01\x00\x09\x01a\0\x50", "in no known way"),
    ],
)
def test_nobody_else_is_reached_and_that_is_noted(echo: int, request_: bytes, why: str) -> None:
    with Tunnel(reaching(echo), socks=True) as tunnel, through(tunnel) as client:
        client.sendall(request_)
        assert answered(client) == 2
        assert why in tunnel.refused[0]


def test_a_private_address_is_refused_whatever_its_name(echo: int) -> None:
    with Tunnel(reaching(echo), socks=True) as tunnel, through(tunnel) as client:
        client.sendall(asked("inside.example", echo))
        assert answered(client) == 2
        assert tunnel.refused == [
            "inside.example is at 10.0.0.1, which is no public address; it is not reached"
        ]


def test_who_is_not_given_socks_gets_none(echo: int) -> None:
    with Tunnel(reaching(echo)) as tunnel, through(tunnel) as client:
        client.sendall(asked("here.example", echo) + b"\r\n\r\n")
        assert client.recv(8) == b"HTTP/1.1"
        assert "only connections by TLS" in tunnel.refused[0]


def test_orders_come_from_this_side_and_only_where_there_are_any(echo: int) -> None:
    request = f"CONNECT {ORDERS}:1 HTTP/1.1\r\n\r\n".encode()
    orders = Tunnel(reaching(echo), orders=lambda client: client.sendall(b"do it"))
    with orders as tunnel, through(tunnel) as client, client.makefile("rb") as said:
        client.sendall(request)
        assert said.read() == b"HTTP/1.1 200 OK\r\n\r\ndo it"
    with Tunnel(reaching(echo)) as tunnel, through(tunnel) as client:
        client.sendall(request)
        assert client.recv(100).startswith(b"HTTP/1.1 403")
