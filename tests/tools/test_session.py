"""A Python session and background jobs, in the real sandbox of this machine."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from agentkit.assembly import Surroundings, run_goal
from agentkit.core.errors import ToolFault
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit.tooling.context import ToolContext
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.sandbox import SandboxUnavailable
from agentkit.tooling.sandbox.probe import CANDIDATES
from agentkit.tooling.snapshots.undoable import why_lost
from agentkit.tooling.tool import Tool, tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.jobs import list_jobs, read_job, start_job, stop_job
from agentkit_tools.session import python_session


class Done:
    """A recorded call that went well."""

    def __init__(self, name: str, **arguments: str) -> None:
        self.call = ToolCall("c", name, arguments)
        self.result = ToolResult("c", name, Outcome.OK, "")


@pytest.fixture(params=CANDIDATES)
async def context(workspace: Path, request: pytest.FixtureRequest, missing) -> AsyncIterator[ToolContext]:
    try:
        sandbox = CANDIDATES[request.param]()
    except SandboxUnavailable as error:
        missing(str(error))
    printed: list[str] = []
    with Workspace.open(workspace) as opened:
        context = ToolContext(opened, sandbox=lambda: sandbox, emit=printed.append)
        yield context
        await context.residents.aclose()


# --- Python


async def test_variables_are_there_in_the_next_call(context) -> None:
    assert await python_session("import math\nx = 41", context) == "[it ran and printed nothing]"
    assert await python_session("def f(): return 1 / (x - 41)\nx + 1", context) == "42"
    assert await python_session("print(math.floor(2.5))\nprint('é')", context) == "2\né"


async def test_a_failure_is_told_with_its_lines_and_loses_nothing(context) -> None:
    await python_session("x = 0\ndef f():\n    return 1 / x", context)
    with pytest.raises(ToolFault) as fault:
        await python_session("print('before')\nf()", context)
    told = str(fault.value)
    assert told.startswith("before\nTraceback")
    assert "return 1 / x" in told
    assert told.endswith("ZeroDivisionError: division by zero\n[it failed; the session goes on]")
    assert await python_session("x", context) == "0"


async def test_who_ends_the_process_is_told_that_the_variables_are_gone(context) -> None:
    await python_session("x = 1", context)
    with pytest.raises(ToolFault, match=r"the session ended: exit status 3; its variables are gone"):
        await python_session("import os; print('bye', flush=True); os._exit(3)", context)
    with pytest.raises(ToolFault, match="NameError: name 'x' is not defined"):
        await python_session("x", context)


async def test_a_process_that_dies_between_two_calls_is_noticed(context) -> None:
    code = "import threading, os\nt = threading.Timer(1.0, os._exit, [4])\nt.daemon = True\nt.start()"
    await python_session(code, context)
    session = context.residents.get("python session", lambda: None)
    await asyncio.wait({session._task}, timeout=30)
    assert await python_session("1", context) == "[the last session had ended: exit status 4]\n1"


async def test_too_long_a_call_ends_the_session_and_says_so(context) -> None:
    with pytest.raises(ToolFault, match="it took more than 1 seconds; its variables are gone"):
        await python_session("x = 1\nwhile True: pass", context, seconds=1)
    assert await python_session("'x' in globals()", context) == "False"


async def test_after_a_restart_of_agentkit_the_model_is_told(context) -> None:
    again = replace(context, earlier=(Done("python_session", code="x = 1"),))
    told = await python_session("2", again)
    assert told == "[the process was restarted since: the variables of earlier calls are gone]\n2"


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess\np = subprocess.Popen(['sleep', '60'])",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()",
    ],
)
async def test_what_goes_on_after_a_call_ends_the_session(context, code: str) -> None:
    with pytest.raises(ToolFault, match="went on, so the session was ended"):
        await python_session(code, context)
    assert await python_session("import subprocess; subprocess.run(['true']).returncode", context) == "0"


async def test_long_code_does_not_stall(context) -> None:
    assert await python_session(f"x = {'a' * 300_000!r}\nlen(x)", context) == "300000"


async def test_code_cannot_read_what_is_sent_to_the_session(context) -> None:
    assert await python_session("import os; os.read(0, 10)", context) == "b''"


async def test_the_session_is_as_confined_as_any_code(context, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    with pytest.raises(ToolFault, match=r"FileNotFoundError|PermissionError"):
        await python_session(f"open({str(secret)!r}).read()", context)


# --- jobs


async def test_a_job_goes_on_while_other_calls_are_made_and_its_end_is_seen(context) -> None:
    said = await start_job("echo begun; sleep 1; echo done", context)
    assert said == "job1 is running; read_job shows what it prints"
    assert "job1: running for" in await list_jobs(context)
    assert await read_job("job1", context, wait=30) == "begun\ndone\n[job1: ended well]"


async def test_a_command_that_is_wrong_is_told_at_once(context) -> None:
    context = replace(context, residents=context.residents)
    said = await start_job("exit 3", context)
    while "running" in said:
        said = await read_job("job1", context, wait=5)
    assert "exit status 3" in said


async def test_a_stopped_job_leaves_no_process(context) -> None:
    await start_job("(sleep 300 & echo $! > pid; wait)", context)
    await read_job("job1", context, wait=1)
    assert (await stop_job("job1", context)).startswith("stopped job1")
    assert "job1: stopped" in await list_jobs(context)
    assert not alive("sleep 300")


async def test_a_job_nobody_knows_names_those_there_are(context) -> None:
    with pytest.raises(ToolFault, match="there is no job 'job7'; there are none"):
        await read_job("job7", context)
    await start_job("sleep 20", context)
    with pytest.raises(ToolFault, match="there is job1"):
        await stop_job("job7", context)


async def test_jobs_of_an_earlier_sitting_are_said_to_be_gone_and_names_are_not_used_again(context) -> None:
    again = replace(context, earlier=(Done("start_job", command="make serve"),))
    assert await list_jobs(again) == "[1 job of an earlier sitting ended with it]"
    assert (await start_job("sleep 20", again)).startswith("job2 is running")


async def test_not_more_than_a_few_run_at_once(context, monkeypatch) -> None:
    monkeypatch.setattr("agentkit_tools.jobs.MOST_JOBS", 1)
    await start_job("sleep 20", context)
    with pytest.raises(ToolFault, match="1 jobs are running, and that is the most; stop one of job1"):
        await start_job("sleep 20", context)


OWNER = """
import asyncio, sys
from pathlib import Path
from agentkit.tooling.context import ToolContext
from agentkit.tooling.sandbox import find_sandbox
from agentkit.tooling.workspace import Workspace
from agentkit_tools.jobs import start_job
from agentkit_tools.session import python_session

async def main():
    with Workspace.open(Path(sys.argv[1])) as workspace:
        context = ToolContext(workspace, sandbox=find_sandbox)
        session = asyncio.create_task(python_session("import time; time.sleep(311)", context))
        await asyncio.sleep(1)
        await start_job("setsid sleep 312 & sleep 313", context)
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_nothing_outlives_a_run_that_is_killed(workspace: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(workspace)], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"ready\n"
    assert alive("sleep 312")
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    end = time.monotonic() + 30
    while any(alive(f"sleep {number}") for number in (312, 313)):
        assert time.monotonic() < end, "a process outlived the run"
        time.sleep(0.05)


async def test_nothing_outlives_a_run_that_is_over(workspace: Path, home: Path) -> None:
    script = [
        ToolCall("c1", "start_job", {"command": "setsid sleep 314 & sleep 315"}),
        ToolCall("c2", "python_session", {"code": "1"}),
        "It runs.",
    ]
    tools = {"start_job": start_job, "python_session": python_session}
    settings = load_settings({"workspace": str(workspace), "approve": "all"})
    seen: list[bool] = []
    watcher = Watcher(lambda: seen.append(alive("sleep 315")))
    around = Surroundings(model=ScriptedModel(script), tools=tools, sinks=[watcher])
    outcome = await run_goal("start it", settings, around)
    assert outcome.ended.result == "It runs."
    assert any(seen)
    assert not any(alive(f"sleep {number}") for number in (314, 315))


class Watcher:
    """Looks whenever something is recorded."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look

    def on_event(self, recorded: object) -> None:
        self._look()

    def on_text(self, text: str) -> None:
        """Nothing."""

    def on_restart(self, reason: str) -> None:
        """Nothing."""

    def on_output(self, call_id: str, text: str) -> None:
        """Nothing."""


LATER = {
    "a detached process": "import os\nos.system('(sleep 0.5; echo x > late.txt) >/dev/null 2>&1 &')",
    "a daemon": (
        "import threading, time\n"
        "def write():\n    time.sleep(0.5)\n    open('late.txt', 'w').write('x')\n"
        "threading.Thread(target=write, daemon=True).start()"
    ),
    "a timer": (
        "import signal\n"
        "signal.signal(signal.SIGALRM, lambda *_: open('late.txt', 'w').write('x'))\nsignal.alarm(1)"
    ),
}


@pytest.mark.parametrize("code", LATER.values(), ids=LATER)
async def test_no_session_changes_files_behind_the_back_of_an_undo_unasked(
    workspace: Path, home: Path, code: str
) -> None:
    @tool(effect=Effect.PURE)
    async def nap() -> str:
        """Wait."""
        await asyncio.sleep(1.5)
        return "ok"

    script = [ToolCall("c1", "python_session", {"code": code}), ToolCall("c2", "nap", {}), "done", "done"]
    settings = load_settings({"workspace": str(workspace), "approve": "auto"})
    tools = {"python_session": python_session, "nap": nap}
    await run_goal("go on", settings, Surroundings(model=ScriptedModel(script), tools=tools))
    assert not (workspace / "late.txt").exists()


@pytest.mark.parametrize(
    ("lasting", "arguments"), [(start_job, {"command": "ls"}), (python_session, {"code": "1"})]
)
def test_what_can_go_on_is_asked_about_where_only_what_can_be_undone_runs(
    context, lasting: Tool, arguments: dict[str, str]
) -> None:
    policy = Policy(Approve.AUTO)
    lost = why_lost(lasting, arguments, {}, {}, context)
    decision = policy.decide(lasting, arguments, lost)
    assert decision.verdict is Verdict.ASK
    assert "what it starts goes on after the call, and could not be undone" in decision.reason


def alive(command: str) -> bool:
    """Whether a process with this command line is on the machine."""
    wanted = command.replace(" ", "\0").encode() + b"\0"
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == wanted:
                return True
        except OSError:
            continue
    return False
