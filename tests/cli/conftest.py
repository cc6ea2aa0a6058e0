"""The command as a person runs it: a process of its own, with pipes or on a terminal."""

import codecs
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest

from agentkit.core.events import Recorded
from agentkit.journal.store import Journal

from .vt import Screen
from .warm import Warm

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
        self.screen = Screen(100)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def wait_for(self, words: str) -> str:
        """Everything so far, once it holds `words`."""
        self.wait_until(lambda: words in self.text, words)
        return self.text

    def wait_until(self, holds: Callable[[], bool], words: str) -> None:
        """Read on until `holds`; `words` say for what, should it never."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, f"{words!r} did not appear:\n{self.text}"
            assert self._read() or holds(), f"it ended without {words!r}:\n{self.text}"

    def narrow(self, width: int) -> None:
        """Make the window narrower, in a terminal that wraps what no longer fits.

        What was written before is read before: sent for the wider window, it belongs there.
        """
        os.kill(self.process.pid, signal.SIGSTOP)
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it ended before its window became narrower:\n{self.text}"
        while select.select([self._master], [], [], 0)[0] and self._read():
            pass
        self.screen.narrow(width)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, width, 0, 0))
        os.kill(self.process.pid, signal.SIGCONT)

    def hang_up(self) -> None:
        """Close the terminal, as a window is closed."""
        os.close(self._master)
        self._master = -1

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
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 0.2)
        if not ready:
            return self.process.poll() is None
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the last process has closed its end
            return False
        text = self._decoder.decode(piece)
        self.text += text
        self.screen.feed(text)
        return bool(piece)


@cache
def warm(*modules: str) -> Warm:
    """The process that commands are forked from, with these modules beside those of most commands."""
    return Warm(*modules)


class Cli:
    """`agentkit` in an empty home, with its own journal and workspace."""

    modules: tuple[str, ...] = ()
    """What its commands need beside what most do, and takes long to import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.journal = folder / "journal.db"
        # PYTHONPATH: a checkout beside the installed one is tested as itself
        kept = ("PATH", "PYTHONPATH", "AGENTKIT_MODELS_DIR", "LANG", "VIRTUAL_ENV")
        self.env = {name: os.environ[name] for name in kept if name in os.environ}
        self.env |= {"HOME": str(folder / "home"), "AGENTKIT_JOURNAL": str(self.journal)}
        # whether weights happen to be here must not matter
        self.env["AGENTKIT_EMBEDDINGS"] = "none"
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
        given = stdin.encode() if isinstance(stdin, str) else stdin
        argv, environ = [*map(str, arguments)], self.env | dict(env or {})
        if any(name.startswith("PYTHON") for name in env or {}):  # for an interpreter that begins with it
            done = subprocess.run(
                [*AGENTKIT, *argv],
                cwd=self.workspace,
                env=environ,
                input=given,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        else:
            done = warm(*self.modules).run(argv, self.workspace, environ, given, PATIENCE)
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


# --- a conversation

ENTER = "\r"
CTRL_C, CTRL_D, CTRL_J, ALT_ENTER, TAB = "\x03", "\x04", "\n", "\x1b\r", "\t"
SLEEPER = calling("run_shell", command="echo at-$((40+2)); sleep 3000; echo ended > ended")


class Talk:
    """A conversation that a test types into."""

    def __init__(
        self, cli: Cli, *lines: Mapping[str, Any], flags: tuple[object, ...] = (), **env: str
    ) -> None:
        self.cli = cli
        model = ("-m", cli.script(*lines)) if lines else ()
        self.terminal: Terminal = cli.terminal(*model, *flags, **env)
        self.shown(">")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.close()

    @property
    def text(self) -> str:
        """What stands on the terminal, and what has scrolled away above it."""
        return self.terminal.screen.text

    def say(self, text: str) -> None:
        """Type a line and send it."""
        self.terminal.type(text)
        time.sleep(0.05)  # a person lifts their finger before they press Enter
        self.terminal.type(ENTER)

    def shown(self, words: str, times: int = 1) -> str:
        """Everything so far, once it holds the words that often."""
        self.terminal.wait_until(lambda: self.text.count(words) >= times, words)
        return self.text

    def leave(self) -> int:
        self.terminal.type(CTRL_D)
        return self.terminal.end()

    def recorded(self) -> list[Recorded]:
        with Journal.open(self.cli.journal) as journal:
            [run] = journal.runs()[-1:]
            return journal.events(run.run_id)

    def events(self, kind: type) -> list[Any]:
        return [one.event for one in self.recorded() if isinstance(one.event, kind)]


@pytest.fixture
def talk(cli: Cli) -> Callable[..., Talk]:
    return lambda *lines, flags=(), **env: Talk(cli, *lines, flags=flags, **env)


def sleeping(cli: Cli) -> bool:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"sleep\x003000" in (folder / "cmdline").read_bytes() and str(cli.workspace) in os.readlink(
                folder / "cwd"
            ):
                return True
        except OSError:
            continue
    return False
