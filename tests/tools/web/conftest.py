"""A web of one machine: sites on 127.0.0.1 under any names, with pages that a test sets."""

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from agentkit.tooling.context import ToolContext
from agentkit.tooling.net.reach import Reach


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        return self.headers["host"].partition(":")[0]


@dataclass(frozen=True)
class Page:
    """What is answered."""

    body: bytes | str = ""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Answer = Page | Callable[[Asked], Page]


@dataclass
class Web:
    """Sites by host and path; a path alone is that of every host."""

    port: int = 0
    pages: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[Asked] = field(default_factory=list[Asked])

    def at(self, path: str, host: str = "site.example") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: bytes | str, kind: str = "text/html; charset=utf-8") -> str:
        self.pages[path] = Page(body, kind)
        return self.at(path)

    def answer(self, asked: Asked) -> Page:
        self.asked.append(asked)
        path = asked.path.partition("?")[0]
        found = self.pages.get(f"{asked.host}{path}", self.pages.get(path, Page("not here", status=404)))
        return found if isinstance(found, Page) else found(asked)

    def paths(self) -> list[str]:
        return [one.path for one in self.asked if one.path != "/robots.txt"]


@pytest.fixture
def web() -> Iterator[Web]:
    known = Web()

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            page = known.answer(Asked(self.command, self.path, headers, body))
            said = page.body.encode() if isinstance(page.body, str) else page.body
            self.send_response(page.status)
            for name, value in {"Content-Type": page.kind, **page.headers}.items():
                self.send_header(name, value)
            if page.status != 304:
                self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            if page.status != 304:
                self.wfile.write(said)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield known
        server.shutdown()
        thread.join()


@pytest.fixture
def surfer(world, web: Web) -> ToolContext:
    """The world of a call that reaches the sites; nobody else."""
    reach = Reach(ports=(web.port,), look_up=lambda *_: ["127.0.0.1"], is_open=lambda _: True)
    return world.with_(reach=reach)
