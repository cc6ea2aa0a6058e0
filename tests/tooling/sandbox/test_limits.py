"""A command that takes too much is ended, whole, and says by which limit."""

import os
import time
from pathlib import Path

import pytest

from agentkit.tooling.sandbox import Limits
from agentkit.tooling.sandbox.disk import DiskWatch
from agentkit.tooling.sandbox.task_group import CEILING, task_group

MIB = 1 << 20
TIGHT = Limits(
    wall_seconds=90, memory_bytes=256 * MIB, processes=24, file_bytes=8 * MIB, written_bytes=16 * MIB
)


def test_a_sleeper_is_stopped_by_the_clock(run) -> None:
    finished = run("print('on'); import time; time.sleep(60)", limits=Limits(wall_seconds=0.4))
    assert (finished.status, finished.stopped_by, finished.output) == (None, "wall", b"on\n")
    assert finished.seconds < 50


def test_a_busy_loop_is_stopped_by_the_clock(run) -> None:
    assert run("while True: pass", limits=Limits(wall_seconds=0.4)).stopped_by == "wall"


def test_a_silent_command_is_stopped_when_silence_is_limited(run) -> None:
    source = """
import time
for _ in range(30): print('here', flush=True); time.sleep(0.05)
print('for longer than the limit', flush=True)
time.sleep(60)
"""
    finished = run(source, limits=Limits(wall_seconds=50, idle_seconds=1.2))
    assert finished.stopped_by == "idle"
    assert finished.output.endswith(b"for longer than the limit\n")


def test_a_flood_of_output_is_cut_at_the_limit(run) -> None:
    finished = run(["yes"], limits=Limits(output_bytes=100_000))
    assert finished.stopped_by == "output"
    assert len(finished.output) == 100_000


def test_output_of_exactly_the_limit_is_no_flood(run) -> None:
    finished = run("print('x' * 999)", limits=Limits(output_bytes=1000))
    assert (finished.status, finished.stopped_by, len(finished.output)) == (0, None, 1000)


def test_one_greedy_process_gets_no_more_memory(run) -> None:
    finished = run("kept = bytearray(2 << 30)", limits=TIGHT)
    assert b"MemoryError" in finished.output


def test_memory_held_by_many_processes_counts_together(run) -> None:
    source = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        kept = bytearray(b'x') * (100 << 20)
        time.sleep(60)
time.sleep(60)
"""
    assert run(source, limits=TIGHT).stopped_by == "memory"


def test_a_fork_bomb_fizzles(run, workspace: Path) -> None:
    source = """
import os, time
while True:
    try:
        if os.fork() == 0: open('births', 'a').write('x')
    except OSError: time.sleep(0.001)
"""
    finished = run(source, limits=Limits(wall_seconds=1, processes=24))
    assert finished.stopped_by in {"processes", "wall"}
    births = (workspace / "births").stat().st_size
    assert births < 20_000  # how many depends on who else is at work
    with task_group(24) as group:
        assert group is None or births <= CEILING * 24  # there it does not
    assert not _mentioning("births")


def test_one_large_file_is_refused(run, workspace: Path) -> None:
    source = "open('large', 'wb').write(b'x' * (64 << 20))"
    assert b"File too large" in run(source, limits=TIGHT).output
    assert (workspace / "large").stat().st_size <= TIGHT.file_bytes


@pytest.mark.parametrize("hidden", [False, True], ids=["in sight", "deleted while open"])
def test_many_files_fill_only_what_is_allowed(run, workspace: Path, hidden: bool) -> None:
    source = f"""
import os, time
kept = []
for number in range(200):
    file = open(str(number), 'wb')
    os.posix_fallocate(file.fileno(), 0, 4 << 20)
    if {hidden}: os.remove(str(number))
    kept.append(file)
    # past the limit so slowly that a watch on the busiest machine sees it in time
    time.sleep(1.5 if number >= 4 else 0.01)
time.sleep(60)
"""
    assert run(source, limits=TIGHT).stopped_by == "disk"
    assert sum(file.stat().st_size for file in workspace.iterdir()) < 4 * TIGHT.written_bytes


def test_scratch_space_is_limited_too(run, kind: str) -> None:
    if kind != "bubblewrap":
        pytest.skip("the scratch folder of Landlock is on the disk, watched with it")
    source = """
for folder in ('/tmp', '/dev/shm'):
    try:
        for number in range(100): open(f'{folder}/{number}', 'wb').write(b'x' * (4 << 20))
    except OSError as fault: print(fault.strerror)
"""
    assert run(source, limits=TIGHT).output == b"No space left on device\n" * 2


def test_another_programs_files_are_not_held_against_a_command(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    watch = DiskWatch(tmp_path / "workspace", Limits(written_bytes=MIB))
    (tmp_path / "elsewhere").write_bytes(b"x" * 8 * MIB)
    os.sync()
    assert not watch.exceeded(os.getpid())
    (tmp_path / "workspace" / "here").write_bytes(b"x" * 8 * MIB)
    os.sync()
    time.sleep(0.3)
    assert watch.exceeded(os.getpid())


def _mentioning(word: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if word in command and int(process.name) != os.getpid():
            found.append(command)
    return found
