"""Run in a process of its own by the tests: appends to a run until told otherwise or killed."""

import resource
import sys
from pathlib import Path

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


def wait(path: str, run_id: str) -> None:
    """Append one event, and one that waits for the next."""
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        log.append(Nudged("claim", "look again"))
        log.append(Nudged("claim", "and again"), with_next=True)
        say("waiting")
        sys.stdin.readline()


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


def endure(path: str, run_id: str) -> None:
    """Append an event for each line read, and go on after an error."""
    with Journal.open(path) as journal, journal.resume(run_id) as log:
        say("held")
        for line in sys.stdin:
            try:
                log.append(Nudged("told", line.strip()), durable=True)
                say("appended")
            except AgentkitError as error:
                say(f"{type(error).__name__}: {error}")


def recover(path: str, run_id: str) -> None:
    """Open, read and close what a killed process left, over and over."""
    say("opening")
    for _ in range(200):
        with Journal.open(path) as journal:
            journal.events(run_id)


def look(path: str) -> None:
    """Open the journal, list its runs, and leave."""
    with Journal.open(path) as journal:
        journal.runs()


def remove(path: str, *run_ids: str) -> None:
    """Remove runs, and give their space back."""
    with Journal.open(path) as journal:
        say("removing")
        journal.remove(run_ids)
        say("removed")
        journal.shrink()
        say("shrunk")


def take_in(path: str, file: str) -> None:
    """Import a run."""
    with Journal.open(path) as journal, Path(file).open("rb") as lines:
        say("importing")
        journal.take_in(lines, file)
        say("imported")


if __name__ == "__main__":
    tasks = {
        "hammer": hammer,
        "hold": hold,
        "fill": fill,
        "begin": begin,
        "endure": endure,
        "recover": recover,
        "look": look,
        "remove": remove,
        "take_in": take_in,
        "wait": wait,
    }
    tasks[sys.argv[1]](*sys.argv[2:])
