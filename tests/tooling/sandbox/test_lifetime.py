"""However a run ends, nothing that it started goes on."""
# The loop is blocked on purpose: what is looked at are other processes.
# ruff: noqa: ASYNC110, ASYNC220

import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from agentkit.tooling.sandbox import Limits, launcher, python
from agentkit.tooling.sandbox.running import Command

BEAT = """
import os, time
for _ in range(2):
    if os.fork() == 0: os.setsid()
while True:
    open('beat', 'a').write('x'); time.sleep(0.01)
"""


def beating(workspace: Path) -> bool:
    """Whether somebody still writes."""
    beat = workspace / "beat"
    size = beat.stat().st_size
    time.sleep(0.15)
    return beat.stat().st_size > size


async def begun(workspace: Path) -> None:
    while not (workspace / "beat").exists():
        await asyncio.sleep(0.01)


async def test_cancelling_ends_every_process_first(sandbox, workspace: Path) -> None:
    task = asyncio.create_task(sandbox.run([str(python()), "-c", BEAT], workspace=workspace))
    await begun(workspace)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not beating(workspace)


async def test_cancelling_twice_waits_all_the_same(sandbox, workspace: Path) -> None:
    task = asyncio.create_task(sandbox.run([str(python()), "-c", BEAT], workspace=workspace))
    await begun(workspace)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not beating(workspace)


async def test_a_timeout_around_a_run_works(sandbox, workspace: Path) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await sandbox.run([str(python()), "-c", BEAT], workspace=workspace)
    assert not beating(workspace)


async def test_output_arrives_while_the_command_runs(sandbox, workspace: Path) -> None:
    heard: list[bytes] = []

    def listen(chunk: bytes) -> None:
        heard.append(chunk)
        (workspace / "heard").touch()

    # it goes on only when it was heard
    source = "echo first; while [ ! -e heard ]; do sleep 0.01; done; echo second"
    finished = await sandbox.run(["sh", "-c", source], workspace=workspace, on_output=listen)
    assert (finished.status, b"".join(heard)) == (0, b"first\nsecond\n")


async def test_a_fault_of_the_listener_ends_the_command(sandbox, workspace: Path) -> None:
    def listen(chunk: bytes) -> None:
        raise ValueError("cannot show this")

    beats = f'echo x; exec {python()} -c "$BEAT"'
    with pytest.raises(ValueError, match="cannot show this"):
        await sandbox.run(
            ["sh", "-c", beats], workspace=workspace, on_output=listen, extra_env={"BEAT": BEAT}
        )
    assert not (workspace / "beat").exists() or not beating(workspace)


async def test_commands_run_side_by_side(sandbox, workspace: Path) -> None:
    # each waits for all the others
    meet = "touch here-$0; while [ $(ls | wc -l) -lt 8 ]; do sleep 0.02; done"
    runs = (sandbox.run(["sh", "-c", meet, str(number)], workspace=workspace) for number in range(8))
    assert [finished.status for finished in await asyncio.gather(*runs)] == [0] * 8


HOST = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may have it ignored
from pathlib import Path
from agentkit.tooling.sandbox import Limits, launcher, python
from agentkit.tooling.sandbox.running import Command
from agentkit.tooling.sandbox.bubblewrap import BubblewrapSandbox
from agentkit.tooling.sandbox.landlock import LandlockSandbox
kind, beat, workspace = sys.argv[1:]
sandbox = BubblewrapSandbox() if kind == "bubblewrap" else LandlockSandbox()
asyncio.run(sandbox.run([str(python()), "-c", beat], workspace=Path(workspace)))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_outlives_a_killed_host(
    how: signal.Signals, sandbox, kind: str, workspace: Path, folder: Path
) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, kind, BEAT, str(workspace)],
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"TMPDIR": str(scratch)},
    )
    async with asyncio.timeout(60):
        await begun(workspace)
    os.kill(host.pid, how)
    host.wait()
    async with asyncio.timeout(60):  # the kernel tells the helper, the helper ends the rest
        while beating(workspace) or os.listdir(scratch):
            await asyncio.sleep(0.05)


async def test_no_descriptor_and_no_folder_is_left(
    sandbox, workspace: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    async def once() -> None:
        await sandbox.run(
            ["sh", "-c", "mkdir -p $HOME/a/b; chmod 0 $HOME/a"], workspace=workspace, stdin=b"x"
        )

    await once()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await once()
    assert len(os.listdir("/proc/self/fd")) == before
    assert os.listdir(scratch) == []


def test_what_a_host_lets_go_of_is_tidied_up_also_while_the_host_is_not_yet_gone(
    sandbox, kind: str, workspace: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind != "landlock":
        pytest.skip("bubblewrap has no folder of its own on the disk")
    scratch = folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    command = Command([str(python()), "-c", BEAT], workspace, Limits(), b"", writable=True, extra_env={})
    # the host's own tidying, at the end of the block, finds nothing any more
    with pytest.raises(FileNotFoundError, match="agentkit-command-"), sandbox.start(command) as running:  # noqa: PT012
        while not (workspace / "beat").exists():
            time.sleep(0.01)
        assert os.listdir(scratch)
        # a host that is killed closes its pipes first, and is its children's parent for a while
        [key] = (cell.cell_contents for cell in running.kill.__closure__)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, key.fileno())
        os.close(nowhere)
        select.select([running.gone], [], [], 60)
        assert not beating(workspace)
        assert not os.listdir(scratch)


def test_the_helper_of_landlock_imports_little() -> None:
    slow = ("contextlib", "enum", "json", "pathlib", "re", "signal", "typing")
    code = (
        f"import sys; sys.path.append({str(Path(launcher.__file__).parent)!r}); import launcher; "
        f"print([name for name in {slow!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
