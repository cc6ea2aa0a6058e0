"""A process that makes an index anew with vectors, by children that it kills on request.

Each number on standard input is one that is killed by SIGKILL when the index has executed so many statements;
a line on standard output says whether it was killed or had ended before.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from agentkit.retrieval import sync as module
from agentkit.retrieval.anew import made_anew
from agentkit.retrieval.reading import reading
from agentkit.retrieval.store import SqliteStore

sys.path.insert(0, str(Path(__file__).parent.parent))

from retrieval.doubles import WordBag

module.BATCH = 8


def remade(path: str, told: int) -> None:
    with SqliteStore.open(path) as store:
        store.database.connection.set_trace_callback(lambda statement: os.write(told, b".") and None)
        asyncio.run(made_anew(store, reading(WordBag())))


def killed(path: str, statements: int) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        remade(path, writer)
        os._exit(0)
    os.close(writer)
    ended = any(not os.read(reader, 1) for _ in range(statements))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    print("ended" if ended else "killed", flush=True)  # noqa: T201 - who asked for it waits for this


if __name__ == "__main__":
    for line in sys.stdin:
        killed(sys.argv[1], int(line))
