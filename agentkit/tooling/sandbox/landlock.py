"""Commands confined without namespaces: Landlock for files, seccomp for the rest, a helper for the end.

What stays open, and is why this is the second choice: changing the mode of a file outside that belongs
to the user, and seeing whether a path outside exists.
"""

import contextlib
import marshal
import os
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from agentkit.core.errors import SandboxUnavailable
from agentkit.tooling.sandbox import launcher
from agentkit.tooling.sandbox.descriptors import input_of, nameless_file, pipe
from agentkit.tooling.sandbox.environment import ETC, environment, interpreter
from agentkit.tooling.sandbox.orders import Orders
from agentkit.tooling.sandbox.rlimits import at_most_hard, rlimits
from agentkit.tooling.sandbox.running import Command, ProcessSandbox, Running
from agentkit.tooling.sandbox.seccomp import Filter
from agentkit.tooling.sandbox.task_group import task_group

# Imported, not run by name, so that its compiled form is used; the standard library comes first.
_HELPER = "import sys; sys.path.append(sys.argv[1]); import launcher; launcher.main(int(sys.argv[2]))"
_FOLDER = str(Path(launcher.__file__).parent)
_SECONDS_TO_END = 30.0
_OLDEST_ABI = 4
"""The first that stops TCP."""
_READ = (
    *("/usr", "/bin", "/lib", "/lib32", "/lib64", "/sbin"),
    *ETC,
    *("/etc/group", "/etc/hosts", "/etc/nsswitch.conf", "/etc/passwd"),
    *("/proc/cpuinfo", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu"),
)
_WRITE = ("/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")


class LandlockSandbox(ProcessSandbox):
    """Confines by Landlock, a seccomp filter without sockets, resource limits and a helper process."""

    name = "landlock"
    leaves_open = (
        "a command can change the mode of a file outside that is yours",
        "a command can see whether a path outside exists",
    )

    def __init__(self, abi: int | None = None) -> None:
        offered = launcher.landlock_abi()
        self._abi = offered if abi is None else min(abi, offered)
        if self._abi < _OLDEST_ABI:
            raise SandboxUnavailable(
                f"the kernel offers Landlock version {self._abi}; {_OLDEST_ABI} (Linux 6.7) would do"
            )
        scoped = self._abi >= launcher.SCOPING_ABI
        # Landlock knows nothing of UDP or of Unix sockets in the file system: no socket at all.
        filter_ = Filter(socket_families=(), own_namespaces=False, scoped_signals=scoped)
        self._filter = filter_.program(own_pid=launcher.OWN_PID)

    @contextlib.contextmanager
    def start(self, command: Command) -> Generator[Running]:
        """See `ProcessSandbox.start`."""
        with contextlib.ExitStack() as ours:
            home = _private_folder(ours)
            output, output_end = pipe(ours)
            report, report_end = pipe(ours)
            control, control_key = pipe(ours)
            group = ours.enter_context(task_group(command.limits.processes))
            folders = [str(path) for path in interpreter()]
            (folders if not command.writable else []).append(str(command.workspace))
            orders: Orders = {
                "argv": list(command.argv),
                "cwd": str(command.workspace),
                "home": home,
                "abi": self._abi,
                "read": [*_READ, *folders],
                "write": [*_WRITE, home, *([str(command.workspace)] if command.writable else [])],
                "rlimits": _rlimits(command),
                "seccomp": self._filter.hex(),
                "group": None if group is None else str(group),
                "control": control.fileno(),
                "report": report_end.fileno(),
            }
            told = ours.enter_context(nameless_file(marshal.dumps({**orders})))  # pyright: ignore[reportArgumentType]
            helper = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _HELPER, _FOLDER, str(told.fileno())],
                stdin=input_of(command.stdin, ours),
                stdout=output_end,
                stderr=output_end,
                env=environment(command.extra_env, home),
                cwd="/",
                start_new_session=True,
                pass_fds=[told.fileno(), control.fileno(), report_end.fileno()],
            )

            def kill() -> None:
                # A byte as well as the end: some other child of this process may hold the pipe open.
                with contextlib.suppress(BrokenPipeError):
                    control_key.write(b".")

            ours.callback(_end, helper, kill)
            output_end.close()
            report_end.close()
            gone = os.pidfd_open(helper.pid)
            ours.callback(os.close, gone)

            def status(printed: bytes) -> int:
                told = report.readall()
                if not told:
                    why = printed.decode(errors="replace").strip()
                    raise SandboxUnavailable(f"the Landlock helper ended early: {why}")
                return int(told)

            yield Running(output.fileno(), helper.pid, gone, kill, status)


def _rlimits(command: Command) -> dict[int, int]:
    """Return the resource limits; the kernel counts the user's other processes too."""
    found = rlimits(command.limits)
    found[resource.RLIMIT_NPROC] = at_most_hard(
        resource.RLIMIT_NPROC, command.limits.processes + _tasks_of_this_user()
    )
    return found


def _tasks_of_this_user() -> int:
    user, count = os.getuid(), 0
    with os.scandir("/proc") as entries:
        for entry in entries:
            if not entry.name.isdigit():
                continue
            try:
                if entry.stat().st_uid == user:
                    count += len(os.listdir(f"/proc/{entry.name}/task"))  # noqa: PTH208
            except (FileNotFoundError, ProcessLookupError):
                continue
    return count


def _private_folder(ours: contextlib.ExitStack) -> str:
    folder = tempfile.mkdtemp(prefix="agentkit-command-")
    ours.callback(_remove, Path(folder))
    return folder


def _remove(folder: Path) -> None:
    """Remove a folder whose inhabitants may have closed the doors behind them."""
    folder.chmod(stat.S_IRWXU)
    for path, names, _ in os.walk(folder):  # parents first: a door is opened before it is gone through
        for inner in (Path(path, name) for name in names):
            if not inner.is_symlink():  # chmod would follow it out of here
                inner.chmod(stat.S_IRWXU)
    shutil.rmtree(folder)


def _end(helper: subprocess.Popen[bytes], kill: Callable[[], None]) -> None:
    kill()
    try:
        helper.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()
        raise
