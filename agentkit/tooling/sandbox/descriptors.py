"""Open files between this process and a command, closed once however often they are asked to."""

import contextlib
import io
import os


def pipe(owner: contextlib.ExitStack) -> tuple[io.FileIO, io.FileIO]:
    """Return the reading and the writing end of a pipe, both closed with `owner`."""
    reader, writer = os.pipe()
    return owner.enter_context(io.FileIO(reader, "r")), owner.enter_context(io.FileIO(writer, "w"))


def nameless_file(content: bytes) -> io.FileIO:
    """Return a file in memory that is read from its start; a command cannot stall on filling a pipe."""
    file = io.FileIO(os.memfd_create("agentkit"), "r+")
    with io.BufferedRandom(io.FileIO(file.fileno(), "r+", closefd=False)) as buffer:
        buffer.write(content)
    file.seek(0)
    return file
