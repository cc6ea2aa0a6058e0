"""What a sandbox is asked and what it answers: limits in, a finished command out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

StoppedBy = Literal["wall", "idle", "memory", "processes", "disk", "output"]
"""The limit that ended a command; `None` elsewhere means that it ended by itself."""

NO_EXTRA_ENV: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may use, all its processes together unless said otherwise."""

    wall_seconds: float = 60.0
    idle_seconds: float | None = None
    """Seconds without output; None lets a command be silent."""
    memory_bytes: int = 2 * GIB
    reserved_bytes: int | None = None
    """What one process may reserve, used or not; `None` for twice the memory. Browsers reserve terabytes."""
    processes: int = 256
    """Processes and threads; a numeric library starts one thread a core in each process."""
    file_bytes: int = 256 * MIB
    """The largest single file."""
    written_bytes: int = GIB
    """What the command may add to the disk of the workspace."""
    files: int = 100_000
    """How many files it may add there."""
    output_bytes: int = 1_000_000
    open_files: int = 1024
    """Per process."""


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it printed."""

    status: int | None
    """The exit code, negative for a signal; None where a limit ended the command."""
    stopped_by: StoppedBy | None
    output: bytes
    """Standard output and standard error in the order they were written."""
    seconds: float


class Sandbox(Protocol):
    """Runs commands that must not be trusted."""

    @property
    def name(self) -> str:
        """What confines the commands: `bubblewrap` or `landlock`."""
        ...

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
        """Run `argv` in `workspace`, and return once none of its processes is left.

        Cancelling the awaiting task kills every process and waits for them first.
        `stdin` is the whole of what the command reads, or a descriptor that the caller keeps open.
        `on_output` is called in the event loop with each chunk as it comes; what it raises
        ends the command and is raised here.

        Raises:
            WorkspaceError: the folder cannot be given to model-written code.
            SandboxUnavailable: the sandbox could not be set up.
        """
        ...
