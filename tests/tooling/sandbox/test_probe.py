"""A sandbox is trusted after it was tried; with none, nothing runs."""

import asyncio
import contextlib
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.core.errors import WorkspaceError
from agentkit.tooling.sandbox import Limits, SandboxUnavailable, describe, find_sandbox
from agentkit.tooling.sandbox.bubblewrap import BubblewrapSandbox
from agentkit.tooling.sandbox.landlock import LandlockSandbox
from agentkit.tooling.sandbox.probe import CANDIDATES, probe, refusal, self_test
from agentkit.tooling.sandbox.running import Command, ProcessSandbox, Running


class Leaky(ProcessSandbox):
    """Starts a command with more in sight than was asked for."""

    name = "leaky"

    def __init__(self, beneath: ProcessSandbox) -> None:
        self._beneath = beneath

    @contextlib.contextmanager
    def start(self, command: Command) -> Iterator[Running]:
        shared = Command(
            command.argv, command.workspace.parent, command.limits, command.stdin, True, command.extra_env
        )
        with self._beneath.start(shared) as running:
            yield running


def hidden() -> ProcessSandbox:
    return BubblewrapSandbox(program="bwrap-that-is-not-here")


def test_a_sandbox_here_passes_its_self_test(sandbox: ProcessSandbox) -> None:
    assert self_test(sandbox) == []


def test_a_sandbox_that_shows_too_much_is_found_out(sandbox: ProcessSandbox) -> None:
    failures = self_test(Leaky(sandbox))
    assert "could read a file outside" in failures
    assert "could not write in the workspace" in failures


def test_the_first_that_works_is_chosen(sandbox: ProcessSandbox) -> None:
    found = probe({"bubblewrap": hidden, "leaky": lambda: Leaky(sandbox), "good": lambda: sandbox})
    assert found.chosen is sandbox
    assert [(each.name, each.works) for each in found.tried] == [
        ("bubblewrap", False),
        ("leaky", False),
        ("good", True),
    ]


def test_with_none_the_refusal_says_what_was_tried_and_what_mends_it() -> None:
    found = probe({"bubblewrap": hidden, "landlock": lambda: LandlockSandbox(abi=0)})
    assert found.chosen is None
    text = refusal(found)
    assert "'bwrap-that-is-not-here' is not on PATH" in text
    assert "Landlock version 0" in text
    assert "apt install bubblewrap" in text


def test_a_program_that_is_not_bubblewrap_is_not_chosen() -> None:
    found = probe({"bubblewrap": lambda: BubblewrapSandbox(program="false")})
    assert found.chosen is None
    assert "bubblewrap did not start" in found.tried[0].detail


def test_other_systems_are_refused() -> None:
    found = probe(CANDIDATES, platform="darwin")
    assert found.chosen is None
    assert "darwin" in refusal(found)


def test_the_choice_is_remembered(sandbox: ProcessSandbox) -> None:
    assert find_sandbox() is find_sandbox()
    assert describe() is describe()


@pytest.mark.parametrize("folder", ["/", "~", "/tmp", "/usr", "/etc", "/proc", "/dev/shm", "/no/such/folder"])
def test_a_folder_that_holds_more_than_a_project_is_no_workspace(
    folder: str, sandbox: ProcessSandbox
) -> None:
    with pytest.raises(WorkspaceError, match="workspace"):
        asyncio.run(sandbox.run(["true"], workspace=Path(folder).expanduser()))


def test_a_link_to_the_home_is_no_workspace(
    sandbox: ProcessSandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "home").mkdir()
    monkeypatch.setenv("HOME", str(folder / "home"))
    (folder / "link").symlink_to(folder / "home")
    with pytest.raises(WorkspaceError):
        asyncio.run(sandbox.run(["true"], workspace=folder / "link"))


def test_a_failed_mount_is_no_result_of_the_command(sandbox: ProcessSandbox, workspace: Path) -> None:
    if not isinstance(sandbox, BubblewrapSandbox):
        pytest.skip("Landlock mounts nothing")
    command = Command(["true"], workspace / "gone", Limits(), b"", writable=True, extra_env={})
    # it may be gone before it is looked at, or after
    with pytest.raises(SandboxUnavailable, match="bubblewrap did not start: "):  # noqa: PT012, SIM117
        with sandbox.start(command) as running:
            select.select([running.gone], [], [])
            running.status(b"why")


def test_a_first_process_that_is_gone_before_it_is_looked_at_is_no_result_either(folder: Path) -> None:
    early = folder / "early"
    early.write_text(f"""#!{sys.executable} -IS
import os, sys
gone = os.fork()
if not gone: os._exit(1)
os.waitpid(gone, 0)
os.write(int(sys.argv[sys.argv.index("--info-fd") + 1]), b'{{"child-pid": %d}}' % gone)
print("why")
""")
    early.chmod(0o700)
    command = Command(["true"], folder, Limits(), b"", writable=True, extra_env={})
    with pytest.raises(SandboxUnavailable, match="bubblewrap did not start: why"):
        BubblewrapSandbox(str(early)).run_here(command)
