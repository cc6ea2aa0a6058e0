"""The form that an answer must have: what the agent is told of it, and told again."""

from agentkit.agents.nudges import Nudge
from agentkit.agents.state import RunState
from agentkit.core.events import Finding, PromptUsed
from agentkit.core.messages import UserMessage
from agentkit.prompts.library import Library
from agentkit.prompts.parsers.json_schema import JsonSchema

MOST_REASKED = 2
"""How often an agent whose answer does not have the form is asked for another."""


def asked_for(schema: JsonSchema, library: Library) -> tuple[str, PromptUsed]:
    """What is said of the form with the goal, and the file that says it.

    Raises:
        PromptError: the file is no prompt, or has other places than one for the schema.
    """
    prompt = library.load("agent/form")
    return prompt.message({"schema": schema.text}), prompt.used


def asked_again(schema: JsonSchema, fault: str) -> Nudge:
    """What is said of an answer that does not have the form."""
    return Nudge("form", "form", {"fault": fault, "schema": schema.text})


def is_last_chance(state: RunState) -> bool:
    """Whether the model is asked for the form for the last time: then it gives it and does nothing else."""
    asked = state.nudges[-1:] == ("form",) and state.nudges.count("form") >= MOST_REASKED
    return asked and isinstance(state.said[-1], UserMessage)


def looked_at(fault: str | None) -> Finding:
    """What a review says of the form."""
    return Finding("the answer is JSON by the schema", fault is None, fault or "it is")
