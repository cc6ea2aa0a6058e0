"""A real HTTP server on loopback that answers as it is told to."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str] | Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answers: Mapping[str, Answer], seen: list[Any] | None = None) -> Iterator[str]:
    """The address of a server that answers these paths; what is asked goes to `seen`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if seen is not None:
                seen.append((self.command, self.path, dict(self.headers), body))
            found = answers.get(self.path.partition("?")[0], (404, '{"error": "there is no such path"}'))
            if callable(found):
                found(self)
                return
            status, text = found
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the base class names them so

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
