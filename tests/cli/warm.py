"""The command in a process of its own that does not begin from nothing: a fork of one that has the modules.

Most of a short command's time is the start of the interpreter and the import of what it needs. A
`Warm` holds a process that did both, and that forks for every command. The fork has the arguments, the
environment, the folder and the streams it is given, and ends as any process does.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

_MOST = 1 << 20


class Warm:
    """A process that has modules loaded, and forks for each command."""

    def __init__(self, *modules: str) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        self._home = tempfile.TemporaryDirectory()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), *modules],
                env=env | {"HOME": self._home.name, "OMP_NUM_THREADS": "1"},  # read when torch is loaded
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket = ours
        atexit.register(self.close)

    def close(self) -> None:
        """End it; what it forked goes on."""
        self._socket.close()
        self._process.wait()
        self._home.cleanup()

    def run(
        self, argv: Sequence[str], cwd: Path, env: Mapping[str, str], given: bytes, patience: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the command to its end.

        Raises:
            subprocess.TimeoutExpired: it did not end; it is killed.
        """
        pipes = [os.pipe() for _ in range(4)]  # standard input, output, error, and what became of it
        theirs = [pipes[0][0], *(pipe[1] for pipe in pipes[1:])]
        request = json.dumps({"argv": list(argv), "cwd": str(cwd), "env": dict(env)}).encode()
        socket.send_fds(self._socket, [request], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        writer = threading.Thread(target=_write, args=(pipes[0][1], given))
        writer.start()
        out, err, told = _read([pipe[0] for pipe in pipes[1:]], time.monotonic() + patience)
        writer.join()
        words = told.split()
        if not words:
            raise RuntimeError("the process that commands are forked from is gone; what it said is above")
        if len(words) < 2:
            os.kill(int(words[0]), signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(argv), patience, out, err)
        return subprocess.CompletedProcess(list(argv), int(words[1]), out, err)


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(descriptor, "wb", buffering=0) as pipe:
        rest = memoryview(data)
        while rest:
            rest = rest[pipe.write(rest) :]


def _read(descriptors: Sequence[int], end: float) -> list[bytes]:
    """What comes out of each, until all are closed or it is too late."""
    came = {descriptor: bytearray() for descriptor in descriptors}
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 1 << 16)
                came[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
    for descriptor in descriptors:
        os.close(descriptor)
    return [bytes(came[descriptor]) for descriptor in descriptors]


# --- in the process that is kept


def _load(modules: Sequence[str]) -> None:
    import agentkit.cli

    for module in pkgutil.iter_modules(agentkit.cli.__path__, "agentkit.cli."):
        importlib.import_module(module.name)
    for name in ("agentkit.__main__", "agentkit.assembly.running", "agentkit.models.openai_api", *modules):
        importlib.import_module(name)
    for entry in (*entry_points(group="agentkit.tools"), *entry_points(group="agentkit.packs")):
        with contextlib.suppress(ImportError):  # whoever needs it is told
            entry.load()
    gc.collect()
    gc.freeze()


def _serve(requests: socket.socket) -> None:
    """Fork for each request, and tell what became of each fork."""
    at_work: dict[int, tuple[int, int]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd != requests.fileno():
                    selector.unregister(key.fd)
                    pid, told = at_work.pop(key.fd)
                    _, status = os.waitpid(pid, 0)
                    os.write(told, f" {os.waitstatus_to_exitcode(status)}".encode())
                    os.close(told)
                    os.close(key.fd)
                    continue
                request, descriptors, _, _ = socket.recv_fds(requests, _MOST, 4)
                if not request:
                    return
                *streams, told = descriptors
                pid = os.fork()
                if pid == 0:
                    selector.close()
                    requests.close()
                    for gone, (_, other) in at_work.items():
                        os.close(gone)
                        os.close(other)
                    os.close(told)
                    _become(json.loads(request), streams)
                os.write(told, str(pid).encode())
                for stream in streams:
                    os.close(stream)
                watched = os.pidfd_open(pid)
                at_work[watched] = (pid, told)
                selector.register(watched, selectors.EVENT_READ)


def _become(request: Mapping[str, object], streams: Sequence[int]) -> None:
    """Be the command, as if it had been started by its name."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(str(request["cwd"]))
        os.environ.clear()
        os.environ.update(request["env"])
        main = sys.modules["agentkit.__main__"]
        sys.modules["__main__"] = main
        sys.argv = [str(main.__file__), *request["argv"]]
        sys.path[0] = ""
        read, write, tell = (io.FileIO(number, mode) for number, mode in enumerate("rww"))
        sys.stdin = io.TextIOWrapper(io.BufferedReader(read), "utf-8", "surrogateescape")
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(write), "utf-8")
        sys.stderr = io.TextIOWrapper(tell, "utf-8", "backslashreplace", write_through=True)  # type: ignore[arg-type]
        main.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:  # noqa: BLE001 - the last frame of a process
        traceback.print_exc()
    finally:
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _load(sys.argv[2:])
    _serve(socket.socket(fileno=int(sys.argv[1])))
