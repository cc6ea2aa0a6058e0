"""Our agent as a step of LangChain's and a node of LangGraph's: its rules, budgets and journal come along."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack, cast

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda

from agentkit.bridges.langchain.messages import text_of
from agentkit.core.errors import UsageError
from agentkit.core.protocols import ChatModel, Sink
from agentkit.python import arun, run
from agentkit.settings.given import Given
from agentkit.tooling.dispatch import Approver
from agentkit.tooling.tool import Tool

Goal = str | Sequence[BaseMessage] | Mapping[str, Any]
"""A goal, or a conversation whose last message of the person is one, by itself or under `messages`."""


def agent_runnable(
    *,
    tools: Sequence[Tool] | None = None,
    model: ChatModel | str | None = None,
    sinks: Sequence[Sink] = (),
    approver: Approver | None = None,
    **settings: Unpack[Given],
) -> Runnable[Goal, AIMessage]:
    """An agent that reaches a goal and says what came of it.

    The answer's `response_metadata` has the run's id in the journal, its ending, steps and tokens. A run
    that did not reach its goal is an answer, too: it says why.

    Args:
        tools: Offered beside the installed ones.
        model: A model, or the name of one.
        sinks: Watch the run.
        approver: Asked when policy says ask.
        settings: Any setting by its name: `workspace`, `max_steps`, `approve`, `check`, …
    """

    async def reached(goal: Goal) -> AIMessage:
        given = goal_of(goal)
        return _told(await arun(given, tools=tools, model=model, sinks=sinks, approver=approver, **settings))

    def reached_and_waited(goal: Goal) -> AIMessage:
        given = goal_of(goal)
        return _told(run(given, tools=tools, model=model, sinks=sinks, approver=approver, **settings))

    return RunnableLambda(reached_and_waited, reached, name="agentkit")


def agent_node(
    *,
    tools: Sequence[Tool] | None = None,
    model: ChatModel | str | None = None,
    sinks: Sequence[Sink] = (),
    approver: Approver | None = None,
    **settings: Unpack[Given],
) -> Runnable[Mapping[str, Any], dict[str, list[AIMessage]]]:
    """The same as a node of a graph whose state has `messages`: it adds the agent's answer to them."""
    agent = agent_runnable(tools=tools, model=model, sinks=sinks, approver=approver, **settings)

    def added(answer: AIMessage) -> dict[str, list[AIMessage]]:
        return {"messages": [answer]}

    return cast("Any", agent | added)


def goal_of(goal: Goal) -> str:
    """What is to be reached.

    Raises:
        UsageError: no person says anything.
    """
    if isinstance(goal, str):
        return goal
    messages = goal.get("messages", ()) if isinstance(goal, Mapping) else goal
    for one in reversed(cast("Sequence[BaseMessage]", messages)):
        if one.type == "human":
            return text_of(one)
    raise UsageError("no message of a person says what is to be reached; a HumanMessage does")


def _told(outcome: Any) -> AIMessage:
    ended = outcome.ended
    metadata = {
        "run_id": outcome.run_id,
        "ending": str(ended.ending),
        "steps": outcome.steps,
        "tokens": outcome.tokens,
    }
    return AIMessage(ended.result or str(ended.ending), response_metadata=metadata)
