"""What a recorded run asked its model, and what it was answered."""

from msgspec import Struct

from agentkit.core.events import Compacted, CompactionUndone, ModelAnswered, ModelFailed
from agentkit.core.messages import Message
from agentkit.core.profile import ModelProfile


class Asked(Struct, frozen=True):
    """One request of a recorded run, and what came of it."""

    digest: str
    """Empty where an older agentkit recorded none; then the conversation alone is compared."""
    reserved_tokens: int
    messages: tuple[Message, ...]
    """The conversation as the model was shown it."""
    outcome: ModelAnswered | ModelFailed
    answers: int = 0
    """How many answers the model had given before."""
    compactions: tuple[Compacted | CompactionUndone, ...] = ()
    """What changed the view since the answer before."""


class Recording(Struct, frozen=True):
    """What is needed of a run to play its model."""

    run_id: str
    profile: ModelProfile
    asked: tuple[Asked, ...]
