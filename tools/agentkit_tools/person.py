"""Put a question to the person."""

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.context import ToolContext
from agentkit.tooling.tool import tool


@tool(effect=Effect.READS)
async def ask_user(question: str, context: ToolContext) -> str:
    """Ask the person. Ask only what nobody else can know.

    Args:
        question: One clear question.
    """
    if not question.strip():
        raise ToolFault("the question is empty")
    answer = (await context.ask(question)).strip()
    return answer or "[the person gave no answer; decide yourself]"
