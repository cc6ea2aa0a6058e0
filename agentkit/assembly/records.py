"""Where a run is recorded: a journal that is opened for it, one that runs share, or a record of its own."""

import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from agentkit.agents.hiring import Runs
from agentkit.agents.recording import recording
from agentkit.assembly.surroundings import Surroundings
from agentkit.core.errors import UsageError
from agentkit.core.events import RunStarted
from agentkit.core.protocols import RunLog
from agentkit.core.recording import Recording
from agentkit.journal.memory import MemoryRuns
from agentkit.journal.redact import Redactor, secrets_of
from agentkit.journal.run_log import JournalLog
from agentkit.journal.store import Journal
from agentkit.settings import Settings
from agentkit.tooling.sandbox.environment import checked_workspace
from agentkit.tooling.workspace import Workspace


@contextmanager
def runs_of(settings: Settings, around: Surroundings, workspace: Workspace) -> Generator[Runs]:
    """Where a new run in a workspace is recorded, and those of the agents that work for it.

    Raises:
        UsageError: the journal lies where the agent could change it.
    """
    if around.log is not None:
        yield around.runs or MemoryRuns()
        return
    _require_journal_outside(settings, around.journal, str(workspace.root))
    with _journal(settings, around) as journal:
        yield journal


async def begun(around: Surroundings, runs: Runs) -> AbstractContextManager[RunLog]:
    """The record of a new run, let go of at the end of the block unless it was given."""
    if around.log is not None:
        return nullcontext(around.log)
    assert isinstance(runs, Journal)  # `runs_of` opened it
    return await runs.begin()


@contextmanager
def _journal(settings: Settings, around: Surroundings, *, must_exist: bool = False) -> Generator[Journal]:
    if around.journal is not None:
        yield around.journal
        return
    with Journal.open(settings.journal, redactor_of(around), must_exist=must_exist) as journal:
        yield journal


def _require_journal_outside(settings: Settings, opened: Journal | None, workspace: str) -> None:
    """Refuse to keep the record where the agent can change it."""
    if opened is None:
        require_outside("journal", settings.journal, "--journal", settings, workspace)
    else:
        require_outside("journal", opened.path, "--journal", settings, workspace, opened.real_path)


def require_outside(
    what: str, file: Path, flag: str, settings: Settings, workspace: str, real: str = ""
) -> None:
    """Refuse to keep in the workspace what the agent must not change.

    Args:
        what: The file is.
        file: By the name that it was given.
        flag: That names another.
        settings: Say how the workspace is called.
        workspace: Where it lies, wherever links lead.
        real: Where the file lies, wherever links lead, if that is known.

    Raises:
        UsageError: it lies there.
    """
    if f"{real or os.path.realpath(file)}/".startswith(f"{workspace.rstrip('/')}/"):
        if os.path.isdir(workspace):  # noqa: PTH112 - of a path as text
            checked_workspace(settings.workspace)  # all of /tmp: then the journal is not what is wrong
        raise UsageError(
            f"the {what} {file} lies in the workspace {settings.workspace}, where the agent "
            f"could change it; name another with {flag} (in Python {flag.lstrip('-').replace('-', '_')}=...)"
        )


@contextmanager
def taken_up(
    run_id: str, settings: Settings, around: Surroundings, *, force: bool
) -> Generator[tuple[RunLog, Runs]]:
    """The record of an earlier run, from now on written by this process.

    Raises:
        RunNotFound: the journal has no such run.
        RunBusy: another process is working on it.
        UsageError: it was imported, and the journal lies where the agent could change it.
    """
    if around.log is not None:
        yield around.log, around.runs or MemoryRuns()
        return
    with (
        _journal(settings, around, must_exist=True) as journal,
        journal.resume(journal.find(run_id), force=force) as log,
    ):
        if log.is_foreign:  # the folder is chosen only now
            _require_journal_outside(settings, journal, os.path.realpath(settings.workspace))
        yield log, journal


def redactor_of(around: Surroundings) -> Redactor:
    """What takes the secrets of this process out of what is kept."""
    return Redactor(secrets_of(around.environ))


def is_foreign(log: RunLog) -> bool:
    """Whether a run was imported, so that somebody else may have written what it began with."""
    return isinstance(log, JournalLog) and log.is_foreign


def written_by(log: RunLog) -> str:
    """Where what is recorded so far comes from, if anybody may have written it."""
    return "the imported record" if is_foreign(log) else ""


def first_event(log: RunLog) -> RunStarted:
    """What a run that is to go on began with.

    Raises:
        UsageError: it holds no goal, or works for another run.
    """
    first = log.events()[0].event if log.events() else None
    if not isinstance(first, RunStarted):
        raise UsageError(f"run {log.run_id} holds no goal; there is nothing to resume")
    if first.parent:
        raise UsageError(
            f"run {log.run_id} is the agent {first.agent} of run {first.parent}, and works for that alone; "
            f"go on with: agentkit runs resume {first.parent}"
        )
    return first


def recording_of(journal: Path, run: str) -> Recording:
    """What a run in the journal asked its model and was answered."""
    with Journal.open(journal, must_exist=True) as opened:
        run_id = opened.find(run)
        return recording(run_id, opened.events(run_id))
