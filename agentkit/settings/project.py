"""What a project's file may say: it came with the folder, so it may narrow and never widen."""

from decimal import Decimal
from typing import Any, get_args

from agentkit.core.errors import SettingsError
from agentkit.settings.sources import Found, Value
from agentkit.settings.values import SENTENCES, Approval, OriginKind

LIMITS = (
    "max_steps", "max_seconds", "max_tokens", "max_cost", "max_tool_seconds", "max_agents", "max_agent_depth",
)  # fmt: skip
PROFILE = ("name", "role", *SENTENCES)
"""Words for the agent's prompt, which permit nothing."""
ALLOWED = ("approve", "deny", "ask", *LIMITS, "temperature", "seed", *PROFILE)
"""The rest chooses who sees the files, where secrets go, what runs, or what it costs: the person's choice."""

_STRICTEST_FIRST = get_args(Approval)


def narrowed(project: Found, standing: Found) -> Found:
    """What of the project's file takes effect over what stands without it.

    Where the person chose something stricter, that stays: the tighter of the two holds.

    Raises:
        SettingsError: the file sets what it may not, or is looser than the default.
    """
    return {name: found for name, found in project.items() if _takes_effect(name, found, standing[name])}


def _takes_effect(name: str, found: Value, stands: Value) -> bool:
    if name not in ALLOWED:
        raise SettingsError(
            f"{found.origin}: {name} is not for a project's file, which may set only {', '.join(ALLOWED)}; "
            "put it into your own config.toml, the environment or a flag"
        )
    if name not in ("approve", *LIMITS) or _looseness(name, found.value) <= _looseness(name, stands.value):
        return True
    if stands.origin.kind is OriginKind.DEFAULT:
        raise SettingsError(
            f"{found.origin}: {name} = {found.value} is looser than the default, {stands.value}; "
            "a project's file may only narrow: put it into your own config.toml, the environment or a flag"
        )
    return False


def _looseness(name: str, value: Any) -> float | Decimal:
    if name == "approve":
        return _STRICTEST_FIRST.index(value)
    return float("inf") if value is None else value
