"""Run in a process of its own by the tests: appends to a run until told otherwise or killed."""

import resource
import sys

from agentkit.core.errors import AgentkitError
from agentkit.core.events import Nudged
from agentkit.journal.store import Journal


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def hammer(path: str, run_id: str) -> None:
    """Append for ever; every third event is durable and then acknowledged."""
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        while True:
            number = len(log.events()) + 1
            recorded = log.append(Nudged("hammer", f"{number} " * 20), durable=number % 3 == 0)
            log.keep(f"text {number} " * 50)
            if number % 3 == 0:
                say(recorded.seq)


def hold(path: str, run_id: str) -> None:
    """Take the run and append an event for each line read."""
    try:
        with Journal.open(path) as journal, journal.resume(run_id) as log:
            say("held")
            for line in sys.stdin:
                log.append(Nudged("told", line.strip()), durable=True)
                say("appended")
    except AgentkitError as error:
        say(f"{type(error).__name__}: {error}")


def fill(path: str, run_id: str) -> None:
    """Append until the disk is full, then make room and append once more."""
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        try:
            while True:
                log.append(Nudged("fill", "x" * 5000))
        except AgentkitError as error:
            say(len(log.events()))
            say(f"{type(error).__name__}: {error}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        log.append(Nudged("fill", "room again"), durable=True)


def begin(path: str) -> None:
    """Open a file that others open at the same moment, and record one event."""
    sys.stdin.readline()
    with Journal.open(path) as journal, journal.start() as log:
        log.append(Nudged("begin", log.run_id), durable=True)
        say(log.run_id)


if __name__ == "__main__":
    {"hammer": hammer, "hold": hold, "fill": fill, "begin": begin}[sys.argv[1]](*sys.argv[2:])
