"""Open files between this process and a command, closed once however often they are asked to."""

import contextlib
import io
import os
import subprocess


def pipe(owner: contextlib.ExitStack) -> tuple[io.FileIO, io.FileIO]:
    """Return the reading and the writing end of a pipe, both closed with `owner`."""
    reader, writer = os.pipe()
    return owner.enter_context(io.FileIO(reader, "r")), owner.enter_context(io.FileIO(writer, "w"))


def input_of(stdin: bytes | int, owner: contextlib.ExitStack) -> io.FileIO | int:
    """Return what a command's standard input is: what is given, an open descriptor, or nothing."""
    if isinstance(stdin, int):
        return stdin
    return owner.enter_context(nameless_file(stdin)) if stdin else subprocess.DEVNULL


def nameless_file(content: bytes) -> io.FileIO:
    """Return a file in memory that is read from its start; a command cannot stall on filling a pipe."""
    file = io.FileIO(os.memfd_create("agentkit"), "r+")
    with io.BufferedRandom(io.FileIO(file.fileno(), "r+", closefd=False)) as buffer:
        buffer.write(content)
    file.seek(0)
    return file
