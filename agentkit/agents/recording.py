"""What a run asked its model and was answered, read from its events."""

from collections.abc import Sequence

from agentkit.agents.fold import after
from agentkit.agents.state import RunState
from agentkit.core.errors import UsageError
from agentkit.core.events import (
    Compacted,
    CompactionUndone,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Recorded,
)
from agentkit.core.recording import Asked, Recording


def recording(run_id: str, events: Sequence[Recorded]) -> Recording:
    """Every request of a run that was answered or failed, with what had been said before it.

    A request that a crash or the person cut off has no outcome, and is left out.

    Raises:
        UsageError: the run has no answer, or was recorded without the profile of its model.
    """
    state = RunState()
    left: tuple[ModelAsked, RunState] | None = None
    asked: list[Asked] = []
    compactions: list[Compacted | CompactionUndone] = []
    for recorded in events:
        event = recorded.event
        if isinstance(event, ModelAsked):
            left = (event, state)
        elif isinstance(event, Compacted | CompactionUndone):
            compactions.append(event)
        elif isinstance(event, ModelAnswered | ModelFailed) and left is not None:
            request, then = left
            done = tuple(compactions)
            asked.append(Asked(request.digest, request.reserved_tokens, then.view, event, then.answers, done))
            left = None
            compactions.clear()
        state = after(state, recorded)
    if not asked:
        raise UsageError(f"run {run_id} cannot be replayed: its model was never asked, or never answered")
    if state.started is None or state.started.profile is None:
        raise UsageError(
            f"run {run_id} cannot be replayed: the profile of its model is not recorded, as in a fork to "
            "another model, or by an older agentkit"
        )
    return Recording(run_id, state.started.profile, tuple(asked))
