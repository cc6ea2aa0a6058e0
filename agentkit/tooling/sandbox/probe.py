"""Which sandbox this machine can give: each is tried for real before it is trusted."""

import contextlib
import functools
import json
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from agentkit.core.errors import SandboxUnavailable
from agentkit.tooling.sandbox.contract import MIB, Limits, Sandbox
from agentkit.tooling.sandbox.environment import python
from agentkit.tooling.sandbox.running import Command, ProcessSandbox

Candidates = Mapping[str, Callable[[], ProcessSandbox]]

_REMEDY = "apt install bubblewrap (Debian, Ubuntu) or dnf install bubblewrap (Fedora)"
_PROBE_LIMITS = Limits(wall_seconds=20.0, memory_bytes=512 * MIB, processes=32)
_ATTEMPTS = """
import json, os, socket, sys
canary, port, victim = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def succeeds(attempt):
    try:
        attempt()
    except OSError:
        return False
    return True
def kill():
    if victim in (os.getpid(), os.getppid(), 1):
        raise ProcessLookupError
    os.kill(victim, 15)
print(json.dumps({
    "read a file outside": succeeds(lambda: open(canary).read()),
    "reach a port of the host": succeeds(lambda: socket.create_connection(("127.0.0.1", port), 2)),
    "signal a process outside": succeeds(kill),
    "see a process outside": os.path.exists(f"/proc/{victim}/cmdline") and victim not in (os.getpid(), 1)
        and succeeds(lambda: open(f"/proc/{victim}/cmdline").read()),
    "change a setting of the kernel": succeeds(lambda: open("/proc/sys/kernel/core_pattern", "a").close()),
    "write in the workspace": succeeds(lambda: open("written", "w").write(canary)),
}))
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying one sandbox."""

    name: str
    works: bool
    detail: str
    """Why it does not work, or what it confines by."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What was tried on this machine, best first, and the sandbox that was chosen."""

    tried: tuple[Tried, ...]
    chosen: ProcessSandbox | None
    remedy: str = _REMEDY


def find_sandbox() -> Sandbox:
    """Return the strongest sandbox that passed its self-test in this process.

    Raises:
        SandboxUnavailable: none did; the message says what was tried and what would mend it.
    """
    found = describe()
    if found.chosen is None:
        raise SandboxUnavailable(refusal(found))
    return found.chosen


@functools.cache
def describe() -> Probe:
    """Say what was tried and what came of it; the first call tries, later ones remember."""
    return probe(CANDIDATES)


def probe(candidates: Candidates, platform: str = sys.platform) -> Probe:
    """Try each candidate in turn until one works."""
    if platform != "linux":
        why = f"model-written code is confined by Linux; this is {platform}"
        return Probe((Tried(platform, works=False, detail=why),), None, "run agentkit in a Linux machine")
    tried: list[Tried] = []
    for name, build in candidates.items():
        try:
            sandbox = build()
            failures = self_test(sandbox)
        except (OSError, SandboxUnavailable) as fault:
            tried.append(Tried(name, works=False, detail=str(fault)))
            continue
        if failures:
            tried.append(Tried(name, works=False, detail=f"self-test: {'; '.join(failures)}"))
            continue
        tried.append(Tried(name, works=True, detail=(type(sandbox).__doc__ or name).splitlines()[0]))
        return Probe(tuple(tried), sandbox)
    return Probe(tuple(tried), None)


def refusal(found: Probe) -> str:
    """Explain in one paragraph why nothing here can confine, and what would mend it."""
    tried = "; ".join(f"{each.name}: {each.detail}" for each in found.tried)
    return f"nothing here can confine model-written code. Tried {tried}. What would help: {found.remedy}"


def self_test(sandbox: ProcessSandbox) -> list[str]:
    """Return what a command in `sandbox` could do that it must not, or could not that it must."""
    with _outside() as (folder, canary, port, victim):
        workspace = folder / "workspace"
        workspace.mkdir()
        argv = [str(python()), "-I", "-S", "-c", _ATTEMPTS, str(canary), str(port), str(victim.pid)]
        command = Command(argv, workspace, _PROBE_LIMITS, b"", writable=True, extra_env={})
        finished = sandbox.run_here(command)
        if finished.status != 0:
            said = finished.output.decode(errors="replace").strip()
            return [f"the trial command ended with {finished.status or finished.stopped_by}: {said}"]
        could: dict[str, bool] = json.loads(finished.output)
        could["write in the workspace"] &= (workspace / "written").exists()
        could["signal a process outside"] |= victim.poll() is not None
    must = {"write in the workspace"}
    return [
        f"could {'not ' if action in must else ''}{action}"
        for action, did in could.items()
        if did != (action in must)
    ]


@contextlib.contextmanager
def _outside() -> Generator[tuple[Path, Path, int, subprocess.Popen[bytes]]]:
    """Set up what must not be reached: a file, a port and a process."""
    with contextlib.ExitStack() as ours:
        folder = Path(ours.enter_context(tempfile.TemporaryDirectory(prefix="agentkit-probe-"))).resolve()
        canary = folder / "canary"
        canary.write_text(secrets.token_hex())
        server = ours.enter_context(socket.create_server(("127.0.0.1", 0)))
        victim = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours.callback(victim.wait)
        ours.callback(victim.kill)
        port: int = server.getsockname()[1]
        yield folder, canary, port, victim


def _bubblewrap() -> ProcessSandbox:
    from agentkit.tooling.sandbox.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox()


def _landlock() -> ProcessSandbox:
    from agentkit.tooling.sandbox.landlock import LandlockSandbox

    return LandlockSandbox()


CANDIDATES: Candidates = MappingProxyType({"bubblewrap": _bubblewrap, "landlock": _landlock})
"""What may confine, strongest first; each is imported only when it is tried."""
