"""The thread behind the plain calls neither outlives nor holds up its process."""

import os
import signal
import subprocess
import sys

BEGIN = """
import asyncio, os, signal, sys, warnings
warnings.simplefilter("error", ResourceWarning)
signal.signal(signal.SIGINT, signal.default_int_handler)  # one in the background may be deaf to it
from agentkit import Lambda
"""

WAITS = """
async def wait(_):
    print("begun", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("let go", flush=True)
try:
    Lambda(wait).batch([1])
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

FORKS = """
double = Lambda(lambda number: number * 2)
print(double.invoke(1), flush=True)
warnings.simplefilter("ignore")  # that a process with a thread forks is the point
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(double.invoke(2), flush=True)
"""

THREADS = """
async def aside(number):
    return await asyncio.to_thread(lambda: number + 1)
print(Lambda(aside).invoke(1))
"""


def process(program: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-X", "dev", "-c", BEGIN + program]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_an_interrupt_comes_through_when_the_steps_have_let_go() -> None:
    with process(WAITS) as running:
        assert running.stdout
        assert running.stdout.readline() == "begun\n"
        os.kill(running.pid, signal.SIGINT)
        assert running.communicate(timeout=60) == ("let go\ninterrupted\n", "")


def test_a_forked_process_has_a_thread_of_its_own() -> None:
    with process(FORKS) as running:
        assert running.communicate(timeout=60) == ("2\n4\n", "")


def test_a_process_ends_quietly_after_work_in_threads() -> None:
    with process(THREADS) as running:
        assert running.communicate(timeout=60) == ("2\n", "")
        assert running.returncode == 0
