"""The agent's last word."""

from collections.abc import Sequence

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.tool import tool


@tool(effect=Effect.PURE, ends_run=True)
def finish(result: str, reached: bool = True, evidence: Sequence[str] = ()) -> str:  # noqa: ARG001
    """End the task with your answer.

    Args:
        result: The answer, or what was done.
        reached: False if the task could not be done; then result says what is missing.
        evidence: The files or the numbers of the steps that show it.
    """
    # `reached` and `evidence` are read from the recorded call, where the review checks them
    if not result.strip():
        raise ToolFault("the result is empty; say the answer, or what was done")
    return result
