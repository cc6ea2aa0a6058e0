"""What servers and addresses can do to whoever gets a page: to us, and to the clients that are installed.

Each case is tried by each client in a process of its own, against servers on this machine. An inside
address is held if the secret that is served there does not come back; a server that wears one out is
survived if the client is done within 20 seconds and has grown by less than 150 MB. The clients are asked
with a time limit of 5 seconds, and no other setting of theirs is changed.
"""

import contextlib
import gzip
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from facts import machine_facts, write_result

from agentkit.core.errors import ToolFault
from agentkit.tooling.net.fetch import Request, fetch
from agentkit.tooling.net.reach import Reach

SECRET = b"the secret of this machine"
SECONDS = 20.0
MOST_GROWN = 150_000
"""Kilobytes."""
LIMIT = 5.0
OK = b"HTTP/1.1 200 OK\r\n"
PEERS = ("urllib", "requests", "httpx2")

# {port} is that of the server with the secret
INSIDE = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://localhost.:{port}/",
    "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/", "http://0.0.0.0:{port}/", "http://0:{port}/",
    "http://127.8.8.8:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://a:b@127.0.0.1:{port}/", "http://127.0.0.1:{port}/#@example.org/",
    "file:///proc/self/status",
]  # fmt: skip


def endless(head: bytes, piece: bytes) -> Iterator[bytes]:
    """A beginning, and then the same for ever."""
    yield head
    while True:
        yield piece


def dripping(text: bytes) -> Iterator[bytes]:
    """One byte a second."""
    for byte in text:
        yield bytes([byte])
        time.sleep(1)


def packed(times: int, encoding: str) -> list[bytes]:
    """Half a gigabyte of nothing in a few kilobytes."""
    data = gzip.compress(b"\0" * 500_000_000, 6)
    for _ in range(times - 1):
        data = gzip.compress(data)
    return [OK + f"Content-Encoding: {encoding}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data]


WEARING: dict[str, Callable[[], Any]] = {
    "gzip bomb": lambda: packed(1, "gzip"),
    "gzip in gzip": lambda: packed(2, "gzip, gzip"),
    "endless body": lambda: endless(OK + b"\r\n", b"x" * 1_000_000),
    "endless chunks": lambda: endless(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"
    ),
    "endless header": lambda: endless(OK + b"X: ", b"x" * 1_000_000),
    "endless headers": lambda: endless(OK, b"X: x\r\n" * 1000),
    "endless trailer": lambda: endless(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n" * 1000),
    "continue for ever": lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "dripping head": lambda: dripping(OK + b"Content-Length: 1\r\n\r\nx"),
    "dripping body": lambda: [OK + b"Content-Length: 100\r\n\r\n", *dripping(b"x" * 100)],
    "a body that stops": lambda: endless(OK + b"Content-Length: 100\r\n\r\nx", b""),
    "redirects for ever": lambda: [b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"],
}


def serve(answer: Callable[[], Any], host: str = "127.0.0.1") -> int:
    """The port of a server that gives this answer to everybody."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, 0), family=family, dualstack_ipv6=":" in host)

    def talk(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.recv(65_536)
            for piece in answer():
                client.sendall(piece)
                if not piece:
                    time.sleep(0.1)

    def take() -> None:
        while True:
            client, _ = listening.accept()
            threading.Thread(target=talk, args=[client], daemon=True).start()

    threading.Thread(target=take, daemon=True).start()
    return listening.getsockname()[1]


def got(client: str, url: str, open_port: int, secret_port: int) -> bytes:
    """What a client gives for an address."""
    if client == "agentkit":
        # the servers that wear one out are on this machine, too, and have to be reached
        inside = (f"127.0.0.1:{open_port}",) if open_port else ()
        # and no address is to be held for its port alone
        reach = Reach(inside=inside, ports=(secret_port,))
        with contextlib.suppress(ToolFault):
            return fetch(Request(url), reach, seconds=LIMIT, most_bytes=5_000_000).body
        return b""
    with contextlib.suppress(Exception):
        if client == "urllib":
            return import_module("urllib.request").urlopen(url, timeout=LIMIT).read()
        options = {"follow_redirects": True} if client == "httpx2" else {}
        return import_module(client).get(url, timeout=LIMIT, **options).content
    return b""


def tried(client: str, url: str, secret_port: int, open_port: int = 0) -> tuple[bytes, bool]:
    """What a client gives for an address, and whether it took no more than it should."""
    line = [sys.executable, __file__, client, url, str(open_port), str(secret_port)]
    try:
        done = subprocess.run(line, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return b"", False
    body, _, grown = done.stdout.rpartition(b"\n")
    return body, done.returncode == 0 and int(grown) < MOST_GROWN


def one(client: str, url: str, open_port: int, secret_port: int) -> None:
    """Try one case, and print what came (the first of it) and by how many kilobytes this process grew."""
    if client != "agentkit":
        import_module("urllib.request" if client == "urllib" else client)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    body = got(client, url, open_port, secret_port)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    os.write(1, body[:4000] + b"\n" + str(grown).encode())


def is_shown(body: bytes) -> bool:
    """Whether an answer is what is inside: the secret, or a file of this machine."""
    return body.startswith((SECRET, b"Name:"))


def measured(clients: Sequence[str]) -> dict[str, Any]:
    """Of each client which cases it does not withstand."""
    secret = serve(lambda: [OK + f"Content-Length: {len(SECRET)}\r\n\r\n".encode() + SECRET], "::")
    leads = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % secret
    leading = serve(lambda: [leads])
    wearing = {name: serve(answer) for name, answer in WEARING.items()}
    result: dict[str, Any] = {}
    for client in clients:
        shown = [url for url in INSIDE if is_shown(tried(client, url.format(port=secret), secret)[0])]
        if is_shown(tried(client, f"http://127.0.0.1:{leading}/", secret, leading)[0]):
            shown.append("a redirect to 127.0.0.1")
        failed = [
            name
            for name, port in wearing.items()
            if not tried(client, f"http://127.0.0.1:{port}/", secret, port)[1]
        ]
        result[client] = {
            "inside addresses held": f"{len(INSIDE) + 1 - len(shown)} of {len(INSIDE) + 1}",
            "wearing servers survived": f"{len(WEARING) - len(failed)} of {len(WEARING)}",
            "shown": shown,
            "failed": failed,
        }
        print(client, *list(result[client].values())[:2], flush=True)
    return result


def main() -> None:
    if len(sys.argv) > 1:
        return one(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    peers = [name for name in PEERS if find_spec(name)]
    versions = [name for name in peers if name != "urllib"]
    result = {**machine_facts(*versions), "clients": measured(["agentkit", *peers])}
    print(write_result("web_fetch", result))
    return None


if __name__ == "__main__":
    main()
