"""What a run is given beside its settings, and what comes of it."""

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from agentkit.agents.hiring import Runs
from agentkit.agents.pool import Pool
from agentkit.core.documents import Retriever
from agentkit.core.events import RunEnded
from agentkit.core.protocols import ChatModel, RunLog, Sink
from agentkit.journal.contents import Contents
from agentkit.journal.store import Journal
from agentkit.memory.store import Memory
from agentkit.tooling.context import nobody_to_ask
from agentkit.tooling.dispatch import Approver
from agentkit.tooling.residents import Residents
from agentkit.tooling.sandbox import Sandbox, find_sandbox
from agentkit.tooling.tool import Tool


@dataclass(frozen=True)
class Surroundings:
    """What a run is given beside its settings; the defaults are what the terminal uses headless."""

    sinks: Sequence[Sink] = ()
    approver: Approver | None = None
    """Asked when policy says ask; nobody by default, and then asking is denying."""
    ask: Callable[[str], Awaitable[str]] = nobody_to_ask
    on_wait: Callable[[str], None] | None = None
    on_open: Callable[[RunLog], None] | None = None
    """Told of the run's record once this process holds it, before the model is loaded."""
    tools: Mapping[str, Tool] | None = None
    """The tools to offer; every installed one by default."""
    model: ChatModel | None = None
    """The model to use instead of the one that the settings name."""
    pool: Pool | None = None
    """A ceiling that this run shares with others, beside its own limits."""
    journal: Journal | None = None
    """An open journal to record in, which many runs may share; by default each opens the settings' one."""
    log: RunLog | None = None
    """A record of the run instead of one in a journal."""
    runs: Runs | None = None
    """Where, with a record of its own, those of agents that work for the run are; by default in memory."""
    memory: Memory | None = None
    """An open memory to remember in, which many runs may share; by default each opens the settings' one."""
    contents: Contents | None = None
    """Where the files of a run with a record of its own are kept; by default until this process ends."""
    sandbox: Callable[[], Sandbox] = find_sandbox
    documents: Retriever | None = None
    """What the agent searches documents with; by default the index that the settings name."""
    residents: Residents | None = None
    """Where tools hold open what lives between calls; by default it ends with the run."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that is over, and what it took."""

    run_id: str
    ended: RunEnded
    steps: int
    tokens: int
    seconds: float
    cost: Decimal | None = None
    """US dollars; `None` where the price of an answer is not known."""
