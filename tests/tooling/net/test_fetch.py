"""Whom a tool reaches, and what a server can do to it; every server is on 127.0.0.1."""

import contextlib
import gzip
import ipaddress
import socket
import socketserver
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agentkit.core.errors import ToolFault
from agentkit.tooling.net.fetch import Request, Response, fetch
from agentkit.tooling.net.reach import NoAnswer, Reach, is_public, own_addresses

PRIVATE = [
    # IANA's special IPv4 addresses, the first and last of each network
    "0.0.0.0", "0.255.255.255", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
    "127.8.8.8", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8",
    "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
    # what clouds answer themselves
    "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "fd00:ec2::23",
    # and the IPv6 ones
    "::", "::1", "64:ff9b:1::1", "64:ff9b:1:ffff:ffff:ffff:5db8:d822", "100::1", "100:0:0:1::1", "2001::1",
    "2001:2::1", "2001:10::1", "2001:1ff:ffff::1", "2001:db8::1", "3fff::1", "3fff:fff:ffff::1", "5f00::1",
    "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "4000::1",
    # an inside IPv4 address within an IPv6 one
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:168.63.129.16", "::ffff:0:127.0.0.1", "::127.0.0.1",
    "::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a83f:8110", "64:ff9b:1::7f00:1",
    "2002:7f00:1::", "2002:a00:1::", "2002:c058:6301::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "93.184.216.34", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1",
    "126.255.255.255", "172.15.255.255", "172.32.0.1", "168.63.129.15", "191.255.255.255", "192.0.1.1",
    "192.88.98.1", "192.167.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2001:200::1",
    "2001:4860:4860::8888", "2003::1", "2606:2800:220:1::1", "2620:4f:8000::1", "2a00:1450::1", "3ffe::1",
    "64:ff9b::5db8:d822", "::ffff:93.184.216.34", "2002:5db8:d822::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_inside_address_is_not_reached_in_any_of_its_forms(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    asked: list[str] = []
    reach = Reach(look_up=lambda host, _port: asked.append(host) or ["93.184.216.34", address])
    with pytest.raises(ToolFault, match=r"which is no public address; it is not reached"):
        reach.connect("rebinding.example", 443, 1)
    assert asked == ["rebinding.example"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_an_address_of_this_machine_is_not_whatever_its_number(monkeypatch) -> None:
    assert ipaddress.ip_address("127.0.0.1") in own_addresses()
    mine = ipaddress.ip_address("93.184.216.34")
    monkeypatch.setattr("agentkit.tooling.net.reach.own_addresses", lambda: frozenset({mine}))
    assert [is_public(ipaddress.ip_address(one)) for one in (str(mine), f"::ffff:{mine}")] == [False, False]


def test_all_addresses_of_a_host_have_one_deadline() -> None:
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.create_server(("0.0.0.0", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(4):  # nobody accepts: what comes after the first waits without an answer
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        silent = [f"127.0.0.{last}" for last in range(1, 5)]
        reach = Reach(ports=(port,), look_up=lambda *_: silent, is_open=lambda _: True)
        begin = time.monotonic()
        with pytest.raises(NoAnswer, match="does not answer: timed out"):
            reach.connect("silent.example", port, 0.8)
        assert 0.7 < time.monotonic() - begin < 1.6


def test_a_silent_address_leaves_time_for_the_next() -> None:
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", port))
        held.enter_context(socket.create_server(("127.0.0.3", port)))
        reach = Reach(ports=(port,), look_up=lambda *_: ["127.0.0.2", "127.0.0.3"], is_open=lambda _: True)
        made = held.enter_context(reach.connect("half.example", port, 2))
        assert made.getpeername()[0] == "127.0.0.3"
        assert 0.5 < (made.gettimeout() or 0) < 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "no address of the web"),
        ("ftp://example.org/", "no address of the web"),
        ("https://", "no address of the web"),
        ("example.org", "no address of the web"),
        ("https://ada:secret@example.org/", "a name or password before the host"),
        ("https://example.org\\@inside/", "a backslash"),
        ("https://exa mple.org/", "holds a space"),
        ("https://example.org/\r\nHost: inside", "a control character"),
        ("https://example.org:99999/", "no address"),
        ("https://example.org:6379/", "port 6379 is not reached; only 80, 443, 8080, 8443 are"),
        ("https://exa%00mple.org/", "cannot be the name of a host"),
        ("http://[::1]/", "no public address"),
        ("http://localhost./", "no public address"),
    ],
)
def test_what_is_no_address_or_leads_inside_is_said(url: str, why: str) -> None:
    with pytest.raises(ToolFault, match=why):
        fetch(Request(url), Reach(), seconds=5, most_bytes=100)


@pytest.mark.parametrize("url", ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/"])
def test_another_spelling_of_an_address_is_the_same_address(url: str) -> None:
    reach = Reach(look_up=lambda host, _port: [socket.inet_ntoa(socket.inet_aton(host))])
    with pytest.raises(ToolFault, match=r"is at 127\.0\.0\.1, which is no public address"):
        fetch(Request(url), reach, seconds=5, most_bytes=100)


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("example.org", True),
        ("EXAMPLE.org.", True),
        ("api.example.org", True),
        ("example.org.evil.net", False),
        ("badexample.org", False),
        ("\N{CYRILLIC SMALL LETTER IE}xample.org", False),
    ],
)
def test_only_the_domains_of_the_list_are_reached(host: str, may: bool) -> None:
    reach = Reach(domains=("example.org",))
    if may:
        assert reach.host(host).endswith("example.org")
    else:
        with pytest.raises(ToolFault, match=r"is not among the domains that may be reached: example\.org"):
            reach.host(host)


# --- servers


@dataclass
class Server:
    """Answers each path with raw bytes and remembers what it was sent."""

    answers: dict[str, Sequence[bytes]] = field(default_factory=dict[str, Sequence[bytes]])
    pause: float = 0.0
    heard: list[bytes] = field(default_factory=list[bytes])
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://here.example:{self.port}"

    def reach(self, **changes: Any) -> Reach:
        given = {
            "ports": (self.port,),
            "look_up": lambda _host, _port: ["127.0.0.1"],
            "is_open": lambda _address: True,
        }
        return Reach(**{**given, **changes})

    def get(self, path: str, seconds: float = 10, most: int = 1000, **request: Any) -> Response:
        return fetch(Request(f"{self.url}{path}", **request), self.reach(), seconds=seconds, most_bytes=most)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            length = [
                line.split(b":")[1]
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ]
            state.heard.append(head + self.rfile.read(int(length[0]) if length else 0))
            path = head.split(b" ")[1].decode()
            try:
                for piece in state.answers[path]:
                    self.wfile.write(piece)
                    self.wfile.flush()
                    time.sleep(state.pause)
            except OSError:
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        state.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


def ok(body: bytes, *headers: str) -> list[bytes]:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n" + body]


def to(where: str, status: int = 302) -> list[bytes]:
    return [f"HTTP/1.1 {status} Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode()]


def test_an_answer_comes_whole(server: Server) -> None:
    server.answers["/a?q=%C3%A9"] = ok(b"hello", "Content-Type: text/plain")
    answer = server.get("/a?q=é")
    assert (answer.status, answer.body, answer.complete) == (200, b"hello", True)
    assert b"Host: here.example" in server.heard[0]


def test_a_packed_answer_is_unpacked_but_never_further_than_wanted(server: Server) -> None:
    server.answers["/a"] = ok(gzip.compress(b"hello"), "Content-Encoding: gzip")
    assert server.get("/a").body == b"hello"
    server.answers["/bomb"] = ok(gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip")
    answer = server.get("/bomb")
    assert (len(answer.body), answer.complete) == (1000, False)
    parts = gzip.compress(b"hello, ") + gzip.compress(b"") + gzip.compress(b"you") + b"\0\0"
    server.answers["/parts"] = ok(parts, "Content-Encoding: GZip")
    assert (server.get("/parts").body, server.get("/parts").complete) == (b"hello, you", True)
    server.answers["/half"] = ok(parts[:-12], "Content-Encoding: gzip")
    with pytest.raises(ToolFault, match="IncompleteRead"):
        server.get("/half")
    bombs = gzip.compress(b"\0" * 600) * 100
    server.answers["/bombs"] = ok(bombs, "Content-Encoding: gzip")
    assert len(server.get("/bombs", most=20_000).body) == 20_000
    server.answers["/br"] = ok(b"x", "Content-Encoding: br")
    with pytest.raises(ToolFault, match="packed as 'br', which was not asked for"):
        server.get("/br")


def test_an_endless_answer_is_cut(server: Server) -> None:
    server.answers["/a"] = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 10_000] * 100]
    answer = server.get("/a")
    assert (answer.body, answer.complete) == (b"x" * 1000, False)


@pytest.mark.parametrize("head", [[b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 90], ok(b"")[:1]])
def test_a_server_that_drips_is_left_at_the_deadline(server: Server, head: list[bytes]) -> None:
    server.pause = 0.2
    server.answers["/a"] = [*head[:-1], *[bytes([byte]) for byte in head[-1]], *[b"x"] * 100]
    began = time.monotonic()
    with pytest.raises(ToolFault, match="did not answer within 1 seconds"):
        server.get("/a", seconds=1)
    assert time.monotonic() - began < 10


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(server: Server) -> None:
    server.answers["/a"] = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"]
    with pytest.raises(ToolFault, match="IncompleteRead"):
        server.get("/a")
    server.answers["/b"] = [b"this is no HTTP\r\n\r\n"]
    with pytest.raises(ToolFault):
        server.get("/b")


# --- redirects


def test_a_redirect_is_followed_and_checked_anew(server: Server) -> None:
    server.answers = {"/a": to("/b"), "/b": ok(b"there")}
    answer = server.get("/a")
    assert (answer.body, answer.url) == (b"there", f"{server.url}/b")
    server.answers["/in"] = to(f"http://inside.example:{server.port}/b")
    reach = server.reach(
        look_up=lambda host, _port: ["10.0.0.1" if host == "inside.example" else "127.0.0.1"],
        is_open=lambda address: str(address) == "127.0.0.1",
    )
    with pytest.raises(ToolFault, match=r"inside.example is at 10\.0\.0\.1"):
        fetch(Request(f"{server.url}/in"), reach, seconds=5, most_bytes=10)
    listed = server.reach(domains=("here.example",))
    with pytest.raises(ToolFault, match=r"inside.example is not among the domains"):
        fetch(Request(f"{server.url}/in"), listed, seconds=5, most_bytes=10)
    assert len(server.heard) == 4


def test_a_key_does_not_go_along_to_another_host(server: Server) -> None:
    server.answers = {"/a": to(f"http://other.example:{server.port}/b"), "/b": ok(b"")}
    server.get("/a", headers={"Authorization": "Bearer k", "X-Api-Key": "k", "Accept": "text/plain"})
    assert b"X-Api-Key: k" in server.heard[0]
    assert b"Bearer" not in server.heard[1]
    assert b"X-Api-Key" not in server.heard[1]
    assert b"Accept: text/plain" in server.heard[1]


def test_what_is_sent_stays_with_whom_it_was_sent_to(server: Server) -> None:
    server.answers = {"/a": to("/b", 303), "/b": ok(b"got"), "/c": to("/d", 307), "/d": ok(b"put")}
    assert server.get("/a", method="POST", body=b"secret").body == b"got"
    assert server.heard[1].startswith(b"GET /b")
    server.get("/c", method="PUT", body=b"data")
    assert server.heard[3].endswith(b"data")
    server.answers["/e"] = to(f"http://other.example:{server.port}/d", 307)
    with pytest.raises(ToolFault, match="what is sent is not passed on to another host"):
        server.get("/e", method="POST", body=b"secret")


def test_a_circle_of_redirects_ends(server: Server) -> None:
    server.answers["/a"] = to("/a")
    with pytest.raises(ToolFault, match="more than 5 redirects"):
        server.get("/a")
    assert len(server.heard) == 6


@pytest.mark.parametrize("where", ["file:///etc/passwd", "//127.0.0.1:6379/", "http://a@here.example/"])
def test_a_redirect_leads_nowhere_that_could_not_be_asked_for(server: Server, where: str) -> None:
    server.answers["/a"] = to(where)
    with pytest.raises(ToolFault):
        server.get("/a")


@pytest.mark.parametrize(
    "headers", [{"Host": "inside"}, {"Content-Length": "0"}, {"A": "b\r\nHost: x"}, {"A\r\nB": "c"}]
)
def test_no_header_changes_what_the_message_is(server: Server, headers: dict[str, str]) -> None:
    server.answers["/a"] = ok(b"")
    with pytest.raises(ToolFault):
        server.get("/a", headers=headers)
    assert server.heard == []


# --- servers that wear one out


def endless(piece: bytes) -> list[bytes]:
    return [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[piece] * 200_000]


NOTHING = gzip.compress(b"")
WEARING: dict[str, Sequence[bytes]] = {
    "huge header": [b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * 10_000] * 1000],
    "many headers": [b"HTTP/1.1 200 OK\r\n", *[b"X: x\r\n"] * 200_000],
    "continue for ever": [b"HTTP/1.1 100 Continue\r\n\r\n"] * 500_000,
    "a chunk's extension": endless(b"1;" + b"x" * 70_000 + b"\r\nx\r\n"),
    "a trailer": [*endless(b"1\r\nx\r\n")[:2], b"0\r\n", *[b"X: x\r\n"] * 500_000],
    "a chunk of every size": endless(b"ffffffffffffffff\r\nx"),
    "packed nothing": [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n",
        NOTHING[:10] + b"\0\0\0\xff\xff" * 200_000,
    ],
    "packed twice": ok(gzip.compress(gzip.compress(b"\0" * 20_000_000)), "Content-Encoding: gzip, gzip"),
    "a bomb behind a type": ok(
        gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip", "Content-Type: text/html"
    ),
}


@pytest.mark.parametrize("name", WEARING)
def test_a_server_that_wears_one_out_is_left_within_the_limits(server: Server, name: str) -> None:
    server.answers["/"] = WEARING[name]
    tracemalloc.start()
    began = time.monotonic()
    try:
        with contextlib.suppress(ToolFault):
            assert len(server.get("/", seconds=1, most=100_000).body) <= 100_000
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
    assert time.monotonic() - began < 10


def test_who_is_told_of_each_request_can_refuse_it_and_waiting_does_not_count(server: Server) -> None:
    server.answers = {"/a": to("/b"), "/b": ok(b"there")}
    told: list[str] = []

    def before(request: Request) -> None:
        told.append(request.url)
        time.sleep(0.3)
        if len(told) == 4:
            raise ToolFault("not there")

    def get() -> Response:
        return fetch(Request(f"{server.url}/a"), server.reach(), seconds=0.5, most_bytes=10, before=before)

    assert get().body == b"there"
    assert told == [f"{server.url}/a", f"{server.url}/b"]
    with pytest.raises(ToolFault, match="not there"):
        get()
    assert len(server.heard) == 3


# --- hosts of one's own network


def test_a_host_that_the_person_named_is_reached_inside_at_its_port_alone(server: Server) -> None:
    server.answers["/a"] = ok(b"mine")
    named = Reach(inside=(f"wiki.corp:{server.port}",), look_up=lambda *_: ["127.0.0.1"])
    asked = Request(f"http://WIKI.corp:{server.port}/a")
    assert fetch(asked, named, seconds=5, most_bytes=10).body == b"mine"
    listed = replace(named, domains=("example.org",))
    assert fetch(asked, listed, seconds=5, most_bytes=10).body == b"mine"
    for url in (f"http://other.corp:{server.port}/a", "http://wiki.corp/", "http://wiki.corp:6379/"):
        with pytest.raises(ToolFault, match=r"no public address|port \d+ is not reached"):
            fetch(Request(url), named, seconds=5, most_bytes=10)


def test_a_host_without_a_port_is_reached_at_the_ordinary_ones() -> None:
    named = Reach(inside=("wiki.corp",), look_up=lambda *_: ["10.1.2.3"])
    assert named.addresses("wiki.corp", 443) == ["10.1.2.3"]
    with pytest.raises(ToolFault, match="port 22 is not reached"):
        named.addresses("wiki.corp", 22)


CLOUD = [
    "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200",
    "168.63.129.16",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOUD)
def test_no_name_leads_to_where_a_cloud_gives_out_its_keys(address: str) -> None:
    named = Reach(inside=("wiki.corp",), look_up=lambda *_: ["10.1.2.3", address])
    with pytest.raises(ToolFault, match="which is no public address"):
        named.addresses("wiki.corp", 443)


def test_a_redirect_to_the_keys_of_a_cloud_is_not_followed(server: Server) -> None:
    server.answers["/a"] = to("http://169.254.169.254/latest/meta-data/")
    reach = Reach(inside=(f"here.example:{server.port}",), look_up=lambda host, _: [HERE.get(host, host)])
    with pytest.raises(ToolFault, match=r"169\.254\.169\.254, which is no public address"):
        fetch(Request(f"{server.url}/a"), reach, seconds=5, most_bytes=10)


HERE = {"here.example": "127.0.0.1"}


def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once(server: Server) -> None:
    server.answers["/a"] = ok(b"public")
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    reach = server.reach(look_up=lambda *_: answers.pop(0), is_open=lambda one: str(one) != "10.0.0.1")
    assert fetch(Request(f"{server.url}/a"), reach, seconds=5, most_bytes=10).body == b"public"
    assert answers == [["10.0.0.1"]]
