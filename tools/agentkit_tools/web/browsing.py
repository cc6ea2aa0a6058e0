"""A browser in the sandbox, held open between calls."""

import asyncio
import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from agentkit.core.errors import ToolFault
from agentkit.tooling.context import ToolContext
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.net.tunnel import Tunnel
from agentkit.tooling.sandbox import Finished, Limits
from agentkit_tools.code import ending_of
from agentkit_tools.way_out import inside_python, way_out

NAME = "browser"
GIB = 1 << 30
LIMITS = Limits(
    wall_seconds=24 * 3600.0,
    memory_bytes=3 * GIB,
    reserved_bytes=1 << 46,
    processes=1024,
    open_files=8192,
    output_bytes=1_000_000,
)
"""Of a whole browser; a single call has its own time."""
SECONDS = 30.0
"""In which a page has to do what is wanted of it."""
SECONDS_MORE = 15.0
"""Beyond them, for the browser to answer at all."""
SECONDS_TO_START = 60.0
CONNECTIONS = 128
MOST_TOLD = 5
"""Refusals that are told at once."""
LONGEST_ANSWER = 60_000_000
PROGRAMS = (
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/usr/lib64/chromium/chromium",
    "/usr/lib/chromium/chrome",
)
"""Where Linux distributions have the program itself: what is on PATH is a script that needs more of /etc."""
_PILOT = Path(__file__).with_name("pilot.py")


def program() -> str:
    """Where the browser is.

    Raises:
        ToolFault: it is not installed, or what drives it is not; with what would help.
    """
    if find_spec("playwright") is None:
        raise ToolFault('playwright is not installed; run: pip install "agentkit[browser]"')
    found = next((one for one in PROGRAMS if Path(one).exists()), None)
    if found is None:
        raise ToolFault("no Chromium is here; run: apt install chromium (it is looked for in /usr/lib)")
    return found


@dataclass
class Browser:
    """One browser with one page; nothing of it stays when it is closed."""

    _task: "asyncio.Task[Finished] | None" = None
    _tunnel: Tunnel | None = None
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _line: "asyncio.Future[socket.socket] | None" = None
    _over: threading.Event = field(default_factory=threading.Event)
    _told: int = 0
    """How many refusals have been told."""

    async def order(self, context: ToolContext, do: str, **given: Any) -> Mapping[str, Any]:
        """What the page is like when it is done.

        Raises:
            ToolFault: it could not be done; the browser goes on unless the message says otherwise.
        """
        seconds = SECONDS if context.seconds_left is None else min(SECONDS, context.seconds_left)
        if seconds <= 0:
            raise ToolFault("the run's time is used up; nothing was done")
        line = await self._connected(context)
        text = json.dumps({"do": do, "seconds": seconds, **given}).encode() + b"\n"
        try:
            async with asyncio.timeout(seconds + SECONDS_MORE):
                answer = await in_daemon(lambda: _exchange(line, text), NAME)
        except (TimeoutError, OSError, ValueError) as error:
            why = await self._why(error)
            await context.residents.drop(NAME)
            raise ToolFault(f"the browser was ended: {why}; open_page starts it again") from None
        except BaseException:
            await context.residents.drop(NAME)  # what was cut off half way answers for the next order
            raise
        if "error" in answer:
            raise ToolFault("\n".join([str(answer["error"]), *self.refused(answer)]))
        return answer

    @property
    def is_open(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._task is not None and not self._task.done()

    def refused(self, answer: Mapping[str, Any]) -> list[str]:
        """Whom the page wanted to reach in the course of an order, and may not; in words.

        What the browser asks for on its own account is refused as well, and nobody's business.
        """
        assert self._tunnel is not None
        hosts = {urlsplit(str(url)).hostname or "" for url in answer["failed"]} - {""}
        every = self._tunnel.refused
        new, self._told = dict.fromkeys(every[self._told :]), len(every)
        theirs = [why for why in new if any(host in why for host in hosts)]
        return [f"[not reached: {why}]" for why in theirs[:MOST_TOLD]]

    async def _connected(self, context: ToolContext) -> socket.socket:
        if self._line is None:
            self._start(context)
        assert self._line is not None
        assert self._task is not None
        async with asyncio.timeout(SECONDS_TO_START):
            await asyncio.wait([self._line, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not self._line.done():
            done = self._task.result()
            await context.residents.drop(NAME)
            raise ToolFault(f"the browser did not start: {ending_of(done, LIMITS)}\n{_last(done)}".rstrip())
        return self._line.result()

    def _start(self, context: ToolContext) -> None:
        at, sandbox = program(), context.sandbox()
        loop = asyncio.get_running_loop()
        line: asyncio.Future[socket.socket] = loop.create_future()

        def orders(client: socket.socket) -> None:
            loop.call_soon_threadsafe(lambda: None if line.done() else line.set_result(client))
            self._over.wait()

        # a folder of its own, so that no page comes near the files of the person
        place = self._held.enter_context(tempfile.TemporaryDirectory(prefix="agentkit-browser-"))
        tunnel = Tunnel(context.reach, socks=True, connections=CONNECTIONS, orders=orders)
        self._tunnel = self._held.enter_context(tunnel)
        self._held.callback(self._over.set)
        self._line = line
        self._task = asyncio.create_task(
            sandbox.run(
                [*way_out(), *inside_python(_PILOT), at],
                workspace=Path(place),
                limits=LIMITS,
                stdin=tunnel.inside,
            ),
            name=NAME,
        )

    async def _why(self, error: Exception) -> str:
        if self._task is None:
            return str(error)
        with contextlib.suppress(TimeoutError):
            done = await asyncio.wait_for(asyncio.shield(self._task), 1.0)
            return ending_of(done, LIMITS) or f"it ended by itself\n{_last(done)}"
        return "the page did not answer in time" if isinstance(error, TimeoutError) else str(error)

    async def aclose(self) -> None:
        """End the browser."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._held.close()


def _exchange(line: socket.socket, text: bytes) -> dict[str, Any]:
    line.sendall(text)
    answer = bytearray()
    while not answer.endswith(b"\n"):
        chunk = line.recv(1 << 20)
        if not chunk:
            raise OSError("it left")
        answer += chunk
        if len(answer) > LONGEST_ANSWER:
            raise ValueError("it answered with more than can be read")
    return cast("dict[str, Any]", json.loads(answer))


def _last(done: Finished) -> str:
    return "\n".join(done.output.decode("utf-8", "replace").strip().split("\n")[-5:])
