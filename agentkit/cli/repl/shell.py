"""`!command`: the person's own shell, with their rights and their terminal."""

import asyncio
import os
import sys
from pathlib import Path

from agentkit.cli.repl.mentions import RAN
from agentkit.cli.repl.sitting import Sitting

KEPT = 20_000
"""Characters of what a command printed that the agent is shown."""


async def line_for_shell(sitting: Sitting, text: str) -> str:
    """Run what follows `!`; of `!!` what goes along with the next message, else nothing."""
    told = text.startswith("!!")
    command = text.lstrip("!").strip()
    if not command:
        return ""
    sitting.outside = True
    try:
        async with sitting.editor.aside():
            status, output = await run_for_person(command, sitting.workspace, keep=told)
    finally:
        sitting.outside = False
    if status:
        sitting.say("", f"exit status {status}", "yellow")
    if not told:
        return ""
    sitting.say("", "this goes along with your next message", "dim")
    return f"{RAN}{status}):\n$ {command}\n{output}".rstrip()


async def run_for_person(command: str, folder: Path, *, keep: bool) -> tuple[int, str]:
    """The exit status of a command that has the terminal until it ends, and, with `keep`, what it printed."""
    process = await asyncio.create_subprocess_exec(
        os.environ.get("SHELL") or "/bin/sh",
        "-c",
        command,
        cwd=folder,
        stdin=None if sys.stdin.isatty() else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if keep else None,
        stderr=asyncio.subprocess.STDOUT if keep else None,
    )
    printed = bytearray()
    if process.stdout is not None:
        while piece := await process.stdout.read(65536):
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
            printed += piece[: max(0, 4 * KEPT - len(printed))]
    status = await process.wait()
    text = printed.decode("utf-8", "replace").rstrip("\n")
    return status, text if len(text) <= KEPT else f"{text[:KEPT]}\n[more was printed]"
