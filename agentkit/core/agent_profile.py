"""Who an agent is told to be: words for its prompt, which allow nothing and forbid nothing by force."""

from msgspec import Struct


class AgentProfile(Struct, frozen=True, omit_defaults=True):
    """A name, a role, and what the person wants kept in mind; all of it may be left out."""

    name: str = ""
    role: str = ""
    goals: tuple[str, ...] = ()
    """What should be true at the end beside the task."""
    constraints: tuple[str, ...] = ()
    """What the agent is told to keep to; what must hold by force is a rule of the policy."""
    resources: tuple[str, ...] = ()
    """What it may draw on."""
    best_practices: tuple[str, ...] = ()
    """How the person likes it done."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it was given."""
        return self == AgentProfile()
