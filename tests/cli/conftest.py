"""The command as a person runs it: a process of its own, with pipes or on a terminal."""

import fcntl
import importlib.util
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_SERVER = Path(__file__).parents[1] / "servers/openai_server.py"
_spec = importlib.util.spec_from_file_location("openai_server", _SERVER)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
OpenAIServer = _module.OpenAIServer

AGENTKIT = [sys.executable, "-m", "agentkit"]
PATIENCE = 60.0
"""Seconds after which a test gives up; no test measures time."""


class Terminal:
    """A process on a pseudo-terminal of its own, and everything it has written there."""

    def __init__(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.text = ""

    def wait_for(self, words: str) -> str:
        """Everything so far, once it holds `words`."""
        end = time.monotonic() + PATIENCE
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} did not appear:\n{self.text}"
            assert self._read(), f"it ended without {words!r}:\n{self.text}"
        return self.text

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """The exit code, once everything is read."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        os.close(self._master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.2)
        if not ready:
            return self.process.poll() is None
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the last process has closed its end
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)


class Cli:
    """`agentkit` in an empty home, with its own journal and workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.journal = folder / "journal.db"
        kept = ("PATH", "AGENTKIT_MODELS_DIR", "LANG", "VIRTUAL_ENV")
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env |= {"HOME": str(folder / "home"), "AGENTKIT_JOURNAL": str(self.journal)}
        (folder / "home").mkdir()
        self._terminals: list[Terminal] = []

    def script(self, *lines: Mapping[str, Any]) -> str:
        """The name of a model that plays these lines."""
        path = self.folder / f"script{len(list(self.folder.glob('script*')))}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return f"scripted:{path}"

    def __call__(
        self, *arguments: object, stdin: str | bytes = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*AGENTKIT, *map(str, arguments)],
            cwd=self.workspace,
            env=self.env | dict(env or {}),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def run(
        self, *lines: Mapping[str, Any], flags: Sequence[object] = (), goal: str = "do it", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a goal with a scripted model."""
        return self("run", goal, "--model", self.script(*lines), *flags, **options)

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """A run that goes on beside the test, with pipes."""
        return subprocess.Popen(
            [*AGENTKIT, *map(str, arguments)],
            cwd=self.workspace,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def terminal(self, *arguments: object, **env: str) -> Terminal:
        """The command on a terminal of its own."""
        return self._on_terminal([*AGENTKIT, *map(str, arguments)], env)

    def shell_terminal(self, command: str) -> Terminal:
        """A shell's command on a terminal of its own."""
        return self._on_terminal(["/bin/sh", "-c", command], {})

    def _on_terminal(self, argv: Sequence[str], env: Mapping[str, str]) -> Terminal:
        terminal = Terminal(argv, self.workspace, self.env | {"TERM": "xterm-256color"} | dict(env))
        self._terminals.append(terminal)
        return terminal

    def run_id(self) -> str:
        """The newest run's name."""
        return json.loads(self("runs", "list", "--output", "json").stdout)[0]["run_id"]

    def close(self) -> None:
        for terminal in self._terminals:
            terminal.close()


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    command = Cli(tmp_path)
    yield command
    command.close()


def calling(name: str, **arguments: Any) -> dict[str, Any]:
    """A line of a script: one call."""
    return {"calls": [{"name": name, "arguments": arguments}]}


def saying(text: str) -> dict[str, Any]:
    """A line of a script: plain words, the last ones of a run."""
    return {"text": text}


def without_colour(text: str) -> str:
    """What a terminal was sent, without what steers it."""
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)


def wait_until(holds: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
