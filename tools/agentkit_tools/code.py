"""Run model-written code, in the sandbox only."""

import codecs
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import assert_never

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.sandbox import Finished, Limits, python
from agentkit.tooling.tool import tool

PYTHON_SECONDS = 120
LONGEST_SECONDS = 600
IDLE_SECONDS = 300.0
"""A command that prints nothing for so long is taken to hang."""

_FENCED = re.compile(r"\s*```[ \t]*\w*\n(.*?)\n?```\s*", re.DOTALL)
_SHELLS = ("/bin/bash", "/bin/sh")


@tool(effect=Effect.EXECUTES, basic=True)
async def run_python(code: str, context: ToolContext) -> str:
    """Run Python code and get what it prints. It runs in the workspace.

    Args:
        code: The code; print what you want to see.
    """
    source = without_fence(code)
    return await _run(argv_of_python(), PYTHON_SECONDS, context, source.encode("utf-8", "replace"))


@tool(effect=Effect.EXECUTES, command_line="command", basic=True)
async def run_shell(command: str, context: ToolContext, seconds: int = 60) -> str:
    """Run a shell command. It runs in the workspace.

    Args:
        command: The command.
        seconds: Stop it after this long.
    """
    if not command.strip() or "\0" in command:
        raise ToolFault("the command is empty" if "\0" not in command else "the command holds a zero byte")
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise ToolFault(f"seconds can be 1 to {LONGEST_SECONDS}, not {seconds}")
    return await _run([shell(), "-c", command], seconds, context)


def argv_of_python(*arguments: str) -> list[str]:
    """What starts the program that runs model-written code."""
    # -I: neither variables nor a json.py in the workspace decide what `import json` means;
    # -u -B: a killed command has printed all it wrote, and no caches are left among the files
    return [str(python()), "-I", "-u", "-B", "-c", _runner(), *arguments]


def without_fence(code: str) -> str:
    """The code without the Markdown fence that a model may have put around it."""
    fenced = _FENCED.fullmatch(code)
    return fenced[1] if fenced else code


async def _run(argv: Sequence[str], seconds: float, context: ToolContext, stdin: bytes = b"") -> str:
    if context.seconds_left is not None:
        seconds = min(seconds, context.seconds_left)
    if seconds <= 0:
        raise ToolFault("the run's time is used up; nothing was started")
    limits = Limits(wall_seconds=seconds, idle_seconds=IDLE_SECONDS)
    done = await context.sandbox().run(
        argv,
        workspace=context.workspace.root,
        limits=limits,
        stdin=stdin,
        on_output=_shown_as_text(context.emit),
    )
    output = done.output.decode("utf-8", "replace").rstrip("\n")
    ending = ending_of(done, limits)
    if ending:
        raise ToolFault(f"{output}\n[{ending}]" if output else f"[no output; {ending}]")
    return output or "[it ran and printed nothing]"


def _shown_as_text(emit: Callable[[str], None]) -> Callable[[bytes], None]:
    """Pass chunks of bytes on as text; a character may be cut in two between chunks."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def on_output(chunk: bytes) -> None:
        if text := decoder.decode(chunk):
            emit(text)

    return on_output


def ending_of(done: Finished, limits: Limits) -> str:
    """How a command ended, if not well."""
    match done.stopped_by:
        case None:
            if done.status is None or done.status == 0:
                return ""
            return f"exit status {done.status}" if done.status > 0 else f"killed by signal {-done.status}"
        case "wall":
            return f"stopped: it took more than {limits.wall_seconds:g} seconds"
        case "idle":
            return "stopped: it printed nothing for too long"
        case "memory":
            return f"stopped: it used more than {_megabytes(limits.memory_bytes)} of memory"
        case "processes":
            return f"stopped: it started more than {limits.processes} processes"
        case "disk":
            return f"stopped: it wrote more than {_megabytes(limits.written_bytes)}"
        case "output":
            return f"stopped: it printed more than {limits.output_bytes:,} bytes"
        case _:
            assert_never(done.stopped_by)


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"


@cache
def _runner() -> str:
    """The program that runs the code, as text: its file is not there inside the sandbox."""
    return Path(__file__).with_name("runner.py").read_text(encoding="utf-8")


@cache
def shell() -> str:
    """The shell that runs command lines."""
    return next(shell for shell in _SHELLS if Path(shell).exists())
