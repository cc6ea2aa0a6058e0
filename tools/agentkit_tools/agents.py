"""Agents that work for this one, each in a run of its own with a part of the budget."""

from collections.abc import Sequence

from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool


@tool(effect=Effect.PURE, delegates=True)
async def start_agent(
    name: str,
    task: str,
    context: ToolContext,
    tools: Sequence[str] = (),
    max_steps: int = 0,
    share: float = 0.25,
    wait: bool = True,
) -> str:
    """Let another agent, which may do nothing that you may not, take on a part of the work; get its answer.

    Args:
        name: A short name for it.
        task: Everything it needs to know, as it knows nothing else, and what its answer should hold.
        tools: The only tools it may use; yours when left out.
        max_steps: The most steps it may take; 0 for its share of yours.
        share: The part of what is left of your budget that it may spend; the rest comes back.
        wait: False to go on at once; list_agents tells how it stands.
    """
    return await context.agents.start(
        name, task, tools=tools, max_steps=max_steps or None, share=share, wait=wait
    )


@tool(effect=Effect.PURE, delegates=True)
async def message_agent(name: str, message: str, context: ToolContext, wait: bool = True) -> str:
    """Say something to an agent that works or worked for you, and get its answer; it remembers its task.

    Args:
        name: Which agent.
        message: A question, more to do, or a correction.
        wait: False to go on at once.
    """
    return await context.agents.message(name, message, wait=wait)


@tool(effect=Effect.PURE, delegates=True, polls=True)
async def list_agents(context: ToolContext, wait: bool = False) -> str:
    """Tell how the agents that work for you stand, and what each answered.

    Args:
        wait: True to wait until none is at work.
    """
    return await context.agents.listed(wait=wait)


@tool(effect=Effect.PURE, delegates=True)
async def stop_agent(name: str, context: ToolContext) -> str:
    """End an agent's work where it stands; what it did not spend comes back to you.

    Args:
        name: Which agent.
    """
    return await context.agents.stop(name)


PACK = Pack(
    "agents",
    "let other agents take on parts of the work, each with a part of the budget",
    (start_agent, message_agent, list_agents, stop_agent),
)
