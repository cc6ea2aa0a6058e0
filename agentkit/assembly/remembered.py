"""The memory that a run has, if the person gave it one."""

from collections.abc import Generator
from contextlib import contextmanager

from agentkit.assembly.records import redactor_of, require_outside, written_by
from agentkit.assembly.surroundings import Surroundings
from agentkit.core.documents import Embeddings
from agentkit.core.protocols import RunLog
from agentkit.memory.agent import AgentMemory
from agentkit.memory.scope import Scope
from agentkit.memory.store import NO_TENANT, Memory
from agentkit.settings import Settings
from agentkit.tooling.workspace import Workspace


@contextmanager
def remembered(
    settings: Settings,
    around: Surroundings,
    log: RunLog,
    workspace: Workspace,
    embeddings: Embeddings | None,
) -> Generator[AgentMemory | None]:
    """The memory of the settings for the run in this record, with all that is recorded already.

    Args:
        settings: Say whose it is and where.
        around: May have one that is open.
        log: The record.
        workspace: In which the file must not lie.
        embeddings: Find what is meant in one that is opened here.

    Raises:
        UsageError: the file lies where the agent could change it.
        MemoryUnusable: it cannot be opened.
    """
    if settings.memory is None:
        yield None
        return
    with _opened(settings, around, workspace, embeddings) as memory:
        yield AgentMemory(scope_of(memory, settings.memory), log, written_by(log))


def scope_of(memory: Memory, name: str) -> Scope:
    """What is remembered of PERSON or TENANT/PERSON."""
    tenant, _, person = name.rpartition("/")
    return memory.of(person, tenant or NO_TENANT)


@contextmanager
def _opened(
    settings: Settings, around: Surroundings, workspace: Workspace, embeddings: Embeddings | None
) -> Generator[Memory]:
    file = around.memory.path if around.memory is not None else settings.memory_file
    require_outside("memory", file, "--memory-file", settings, str(workspace.root))
    if around.memory is not None:
        yield around.memory
        return
    redactor, days = redactor_of(around), settings.memory_days
    with Memory.open(file, redact=redactor, embeddings=embeddings, days=days) as memory:
        yield memory
