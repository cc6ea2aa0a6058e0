"""The first messages of a run: the model's prompt, and who the agent is told to be."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from agentkit.core.agent_profile import AgentProfile
from agentkit.core.events import PromptUsed
from agentkit.core.messages import Message, SystemMessage
from agentkit.prompts.library import Library

BRIEF = "agent/profile-brief"
"""Stands before a prompt that has no place for a profile."""

_PLACES = ("goals", "constraints", "resources", "best_practices")
_NAME = "Agent"
_ROLE = "who reaches a goal by calling tools in one folder, the workspace"


class Opening(Struct, frozen=True):
    """The messages, and the prompt files that they were rendered from."""

    messages: tuple[Message, ...]
    used: PromptUsed
    also: tuple[PromptUsed, ...] = ()


def opening_of(
    library: Library, name: str, values: Mapping[str, str], profile: AgentProfile, machine: str = ""
) -> Opening:
    """The prompt called `name`, filled in; without a profile exactly as its file says it.

    With one, the file that the prompt names as `profiled` is rendered instead, and before a prompt that
    names none the profile stands in a few lines of its own.

    Args:
        library: Where the prompts are found.
        name: Of the model's prompt.
        values: For its places.
        profile: Who the agent is told to be.
        machine: A sentence on what commands run on, for an agent that can run any.

    Raises:
        PromptError: a prompt is missing, or does not fit the values.
    """
    prompt = library.load(name)
    if profile.is_empty:
        return Opening(prompt.render(values), prompt.used)
    told = told_of(profile)
    if prompt.profiled:
        full = library.load(prompt.profiled)
        return Opening(
            full.render({**values, **told, "machine": f"\n{machine}" if machine else ""}), full.used
        )
    brief = library.load(BRIEF)
    first, *rest = prompt.render(values)
    before = brief.message({"name": told["name"], "role": told["role"], "directives": _directives(profile)})
    system = replace(first, text=f"{before}\n\n{first.text}") if isinstance(first, SystemMessage) else first
    return Opening((system, *rest), prompt.used, (brief.used,))


def told_of(profile: AgentProfile) -> dict[str, str]:
    r"""What the places of a profile's prompt are filled with; each list begins on a new line.

    >>> told_of(AgentProfile("Ada", goals=("be brief",)))["goals"]
    '\n- be brief'
    """
    lists = {place: _listed(getattr(profile, place)) for place in _PLACES}
    return {"name": profile.name or _NAME, "role": profile.role or _ROLE, **lists}


def _listed(items: tuple[str, ...]) -> str:
    return "".join(f"\n- {' '.join(item.split())}" for item in items)


def _directives(profile: AgentProfile) -> str:
    labels = {"goals": "Goal", "constraints": "Constraint", "resources": "Resource"}
    labelled = [
        f"{labels.get(place, 'Best practice')}: {item}"
        for place in _PLACES
        for item in getattr(profile, place)
    ]
    return _listed(tuple(labelled))
