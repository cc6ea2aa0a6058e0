"""However a run ends, nothing that it started goes on."""
# The loop is blocked on purpose: what is looked at are other processes.
# ruff: noqa: ASYNC110, ASYNC220, ASYNC240, ASYNC251

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agentkit.tooling.sandbox import Limits, python

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
    chunks: list[tuple[bytes, float]] = []
    source = "import time; print('first', flush=True); time.sleep(0.4); print('second')"
    await sandbox.run(
        [str(python()), "-c", source],
        workspace=workspace,
        on_output=lambda chunk: chunks.append((chunk, time.monotonic())),
    )
    assert b"".join(chunk for chunk, _ in chunks) == b"first\nsecond\n"
    assert chunks[-1][1] - chunks[0][1] > 0.2


async def test_a_fault_of_the_listener_ends_the_command(sandbox, workspace: Path) -> None:
    def listen(chunk: bytes) -> None:
        raise ValueError("cannot show this")

    began = time.monotonic()
    with pytest.raises(ValueError, match="cannot show this"):
        await sandbox.run(["sh", "-c", "echo x; sleep 30"], workspace=workspace, on_output=listen)
    assert time.monotonic() - began < 5


async def test_commands_run_side_by_side(sandbox, workspace: Path) -> None:
    began = time.monotonic()
    limits = Limits(wall_seconds=20)
    runs = (sandbox.run(["sleep", "0.5"], workspace=workspace, limits=limits) for _ in range(8))
    assert [finished.status for finished in await asyncio.gather(*runs)] == [0] * 8
    assert time.monotonic() - began < 3


HOST = """
import asyncio, sys
from pathlib import Path
from agentkit.tooling.sandbox import python
from agentkit.tooling.sandbox.bubblewrap import BubblewrapSandbox
from agentkit.tooling.sandbox.landlock import LandlockSandbox
kind, beat, workspace = sys.argv[1:]
sandbox = BubblewrapSandbox() if kind == "bubblewrap" else LandlockSandbox()
asyncio.run(sandbox.run([str(python()), "-c", beat], workspace=Path(workspace)))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_outlives_a_killed_host(
    how: signal.Signals, sandbox, kind: str, workspace: Path
) -> None:
    folders = set(Path("/tmp").glob("agentkit-command-*"))
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, kind, BEAT, str(workspace)],
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    async with asyncio.timeout(20):
        await begun(workspace)
    os.kill(host.pid, how)
    host.wait()
    time.sleep(0.2)  # the kernel tells the helper, the helper ends the rest
    assert not beating(workspace)
    assert set(Path("/tmp").glob("agentkit-command-*")) <= folders


async def test_no_descriptor_and_no_folder_is_left(sandbox, workspace: Path) -> None:
    async def once() -> None:
        await sandbox.run(
            ["sh", "-c", "mkdir -p $HOME/a/b; chmod 0 $HOME/a"], workspace=workspace, stdin=b"x"
        )

    await once()
    before = len(os.listdir("/proc/self/fd"))
    folders = set(Path("/tmp").glob("agentkit-command-*"))
    for _ in range(3):
        await once()
    assert len(os.listdir("/proc/self/fd")) == before
    assert set(Path("/tmp").glob("agentkit-command-*")) <= folders
