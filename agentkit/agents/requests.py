"""What a model is asked with: what it is shown of a run, and what it can call."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from agentkit.agents.form import is_last_chance
from agentkit.agents.pinned import pinned
from agentkit.agents.state import RunState
from agentkit.core.messages import Message, UserMessage
from agentkit.core.protocols import ChatModel, ModelRequest
from agentkit.core.tools import Effect, ToolSpec
from agentkit.tooling.context import Earlier, ToolContext
from agentkit.tooling.dispatch import Dispatcher
from agentkit.tooling.policy import Policy
from agentkit.tooling.tool import Tool, signature_line


class Requests(Struct, frozen=True):
    """Makes the requests of one run."""

    model: ChatModel
    tools: Mapping[str, Tool]
    hidden: Callable[[Sequence[Earlier]], frozenset[str]]
    policy: Policy
    dispatcher: Dispatcher
    context: Callable[[str], ToolContext]

    def made(self, state: RunState, *, last: bool = False) -> tuple[ModelRequest, int]:
        """The conversation as it is shown, the tools of this moment (none for the last), and their tokens."""
        request = ModelRequest((*state.view, *self.standing()), () if last else self.offered(state))
        return request, self.model.estimate(request)

    def estimate_of_last(self, state: RunState, note: Message) -> int:
        """The tokens of a request for the last answer, which `note` asks for."""
        return self.model.estimate(ModelRequest((*state.view, note, *self.standing())))

    def offered(self, state: RunState) -> tuple[ToolSpec, ...]:
        """The tools that the model can be offered right now."""
        asked = state.instruction
        if (asked is not None and not asked.calls) or is_last_chance(state):
            return ()
        specs = self.dispatcher.specs(self.hidden(state.attempts), state.task)
        if state.objection:
            specs = tuple(spec for spec in specs if _may_be_forced(self.tools[spec.name], state))
        if self.model.profile.answers_in_text or (asked is not None and not asked.last):
            specs = tuple(spec for spec in specs if not self.tools[spec.name].ends_run)
        return specs

    def offered_in_words(self, state: RunState) -> str:
        """What can be called right now, a line each, for a plan that is written without calling."""
        tools = [self.tools[spec.name] for spec in self.offered(state)]
        return "\n".join(
            f"{signature_line(tool)}: {' '.join(tool.description.split())}"
            for tool in tools
            if not tool.ends_run
        )

    def standing(self) -> tuple[UserMessage, ...]:
        """What tools keep before the model's eyes: the end of every request, and no part of the record."""
        keeping = [one for one in self.tools.values() if one.pinned is not None]
        if not keeping:  # made several times a step, and most runs have nothing to keep
            return ()
        # as many characters as the window has tokens: some quarter of it
        most = self.model.profile.context_window
        return pinned(filter(self.policy.offers, keeping), self.context(""), most)


def _may_be_forced(tool: Tool, state: RunState) -> bool:
    """Whether an agent that has to call something may be led to call this.

    A model that is not left to say that it is done must not be driven to delete or move things:
    it may look, write, run code, give up, or try again what it tried.
    """
    tried = state.attempts[-1].call.name if state.attempts else ""
    return tool.idempotent or tool.effect is Effect.EXECUTES or tool.name == tried
