"""Commands in namespaces of their own: a small read-only system, the workspace, and nothing else."""

import contextlib
import io
import json
import os
import resource
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from agentkit.core.errors import SandboxUnavailable
from agentkit.tooling.sandbox.contract import Limits
from agentkit.tooling.sandbox.descriptors import input_of, nameless_file, pipe
from agentkit.tooling.sandbox.environment import ETC, environment, interpreter
from agentkit.tooling.sandbox.kept import held_paths
from agentkit.tooling.sandbox.rlimits import rlimits
from agentkit.tooling.sandbox.running import Command, ProcessSandbox, Running
from agentkit.tooling.sandbox.seccomp import Filter
from agentkit.tooling.sandbox.steered import unchangeable
from agentkit.tooling.sandbox.task_group import join, task_group

_SECONDS_TO_END = 30.0
_HOME = "/tmp"  # noqa: S108 - the sandbox's own, gone with it
_ISOLATION = [
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--hostname",
    "sandbox",
]
# The kernel's settings belong to uid 0 by mode alone, capabilities or not: under a host that runs as
# root, a command could name its own program as the handler of core dumps and so leave the sandbox.
_PROC_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/sys", "/proc/sysrq-trigger")
_PROC_MASKED = ("/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/timer_list")
_LIBRARIES = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")


class BubblewrapSandbox(ProcessSandbox):
    """Confines by bubblewrap's namespaces, a seccomp filter, resource limits and a watcher."""

    name = "bubblewrap"
    mounts = True

    def __init__(self, program: str = "bwrap") -> None:
        found = shutil.which(program)
        if not found:
            raise SandboxUnavailable(f"{program!r} is not on PATH (apt install bubblewrap)")
        self._program = found
        self._filter = Filter().program()

    @contextlib.contextmanager
    def start(self, command: Command) -> Generator[Running]:
        """See `ProcessSandbox.start`."""
        with contextlib.ExitStack() as ours:
            output, output_end = pipe(ours)
            info, info_end = pipe(ours)
            gate, gate_key = pipe(ours)
            group = ours.enter_context(task_group(command.limits.processes))
            inherited = [info_end, gate]
            words = [*_ISOLATION, "--info-fd", str(info_end.fileno()), "--block-fd", str(gate.fileno())]
            words += ["--seccomp", str(_inherit(self._filter, inherited, ours))]
            words += _mounts(command, lambda content: _inherit(content, inherited, ours))
            process = subprocess.Popen(
                [self._program, *words, "--", *command.argv],
                stdin=input_of(command.stdin, ours),
                stdout=output_end,
                stderr=output_end,
                # bwrap stays as the first process inside, where /proc/1/environ shows what it was given.
                env=environment(command.extra_env, _HOME),
                cwd="/",
                # An interrupt from the keyboard is the host's to handle.
                start_new_session=True,
                pass_fds=[file.fileno() for file in inherited],
            )
            ours.callback(_end, process)
            output_end.close()
            info_end.close()
            first = _first_process(info, output)
            try:
                gone = os.pidfd_open(first)
                ours.callback(os.close, gone)
                ours.callback(_end_all, gone)
                _limit(first, command.limits)
                if group is not None:
                    join(group, first)
            except ProcessLookupError:  # it is gone already, and cannot have come as far as the gate
                process.wait()
                raise SandboxUnavailable(f"bubblewrap did not start: {_text(output.read(4096))}") from None
            gate_key.write(b".")

            def status(printed: bytes) -> int:
                code = process.wait()
                os.set_blocking(gate.fileno(), False)
                if gate.read(1):  # nobody came through: a mount failed
                    raise SandboxUnavailable(f"bubblewrap did not start: {_text(printed)}")
                # Like a shell, bwrap tells of signal n by the code 128 + n.
                return 128 - code if 128 < code <= 128 + signal.NSIG else code

            yield Running(output.fileno(), first, gone, lambda: _kill(gone), status)


def _mounts(command: Command, inherit: Callable[[bytes], int]) -> list[str]:
    """Say what the command sees; a folder comes before what lies in it."""
    stubs = {
        "/etc/group": f"agent:x:{os.getgid()}:\n",
        "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
        "/etc/passwd": f"agent:x:{os.getuid()}:{os.getgid()}::{_HOME}:/bin/sh\n",
    }
    scratch = str(command.limits.memory_bytes // 4)
    mounts = [
        ["--ro-bind", "/usr", "/usr"],
        *_libraries(),
        *(["--ro-bind-try", path, path] for path in ETC),
        *(["--ro-bind-data", str(inherit(text.encode())), path] for path, text in stubs.items()),
        ["--proc", "/proc"],
        *(["--ro-bind-try", path, path] for path in _PROC_READ_ONLY),
        *(["--ro-bind", "/dev/null", path] for path in _PROC_MASKED if Path(path).exists()),
        ["--dev", "/dev"],
        ["--size", scratch, "--tmpfs", "/dev/shm"],  # noqa: S108
        ["--size", scratch, "--tmpfs", _HOME],
        *(_bind("--ro-bind", path) for path in interpreter()),
        _bind("--bind" if command.writable else "--ro-bind", command.workspace),
    ]
    if command.writable:
        in_place, unchanged = held_paths(command.workspace)
        mounts += [_bind("--bind", path) for path in in_place]
        mounts += [_bind("--ro-bind", path) for path in (*unchanged, *unchangeable(command.workspace))]
    mounts.sort(key=lambda mount: mount[-1].count("/") if mount[-1] != "/" else 0)
    read_only = ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(command.workspace)]
    return [word for mount in mounts for word in mount] + read_only


def _bind(how: str, path: Path) -> list[str]:
    return [how, str(path), str(path)]


def _libraries() -> Iterator[list[str]]:
    for path in map(Path, _LIBRARIES):
        if path.is_symlink():
            yield ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            yield _bind("--ro-bind", path)


def _limit(process: int, limits: Limits) -> None:
    """Set the resource limits of the first process inside, which waits at the gate.

    Set on bwrap itself, RLIMIT_NPROC would count every process of the user on this machine; a process
    in a user namespace of its own counts from zero.
    """
    for which, value in rlimits(limits).items():
        resource.prlimit(process, which, (value, value))


def _first_process(info: io.FileIO, output: io.FileIO) -> int:
    told = info.readall()
    if not told:
        raise SandboxUnavailable(f"bubblewrap did not start: {_text(output.read(4096))}")
    return int(json.loads(told)["child-pid"])


def _text(printed: bytes | None) -> str:
    return (printed or b"").decode(errors="replace").strip()


def _kill(first: int) -> None:
    # The end of its first process is the end of a namespace.
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(first, signal.SIGKILL)


def _end_all(first: int) -> None:
    _kill(first)
    if not select.select([first], [], [], _SECONDS_TO_END)[0]:
        raise TimeoutError(f"processes of a command outlived SIGKILL by {_SECONDS_TO_END:g} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _inherit(content: bytes, inherited: list[io.FileIO], ours: contextlib.ExitStack) -> int:
    file = ours.enter_context(nameless_file(content))
    inherited.append(file)
    return file.fileno()
