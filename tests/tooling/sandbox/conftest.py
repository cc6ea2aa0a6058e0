"""A world outside that must not be touched, and the sandboxes that must not touch it."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from agentkit.tooling.sandbox import Finished, Limits, SandboxUnavailable, python
from agentkit.tooling.sandbox.bubblewrap import BubblewrapSandbox
from agentkit.tooling.sandbox.landlock import LandlockSandbox
from agentkit.tooling.sandbox.probe import self_test
from agentkit.tooling.sandbox.running import ProcessSandbox

BUILD: dict[str, Callable[[], ProcessSandbox]] = {
    "bubblewrap": BubblewrapSandbox,
    "landlock": LandlockSandbox,
    # What Ubuntu 24.04 has: no scoped signals.
    "landlock-4": lambda: LandlockSandbox(abi=4),
}
SHORT = Limits(wall_seconds=20, memory_bytes=512 << 20, processes=64)
Run = Callable[..., Finished]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The older Landlock differs in what gets out and what works, not in limits and ends."""
    if "sandbox" in metafunc.fixturenames:
        whole = metafunc.module.__name__.endswith(("test_escapes", "test_useful", "test_probe"))
        kinds = [kind for kind in BUILD if whole or kind != "landlock-4"]
        metafunc.parametrize("sandbox", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def sandbox(request: pytest.FixtureRequest, missing: Callable[[str], NoReturn]) -> ProcessSandbox:
    try:
        built = BUILD[request.param]()
        failures = self_test(built)
    except SandboxUnavailable as fault:
        failures = [str(fault)]
    if failures:
        missing(f"{request.param}: {'; '.join(failures)}")
    return built


@pytest.fixture
def kind(request: pytest.FixtureRequest, sandbox: ProcessSandbox) -> str:
    return request.node.callspec.params["sandbox"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that even an unprivileged user can be given; pytest's own is closed to others."""
    made = Path(tempfile.mkdtemp(prefix="agentkit-test-")).resolve()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def workspace(folder: Path) -> Path:
    path = folder / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def run(sandbox: ProcessSandbox, workspace: Path) -> Run:
    """Run Python source, or a command, and return how it finished."""

    def run(what: str | list[str], *arguments: str, limits: Limits = SHORT, **options) -> Finished:
        argv = [str(python()), "-c", what, *arguments] if isinstance(what, str) else what
        return asyncio.run(sandbox.run(argv, workspace=workspace, limits=limits, **options))

    return run


@dataclass
class World:
    """What lies outside, and what became of it."""

    folder: Path
    workspace: Path
    secret: str
    victim: subprocess.Popen[bytes]
    listeners: dict[str, socket.socket]
    before: object = None
    marks: list[Path] = field(default_factory=list)

    def facts(self) -> str:
        """What an attempt is told: it knows exactly where to strike."""
        ports = {name: listener.getsockname() for name, listener in self.listeners.items()}
        return json.dumps(
            {
                "outside": str(self.folder / "outside"),
                "victim": self.victim.pid,
                "tcp": ports["tcp"][1],
                "udp": ports["udp"][1],
                "unix": ports["unix"],
                "abstract": os.fsdecode(ports["abstract"][1:]),
                "address": "127.0.0.2",
                "mark": str(self.marks[0]),
            }
        )

    def harm(self, finished: Finished) -> list[str]:
        """What the host finds afterwards."""
        found: list[str] = []
        written = [
            path.read_bytes()
            for path in self.workspace.rglob("*")
            if path.is_file() and not path.is_symlink()
        ]
        if any(self.secret.encode() in text for text in [finished.output, *written]):
            found.append("the secret came out")
        if self.victim.poll() is not None:
            found.append("a process outside was ended")
        elif self.state() != self.before:
            found.append("something outside was changed")
        if any(mark.exists() for mark in self.marks):
            found.append("a file appeared outside")
        for name, listener in self.listeners.items():
            try:
                (listener.recv(100) if name == "udp" else listener.accept()[0].close())
            except BlockingIOError:
                continue
            found.append(f"the {name} port was reached")
        return found

    def state(self) -> object:
        folders = [self.folder / "outside", *(self.workspace / name for name in (".git", ".agentkit"))]
        settings = self.workspace / "agentkit.toml"
        limits = Path(f"/proc/{self.victim.pid}/limits").read_text()
        return (limits, settings.is_symlink(), settings.exists() and settings.read_bytes()), [
            (str(path), path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
            for top in folders
            for path in sorted(top.rglob("*"))
            if "objects" not in path.parts
        ]


@pytest.fixture
def world(folder: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    secret = os.urandom(16).hex()
    outside = folder / "outside"
    (outside / "home" / ".config").mkdir(parents=True)
    (outside / "secret").write_text(secret)
    (outside / "secret").chmod(0o600)
    (outside / "home" / ".bashrc").write_text("true\n")
    git = ["git", "-c", "init.defaultBranch=main", "init", "--quiet", str(workspace)]
    subprocess.run(git, check=True)
    (workspace / ".git" / "hooks").mkdir(exist_ok=True)
    (workspace / "agentkit.toml").write_text('deny = ["run_shell"]')
    (workspace / ".agentkit" / "prompts" / "agent").mkdir(parents=True)
    (workspace / ".agentkit" / "prompts" / "agent" / "small.md").write_text("Work.")
    monkeypatch.setenv("AGENTKIT_TEST_KEY", secret)
    sleep = shutil.which("sleep")
    victim = subprocess.Popen([f"key={secret}", "300"], executable=sleep, stdout=subprocess.DEVNULL)
    tcp, udp = socket.create_server(("0.0.0.0", 0)), socket.socket(type=socket.SOCK_DGRAM)
    unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    udp.bind(("0.0.0.0", 0))
    unix.bind(str(outside / "socket"))
    abstract.bind("\0agentkit-" + secret[:8])
    listeners = {"tcp": tcp, "udp": udp, "unix": unix, "abstract": abstract}
    for name, listener in listeners.items():
        listener.setblocking(False)
        if name != "udp":
            listener.listen()
    mark = Path("/tmp") / f"agentkit-mark-{secret[:8]}"
    made = World(folder, workspace, secret, victim, listeners, marks=[mark])
    made.before = made.state()
    yield made
    victim.kill()
    victim.wait()
    for listener in listeners.values():
        listener.close()
    mark.unlink(missing_ok=True)
