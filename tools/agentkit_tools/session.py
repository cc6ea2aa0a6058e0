"""Python that keeps its variables between calls, in a process of its own inside the sandbox."""

import asyncio
import contextlib
import json
import os
import secrets
from dataclasses import dataclass, field

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.context import ToolContext
from agentkit.tooling.daemon import in_daemon
from agentkit.tooling.sandbox import Finished, Limits
from agentkit.tooling.tool import tool
from agentkit_tools.code import LONGEST_SECONDS, argv_of_python, ending_of, without_fence

NAME = "python session"
LIMITS = Limits(wall_seconds=7 * 24 * 3600.0, output_bytes=32_000_000)
"""Of a whole session; a single call has its own time."""
GOES_ON = (
    "a thread or process that it started went on, so the session was ended: its variables are gone; "
    "start_job is for what goes on"
)
GONE = "its variables are gone; the next call starts a new session"


# the session lives on, and with it what its code set going: `GOES_ON` is only for what is seen
@tool(effect=Effect.EXECUTES, like=("run_python",), lasts=True)
async def python_session(code: str, context: ToolContext, seconds: int = 120, fresh: bool = False) -> str:
    """Run Python code that finds the variables and imports of the calls before it.

    Args:
        code: The code; print what you want to see.
        seconds: Give up after this long; that ends the session.
        fresh: Whether to begin a new session first.
    """
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise ToolFault(f"seconds can be 1 to {LONGEST_SECONDS}, not {seconds}")
    if context.seconds_left is not None:
        seconds = min(seconds, int(context.seconds_left))
    if seconds <= 0:
        raise ToolFault("the run's time is used up; nothing was started")
    session = context.residents.get(NAME, Session)
    lost = ""
    if session.ended or fresh:
        lost = f"[the last session had ended: {session.ending()}]" if session.ended else ""
        await context.residents.drop(NAME)
        session = context.residents.get(NAME, Session)
    elif not session.started and _used_before(context):
        lost = "[the process was restarted since: the variables of earlier calls are gone]"
    try:
        output, failed, goes_on = await session.run(without_fence(code), seconds, context)
    except BaseException:
        # what was cut off half way is in a state that nobody knows
        await context.residents.drop(NAME)
        raise
    said = "\n".join(part for part in (lost, output) if part)
    if goes_on:
        # it could change files between two calls, where nobody looks
        await context.residents.drop(NAME)
        raise ToolFault(f"{said}\n[{'it failed, and ' if failed else ''}{GOES_ON}]".lstrip())
    if failed:
        raise ToolFault(f"{said}\n[it failed; the session goes on]")
    return said or "[it ran and printed nothing]"


def _used_before(context: ToolContext) -> bool:
    return any(
        one.call.name == python_session.name and one.result.outcome is Outcome.OK for one in context.earlier
    )


@dataclass
class Session:
    """A Python process and what it has printed since it was last asked."""

    _task: "asyncio.Task[Finished] | None" = None
    _orders: int = -1
    _printed: bytearray = field(default_factory=bytearray)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def started(self) -> bool:
        """Whether there is, or was, a process."""
        return self._task is not None

    @property
    def ended(self) -> bool:
        """Whether its process is no more."""
        return self._task is not None and self._task.done()

    def ending(self) -> str:
        """How its process ended."""
        assert self._task is not None
        if self._task.cancelled():
            return "it was stopped"
        if fault := self._task.exception():
            return str(fault)
        return ending_of(self._task.result(), LIMITS) or "the code ended it"

    async def run(self, code: str, seconds: float, context: ToolContext) -> tuple[str, bool, bool]:
        """What the code prints, whether it failed, and whether something it started goes on.

        Raises:
            ToolFault: it took too long, or ended the process.
        """
        if self._task is None:
            self._start(context)
        mark = secrets.token_hex(8)
        self._printed.clear()
        order = json.dumps({"mark": mark, "code": code}) + "\n"
        try:
            async with asyncio.timeout(seconds):
                # a pipe holds little, and the process may be long in reading it
                await in_daemon(lambda: self._send(order), NAME)
                return await self._until(mark, context)
        except TimeoutError:
            await self.aclose()
            raise ToolFault(
                f"{self._text()}\n[stopped: it took more than {seconds:g} seconds; {GONE}]".lstrip()
            ) from None

    async def aclose(self) -> None:
        """End the process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1

    def _start(self, context: ToolContext) -> None:
        reader, self._orders = os.pipe()

        async def live() -> Finished:
            try:
                return await context.sandbox().run(
                    argv_of_python("serve"),
                    workspace=context.workspace.root,
                    limits=LIMITS,
                    stdin=reader,
                    on_output=self._heard,
                )
            finally:
                os.close(reader)
                self._news.set()

        self._task = asyncio.create_task(live(), name=NAME)

    def _send(self, line: str) -> None:
        rest = line.encode("utf-8", "replace")
        with contextlib.suppress(BrokenPipeError):  # the process is gone, as whoever waits for it sees
            while rest:
                rest = rest[os.write(self._orders, rest) :]

    def _heard(self, chunk: bytes) -> None:
        self._printed += chunk
        self._news.set()

    async def _until(self, mark: str, context: ToolContext) -> tuple[str, bool, bool]:
        """What is printed up to the mark, whether the code failed, and whether something goes on."""
        shown = 0
        while True:
            head, found, rest = bytes(self._printed).partition(f"\0{mark} ".encode())
            if new := head[shown:].decode("utf-8", "replace"):
                context.emit(new)
                shown = len(head)
            if found and b"\0" in rest:
                output = head.decode("utf-8", "replace").rstrip("\n")
                return output, rest[:1] != b"0", rest[1:2] == b"+"
            if self.ended:
                raise ToolFault(f"{self._text()}\n[the session ended: {self.ending()}; {GONE}]".lstrip())
            self._news.clear()
            await self._news.wait()

    def _text(self) -> str:
        return self._printed.decode("utf-8", "replace").rstrip("\n")
