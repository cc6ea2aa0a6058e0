"""Commands that run in the background: started, looked after and stopped by calls of their own.

A job lives in the sandbox and no longer than the run: it ends with it, also when the run is killed.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO, Annotated

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext
from agentkit.tooling.nearest import listed
from agentkit.tooling.packs import Pack
from agentkit.tooling.sandbox import Finished, Limits
from agentkit.tooling.tool import tool
from agentkit_tools.code import LONGEST_SECONDS, ending_of, shell
from agentkit_tools.session import python_session
from agentkit_tools.text import counted, lines_of

NAME = "jobs"
MOST_JOBS = 8
"""That run at the same time."""
LIMITS = Limits(wall_seconds=24 * 3600.0, output_bytes=8_000_000)
SECONDS_TO_FAIL = 0.3
"""A command that is wrong fails at once, and then the answer says so."""
_TAIL = 200_000
"""Bytes of the output that are looked at from its end."""


@dataclass
class Job:
    """One command in the background."""

    command: str
    task: "asyncio.Task[Finished]"
    output: IO[bytes]
    began: float = field(default_factory=time.monotonic)

    def state(self) -> str:
        """Whether it runs, or how it ended."""
        if not self.task.done():
            return f"running for {time.monotonic() - self.began:.0f} s"
        if self.task.cancelled():
            return "stopped"
        if fault := self.task.exception():
            return f"could not run: {fault}"
        return ending_of(self.task.result(), LIMITS) or "ended well"

    def tail(self, lines: int) -> str:
        """The last lines of what it printed."""
        size = self.output.seek(0, 2)
        self.output.seek(max(0, size - _TAIL))
        every = lines_of(self.output.read().decode("utf-8", "replace"))
        return "\n".join(every[-lines:]) or "[it printed nothing]"


@dataclass
class Jobs:
    """The jobs of this sitting by name."""

    by_name: dict[str, Job] = field(default_factory=dict[str, Job])

    async def aclose(self) -> None:
        """Stop all of them."""
        for job in self.by_name.values():
            job.task.cancel()
        if tasks := [job.task for job in self.by_name.values()]:
            await asyncio.wait(tasks)
        for job in self.by_name.values():
            job.output.close()


KnownJob = Annotated[str, Choices("job", lambda context: tuple(_jobs(context).by_name))]


@tool(effect=Effect.EXECUTES, command_line="command", like=("run_shell",), lasts=True)
async def start_job(command: str, context: ToolContext) -> str:
    """Start a shell command in the background and go on at once.

    Args:
        command: The command; it runs in the workspace until it ends, or the run does.
    """
    if not command.strip() or "\0" in command:
        raise ToolFault("the command is empty" if "\0" not in command else "the command holds a zero byte")
    jobs = _jobs(context).by_name
    running = [name for name, job in jobs.items() if not job.task.done()]
    if len(running) >= MOST_JOBS:
        raise ToolFault(f"{MOST_JOBS} jobs are running, and that is the most; stop one of {listed(running)}")
    sandbox = context.sandbox()
    output = tempfile.TemporaryFile()  # noqa: SIM115 - nameless, and closed with the job

    def heard(chunk: bytes) -> None:
        output.seek(0, 2)
        output.write(chunk)

    work = sandbox.run(
        [shell(), "-c", command], workspace=context.workspace.root, limits=LIMITS, on_output=heard
    )
    name = _next_name(context)
    job = jobs[name] = Job(command, asyncio.create_task(work, name=name), output)
    await asyncio.wait({job.task}, timeout=SECONDS_TO_FAIL)
    if job.task.done():
        return f"{name} is over already: {job.state()}\n{job.tail(50)}"
    return f"{name} is running; read_job shows what it prints"


@tool(effect=Effect.READS, polls=True)
async def list_jobs(context: ToolContext) -> str:
    """List the background jobs and whether they run."""
    jobs = _jobs(context).by_name
    lines = [f"{name}: {job.state()}: {job.command}" for name, job in jobs.items()]
    gone = [
        one.call.arguments["command"]
        for one in context.earlier
        if one.call.name == start_job.name and one.result.outcome is Outcome.OK
    ]
    if len(gone) > len(jobs):
        lost = counted(len(gone) - len(jobs), "job")
        lines.append(f"[{lost} of an earlier sitting ended with it]")
    return "\n".join(lines) or "there are no jobs"


@tool(effect=Effect.READS, polls=True)
async def read_job(job: KnownJob, context: ToolContext, lines: int = 50, wait: int = 0) -> str:
    """Show the last lines that a background job printed.

    Args:
        job: Its name.
        lines: How many lines.
        wait: Seconds to wait for its end first.
    """
    found = _job(job, context)
    if lines < 1 or not 0 <= wait <= LONGEST_SECONDS:
        raise ToolFault(f"lines count from 1, and wait can be 0 to {LONGEST_SECONDS}")
    if context.seconds_left is not None:
        wait = min(wait, int(context.seconds_left))
    await asyncio.wait({found.task}, timeout=wait)
    return f"{found.tail(lines)}\n[{job}: {found.state()}]"


@tool(effect=Effect.EXECUTES, idempotent=True)
async def stop_job(job: KnownJob, context: ToolContext) -> str:
    """Stop a background job and everything it started.

    Args:
        job: Its name.
    """
    found = _job(job, context)
    if found.task.done():
        return f"{job} was over already: {found.state()}"
    found.task.cancel()
    await asyncio.wait({found.task})
    return f"stopped {job}; it had printed\n{found.tail(20)}"


def _jobs(context: ToolContext) -> Jobs:
    return context.residents.get(NAME, Jobs)


def _job(name: str, context: ToolContext) -> Job:
    jobs = _jobs(context).by_name
    if name not in jobs:
        there = f"there is {listed(list(jobs))}" if jobs else "there are none"
        raise ToolFault(f"there is no job {name!r}; {there} (jobs end with the sitting that started them)")
    return jobs[name]


def _next_name(context: ToolContext) -> str:
    """A name that no job of this run has or had: the model may still speak of one that is gone."""
    before = sum(one.call.name == start_job.name for one in context.earlier)
    jobs = _jobs(context).by_name
    number = before + 1
    while f"job{number}" in jobs:
        number += 1
    return f"job{number}"


PACK = Pack(
    "jobs",
    "commands in the background, and Python that keeps its variables",
    (start_job, list_jobs, read_job, stop_job, python_session),
)
