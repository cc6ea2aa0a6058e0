"""`replay:RUN`: the answers of a recorded run, for as long as it is asked what was asked then."""

from collections.abc import AsyncIterator, Sequence

from msgspec.structs import replace

from agentkit.core import errors
from agentkit.core.errors import ModelError, ReplayDiffers
from agentkit.core.events import Compacted, CompactionUndone, ModelFailed
from agentkit.core.profile import ModelProfile
from agentkit.core.protocols import Answer, ModelRequest, TextDelta
from agentkit.core.recording import Asked, Recording
from agentkit.core.request_digest import SAID, RequestDigest
from agentkit.core.secret import REDACTED
from agentkit.models.differences import difference


class ReplayModel:
    """Gives the answers of a run again, in their order, without asking anybody.

    It is strict: the first request that is not the one of the run is an error that says which message
    differs, what was expected there and what was found. In a new process it goes on wherever the run
    was asked the same, so a replay that was interrupted can be resumed. Where the run's model failed and
    the same request was answered later, only the answer is played.
    """

    def __init__(self, recording: Recording) -> None:
        self._run_id = recording.run_id
        self._profile = recording.profile
        self._asked = _without_repeats(recording.asked)
        self._next = 0
        self._begun = False
        self._digest = RequestDigest()

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return f"replay:{self._run_id}"

    @property
    def profile(self) -> ModelProfile:
        """What the model of the run could do."""
        return self._profile

    def estimate(self, request: ModelRequest) -> int:  # noqa: ARG002
        """What was estimated of the request that is next.

        A request is never too long here: what was left out of it then is left out again (`compacted`).
        """
        asked = self._asked[min(self._next, len(self._asked) - 1)] if self._asked else None
        return max(0, asked.reserved_tokens - self._profile.max_output_tokens) if asked else 0

    def compacted(self, answers: int) -> tuple[Compacted | CompactionUndone, ...]:
        """What changed the view in the run, once it had so many answers and before it asked again."""
        return self._asked[answers].compactions if answers < len(self._asked) else ()

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | Answer]:
        """Yield the recorded answer to this request.

        Raises:
            ReplayDiffers: the run was not asked this, or has no more answers.
            ModelError: the run's model failed here, as it does again.
        """
        place = self._place_of(request)
        outcome = self._asked[place].outcome
        self._next, self._begun = place + 1, True
        if isinstance(outcome, ModelFailed):
            kind = getattr(errors, outcome.error, ModelError)
            known = isinstance(kind, type) and issubclass(kind, ModelError)
            raise (kind if known else ModelError)(outcome.message)
        if outcome.message.text:
            yield TextDelta(outcome.message.text)
        yield Answer(outcome.message, outcome.usage, outcome.finish, outcome.loop)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _place_of(self, request: ModelRequest) -> int:
        digest = self._digest.of(request.messages, request.tools, must_call=request.must_call)
        places = range(self._next, len(self._asked) if not self._begun else self._next + 1)
        for place in places:
            if place < len(self._asked) and _is(self._asked[place], request, digest):
                return place
        raise ReplayDiffers(self._difference(request))

    def _difference(self, request: ModelRequest) -> str:
        number = self._next + 1
        if self._next >= len(self._asked):
            return f"run {self._run_id} holds {len(self._asked)} answers, and this is request {number}"
        expected = self._asked[self._next].messages
        said = difference(expected, request.messages)
        if not said:
            said = "the conversation is the same, and the tools that can be called now are not"
        return f"request {number} is not that of run {self._run_id}: {said}"


def _without_repeats(asked: Sequence[Asked]) -> list[Asked]:
    """The requests, without a failed one that was made again: a run that was resumed has such."""
    kept: list[Asked] = []
    for one in asked:
        if kept and isinstance(kept[-1].outcome, ModelFailed) and kept[-1].answers == one.answers:
            one = replace(one, compactions=(*kept.pop().compactions, *one.compactions))
        kept.append(one)
    return kept


def _is(asked: Asked, request: ModelRequest, digest: str) -> bool:
    if asked.digest == digest:
        return True
    if asked.digest and asked.digest[SAID:] != digest[SAID:]:
        return False
    # of what was not written down, or not digested, nothing more than this can be known
    hidden = any(REDACTED in repr(message) for message in asked.messages)
    return (hidden or not asked.digest) and asked.messages == request.messages
