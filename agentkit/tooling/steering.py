"""What of a workspace says how agents work there: a person's to change, and no agent's.

An agent that could write it would set the rules, the prompts and the skills of the next run.
"""

from collections.abc import Sequence

FILE = "agentkit.toml"
FOLDER = ".agentkit"
STEERING = (FILE, FOLDER)
"""Names at the top of a workspace: the settings of the project, and its prompts and skills."""


def steers(parts: Sequence[str]) -> bool:
    """Whether a path, given by its components from the workspace, is such a thing or lies in one.

    >>> steers([".agentkit", "prompts", "agent", "small.md"]), steers(["notes", "agentkit.toml"])
    (True, False)
    """
    return bool(parts) and parts[0].lower() in STEERING  # some disks do not tell A from a
