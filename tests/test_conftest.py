import os
import socket
import urllib.request
from pathlib import Path

import pytest


def test_a_test_sees_nothing_of_the_persons_home(home: Path) -> None:
    assert Path.home() == home
    assert list(home.iterdir()) == []
    assert not [name for name in os.environ if name.startswith(("OPENAI_", "XDG_"))]


def test_a_test_cannot_leave_this_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(RuntimeError):
        datagrams.sendto(b"x", ("192.0.2.1", 53))
    for reach in (
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.create_connection(("example.org", 80), timeout=1),
        lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=1),
    ):
        with pytest.raises(RuntimeError, match="a test reached for"):
            reach()


def test_a_test_may_talk_to_itself() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        client.sendall(b"hello")
        peer, _ = server.accept()
        with peer:
            assert peer.recv(5) == b"hello"
