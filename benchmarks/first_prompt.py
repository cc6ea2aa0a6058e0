"""Wall-clock seconds from `agentkit` to the first prompt, on a real pseudo-terminal.

The target is 0.3 s. What is waited for is the prompt itself: a key that is typed then is edited. A key
is typed, and its echo must come, so a prompt that was only painted would not count. The bare
interpreter is measured in the same rounds, because it is what no program can be faster than.
"""

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from facts import machine_facts, write_result

ROUNDS = 20
TARGET = 0.3
PATIENCE = 60.0
PROMPT = b">"
PASTES = b"\x1b[?2004h"
"""What the editor sends when it begins to listen."""


def until(master: int, seen: bytes, words: bytes) -> bytes:
    """What the terminal has been sent, once it holds `words`."""
    end = time.monotonic() + PATIENCE
    while words not in seen:
        ready, _, _ = select.select([master], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError(f"{words!r} did not appear after {seen!r}")
        seen += os.read(master, 65536)
    return seen


def to_the_prompt(folder: Path) -> tuple[float, float]:
    """Seconds to the prompt, and to the echo of a key that is typed at it."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    env = {
        **os.environ,
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "AGENTKIT_JOURNAL": str(folder / "j.db"),
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "agentkit"],
        cwd=folder / "work", env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        seen = until(master, b"", PASTES)
        seen = until(master, seen.split(PASTES, 1)[1], PROMPT)
        shown = time.monotonic() - began
        os.write(master, b"~")
        until(master, seen.split(PROMPT, 1)[1], b"~")
        return shown, time.monotonic() - began
    finally:
        process.kill()
        process.wait()
        os.close(master)


def bare(folder: Path) -> float:
    """Seconds of an interpreter that does nothing."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], cwd=folder, check=True)
    return time.monotonic() - began


def main() -> None:
    """Measure, print and write the result."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "work").mkdir()
        to_the_prompt(folder)  # fills the disk cache
        rounds = [(*to_the_prompt(folder), bare(folder)) for _ in range(ROUNDS)]
    shown, echoed, nothing = (sorted(column) for column in zip(*rounds, strict=True))
    result = {
        "target_seconds": TARGET,
        "rounds": ROUNDS,
        "prompt_seconds": round(statistics.median(shown), 4),
        "best_prompt_seconds": round(shown[0], 4),
        "worst_prompt_seconds": round(shown[-1], 4),
        "echo_seconds": round(statistics.median(echoed), 4),
        "python_alone_seconds": round(statistics.median(nothing), 4),
        "load": [round(one, 2) for one in os.getloadavg()],
        "machine": machine_facts("prompt-toolkit"),
    }
    print(f"first prompt {result['prompt_seconds']:.3f} s (best {shown[0]:.3f}, worst {shown[-1]:.3f}),")
    print(f"a key is echoed after {result['echo_seconds']:.3f} s; python alone {nothing[ROUNDS // 2]:.3f} s")
    print(f"written to {write_result('first_prompt', result)}")


if __name__ == "__main__":
    main()
