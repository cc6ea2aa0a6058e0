"""A process that syncs a folder into an index: once, or by children that it kills on request.

`ingest.py FOLDER INDEX` syncs. With `killed` after it, each number on standard input is a sync that is
killed by SIGKILL when it has reported so often; a line on standard output says that it is dead.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from agentkit.assembly.indexes import folder_source
from agentkit.retrieval import sync as module
from agentkit.retrieval.index import Index
from agentkit.retrieval.sync import sync

sys.path.insert(0, str(Path(__file__).parent.parent))

from retrieval.doubles import WordBag

module.BATCH = 8


def ingest(folder: str, path: str, told: int = 1) -> None:
    with Index.open(path, WordBag()) as index:
        asyncio.run(
            sync(
                folder_source(Path(folder)),
                index,
                report=lambda done, total, what: os.write(told, b".") and None,
            )
        )


def killed(folder: str, path: str, reports: int) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        ingest(folder, path, writer)
        os._exit(0)
    os.close(writer)
    for _ in range(reports):
        if not os.read(reader, 1):
            break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    print("dead", flush=True)  # noqa: T201 - who asked for it waits for this


if __name__ == "__main__":
    if sys.argv[3:] == ["killed"]:
        for line in sys.stdin:
            killed(*sys.argv[1:3], int(line))
    else:
        ingest(*sys.argv[1:3])
