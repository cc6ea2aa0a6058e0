"""One HTTP exchange: redirects followed by hand and checked anew, one deadline, one limit on size."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from agentkit.core.errors import ToolFault
from agentkit.tooling.net.reach import NoAnswer, Reach

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade"})
"""Headers that say how the message is sent; who may set them can hide a second message in it."""
_HARMLESS = frozenset({"accept", "accept-language", "user-agent", "content-type"})
"""What may go to another host than it was meant for; a key may stand in any other header."""
_CHUNK = 65_536
_GZIP = ("gzip", "x-gzip")
_GZIP_BEGINS = b"\x1f"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered."""

    url: str
    """Where, after redirects."""
    status: int
    reason: str
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    complete: bool
    """Whether the body is all of it."""


class Stop:
    """Ends an exchange from another thread: its connection is shut, and no other one begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._stopped = False

    def __call__(self) -> None:
        """Stop it now."""
        with self._lock:
            self._stopped = True
            if self._held:
                _cut(self._held[-1])

    def holds(self, held: list[socket.socket]) -> None:
        """Say which connection is used: the last of `held`.

        Raises:
            NoAnswer: it was stopped.
        """
        with self._lock:
            self._held = held
            if self._stopped:
                raise NoAnswer("the exchange was stopped")


def fetch(
    request: Request,
    reach: Reach,
    *,
    seconds: float,
    most_bytes: int,
    stop: Stop | None = None,
    before: Callable[[Request], None] | None = None,
) -> Response:
    """The answer to a request, redirects followed.

    Args:
        request: The first one.
        reach: Whom it may reach.
        seconds: For all of it together.
        most_bytes: Of the body, as it arrives and as it is unpacked.
        stop: Ends it from another thread.
        before: Told of each request before it is sent, also of those that redirects ask for. It may raise;
            it may wait, and that does not count.

    Raises:
        ToolFault: it may not be asked, nobody answered in time, or not in HTTP; the message says which.
    """
    stop = stop or Stop()
    deadline = time.monotonic() + seconds
    for _ in range(MOST_REDIRECTS + 1):
        if before is not None:
            began = time.monotonic()
            before(request)
            deadline += time.monotonic() - began
        answer = _exchange(request, reach, deadline, seconds, most_bytes, stop)
        where = answer.headers.get("location")
        if answer.status not in _REDIRECTS or not where:
            return answer
        request = _redirected(request, answer.status, urljoin(request.url, where))
    raise ToolFault(f"{request.url} was reached by more than {MOST_REDIRECTS} redirects; it leads nowhere")


def _exchange(
    request: Request, reach: Reach, deadline: float, seconds: float, most_bytes: int, stop: Stop
) -> Response:
    target = checked_target(request.url)
    host = reach.host(target.hostname or "")
    port = _port(target)
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_slow(request.url, seconds)
    connection = http.client.HTTPConnection(host, port)
    stop.holds([])
    held = [reach.connect(host, port, left)]
    # a server that sends a byte now and then passes every timeout but this one
    alarm = threading.Timer(max(0.0, deadline - time.monotonic()), lambda: _cut(held[-1]))
    alarm.daemon = True
    alarm.start()
    try:
        stop.holds(held)
        if target.scheme == "https":
            secure = ssl.create_default_context().wrap_socket(
                held[-1], server_hostname=host, do_handshake_on_connect=False
            )
            held.append(secure)
            secure.do_handshake()
        connection.sock = held[-1]
        connection.request(request.method, _path(target), request.body or None, _headers(request))
        with connection.getresponse() as answer:
            headers = {name.lower(): value for name, value in answer.getheaders()}
            body, complete = _body(answer, headers, most_bytes)
            found = Response(request.url, answer.status, answer.reason, headers, body, complete)
    except (http.client.HTTPException, OSError, ValueError, zlib.error) as error:
        if time.monotonic() >= deadline:
            raise _too_slow(request.url, seconds) from None
        raise NoAnswer(f"{request.url}: {error or type(error).__name__}") from None
    finally:
        alarm.cancel()
        connection.close()
        held[-1].close()
    if time.monotonic() >= deadline:
        raise _too_slow(request.url, seconds)
    return found


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be over already
        sock.shutdown(socket.SHUT_RDWR)


def _body(answer: http.client.HTTPResponse, headers: Mapping[str, str], most: int) -> tuple[bytes, bool]:
    """The body, unpacked, up to `most` bytes, and whether that is all."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *_GZIP):
        raise ToolFault(f"the answer is packed as {encoding!r}, which was not asked for")
    unpack = _Unpacking() if encoding in _GZIP else None
    body = bytearray()
    arrived = 0
    # what is unpacked to nothing can be endless, too
    while len(body) <= most and arrived <= most:
        chunk = answer.read(_CHUNK)
        if not chunk:
            if (unpack and not unpack.is_whole) or arrived < int(headers.get("content-length", 0)):
                raise http.client.IncompleteRead(bytes(body))
            return bytes(body), True
        arrived += len(chunk)
        # a few packed bytes can stand for gigabytes: no more is unpacked than is wanted
        body += unpack(chunk, most + 1 - len(body)) if unpack else chunk
    return bytes(body[:most]), False


class _Unpacking:
    """Unpacks gzip, which may come in several parts one after the other (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._part = zlib.decompressobj(31)

    @property
    def is_whole(self) -> bool:
        """Whether the last part has come to its end."""
        return self._part.eof

    def __call__(self, chunk: bytes, most: int) -> bytes:
        """What is packed in the chunk, as far as it is wanted."""
        found = bytearray()
        while chunk and len(found) < most:
            if self._part.eof:
                if not chunk.startswith(_GZIP_BEGINS):
                    break  # padding, which every reader passes over
                self._part = zlib.decompressobj(31)
            found += self._part.decompress(chunk, most - len(found))
            chunk = self._part.unused_data
        return bytes(found)


def _redirected(request: Request, status: int, url: str) -> Request:
    """The request that a redirect asks for."""
    old, new = checked_target(request.url), checked_target(url)
    if old.scheme == "https" and new.scheme != "https":
        raise ToolFault(f"{request.url} leads to {url}, from https to plain http; it is not followed")
    elsewhere = (old.hostname, _port(old)) != (new.hostname, _port(new))
    headers = {
        name: value for name, value in request.headers.items() if not elsewhere or name.lower() in _HARMLESS
    }
    if status in _KEEP_METHOD:
        if elsewhere and request.body:
            raise ToolFault(f"{request.url} leads to {url}; what is sent is not passed on to another host")
        return replace(request, url=url, headers=headers)
    method = request.method if request.method in ("GET", "HEAD") else "GET"
    return Request(url, method, headers)


def checked_target(url: str) -> SplitResult:
    """The parts of an address of the web.

    Raises:
        ToolFault: it is none, or could be taken for another.
    """
    if any(ord(letter) <= 32 or letter == "\\" or ord(letter) == 127 for letter in url):
        raise ToolFault(f"{url!r} is no address: it holds a space, a control character or a backslash")
    try:
        target = urlsplit(url)
        _ = target.port
    except ValueError as error:
        raise ToolFault(f"{url!r} is no address: {error}") from None
    if target.scheme not in ("http", "https") or not target.hostname:
        raise ToolFault(f"{url!r} is no address of the web; it begins with https:// or http:// and a host")
    if target.username is not None or target.password is not None:
        raise ToolFault(
            f"an address with a name or password before the host is not reached: {target.hostname}"
        )
    return target


def _port(target: SplitResult) -> int:
    return target.port or (443 if target.scheme == "https" else 80)


def _path(target: SplitResult) -> str:
    path = quote(target.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(target.query, safe='/?%:@!$&()*+,;=~-._[]')}" if target.query else path


def _headers(request: Request) -> dict[str, str]:
    for name in request.headers:
        if name.lower() in _OURS:
            raise ToolFault(f"the header {name} is not yours to set")
    named = {name.lower() for name in request.headers}
    ours = {} if "user-agent" in named else {"User-Agent": "agentkit"}
    return {**ours, "Accept-Encoding": "gzip", "Connection": "close", **request.headers}


def _too_slow(url: str, seconds: float) -> ToolFault:
    return ToolFault(f"{url} did not answer within {seconds:g} seconds")
