"""A confined command while it runs: its output, its limits, and its end."""

import os
import select
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from agentkit.tooling.sandbox.contract import DEFAULT_LIMITS, NO_EXTRA_ENV, Finished, Limits, StoppedBy
from agentkit.tooling.sandbox.disk import DiskWatch
from agentkit.tooling.sandbox.environment import checked_workspace
from agentkit.tooling.sandbox.kept import kept
from agentkit.tooling.sandbox.own_thread import Relay, Stop, in_own_thread
from agentkit.tooling.sandbox.process_tree import usage
from agentkit.tooling.sandbox.steered import steered

_SECONDS_BETWEEN_LOOKS = 0.02
"""How far a limit may be overrun: memory fills at some 10 MB a millisecond."""
_SECONDS_TO_DIE = 30.0
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, with every default filled in."""

    argv: Sequence[str]
    workspace: Path
    limits: Limits
    stdin: bytes | int
    writable: bool
    extra_env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Running:
    """The handles by which a started command is watched and ended."""

    output: int
    """The read end of its output."""
    root: int
    """The host's number of the process that all others of the command are below."""
    gone: int
    """Readable once none of its processes is left."""
    kill: Callable[[], None]
    status: Callable[[bytes], int]
    """The exit status, asked with the output when `gone` is readable."""


class ProcessSandbox(ABC):
    """A sandbox whose commands are processes of this machine; a variant says how one starts."""

    name: str
    leaves_open: tuple[str, ...] = ()
    """What a command can still do that it should not be able to."""
    mounts = False
    """Whether it can hold a part of the workspace unchangeable."""

    @abstractmethod
    def start(self, command: Command) -> AbstractContextManager[Running]:
        """Start the command confined; leaving the context leaves no process and no file behind."""

    def run_here(
        self,
        command: Command,
        on_output: Callable[[bytes], None] | None = None,
        stop: Stop | None = None,
    ) -> Finished:
        """Run a command to its end in this thread."""
        began = time.monotonic()
        steering = steered(command.workspace, mounted=self.mounts)
        with steering as steers, kept(command.workspace), self.start(command) as running:
            stopped_by, killed, output = _watch(running, command, on_output, stop, began)
            status = None if stopped_by or killed else running.status(output)
        return Finished(status, stopped_by, output + steers.note, time.monotonic() - began)

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: Limits = DEFAULT_LIMITS,
        stdin: bytes | int = b"",
        on_output: Callable[[bytes], None] | None = None,
        writable: bool = True,
        extra_env: Mapping[str, str] = NO_EXTRA_ENV,
    ) -> Finished:
        """See `Sandbox.run`."""
        command = Command(argv, checked_workspace(workspace), limits, stdin, writable, extra_env)
        with Stop() as stop:
            relay = Relay(on_output, stop)
            send = relay.send if on_output else None
            finished = await in_own_thread(lambda: self.run_here(command, send, stop), stop)
        relay.check()
        return finished


def _watch(
    running: Running,
    command: Command,
    on_output: Callable[[bytes], None] | None,
    stop: Stop | None,
    began: float,
) -> tuple[StoppedBy | None, bool, bytes]:
    """Read the output until no process is left; kill them all at the first limit, or when asked."""
    limits = command.limits
    disk = DiskWatch(command.workspace, limits)
    poll = select.poll()
    poll.register(running.output, select.POLLIN)
    poll.register(running.gone, select.POLLIN)
    if stop:
        poll.register(stop.asked, select.POLLIN)
    output = bytearray()
    stopped_by: StoppedBy | None = None
    killed: float | None = None
    spoke = next_look = time.monotonic()
    reading = alive = True
    while reading or alive:
        ready = {descriptor for descriptor, _ in poll.poll(_SECONDS_BETWEEN_LOOKS * 1000)}
        now = time.monotonic()
        if running.output in ready:
            chunk = os.read(running.output, _CHUNK)
            kept_part = chunk[: limits.output_bytes - len(output)]
            output += kept_part
            spoke = now
            if kept_part and on_output and not killed:
                on_output(kept_part)
            if not chunk:
                reading = False
                poll.unregister(running.output)
            if len(chunk) > len(kept_part) and not killed:
                stopped_by = "output"
        if running.gone in ready:
            alive = False
            poll.unregister(running.gone)
        if killed:
            if now - killed > _SECONDS_TO_DIE:
                raise TimeoutError(
                    f"processes of {command.argv[0]!r} outlived SIGKILL by {_SECONDS_TO_DIE:g} s"
                )
            continue
        if alive and not stopped_by and now >= next_look:
            next_look = now + _SECONDS_BETWEEN_LOOKS
            stopped_by = _limit_passed(running, limits, disk, now - began, now - spoke)
        if stopped_by or (stop and stop.asked in ready):
            running.kill()
            killed = now
            if stop:
                poll.unregister(stop.asked)
    return stopped_by, killed is not None, bytes(output)


def _limit_passed(
    running: Running, limits: Limits, disk: DiskWatch, seconds: float, silent: float
) -> StoppedBy | None:
    if seconds > limits.wall_seconds:
        return "wall"
    if limits.idle_seconds is not None and silent > limits.idle_seconds:
        return "idle"
    used = usage(running.root, limits.processes)
    if used.tasks > limits.processes:
        return "processes"
    if used.resident_bytes > limits.memory_bytes:
        return "memory"
    return "disk" if disk.exceeded(running.root) else None
