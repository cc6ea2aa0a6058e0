"""The only place that names concrete classes: from settings to a run.

Whoever runs goals goes through here (the terminal, an app, the example goals), so there is one way
in which a run is put together.
"""

from agentkit.assembly.beginnings import (
    GLANCE,
    MACHINE,
    as_started,
    beginning,
    glance,
    named_files,
    not_taken_over,
    resumed,
    rules_given,
    with_rule,
)
from agentkit.assembly.parts import (
    bounds_of,
    checked_policy,
    chosen_model,
    judging,
    limits_of,
    make_model_of,
    policy_of,
    profile_of,
    prompts_of,
)
from agentkit.assembly.records import is_foreign
from agentkit.assembly.remembered import scope_of
from agentkit.assembly.running import conversation, resume_run, run_goal
from agentkit.assembly.surroundings import Outcome, Surroundings

__all__ = [
    "GLANCE",
    "MACHINE",
    "Outcome",
    "Surroundings",
    "as_started",
    "beginning",
    "bounds_of",
    "checked_policy",
    "chosen_model",
    "conversation",
    "glance",
    "is_foreign",
    "judging",
    "limits_of",
    "make_model_of",
    "named_files",
    "not_taken_over",
    "policy_of",
    "profile_of",
    "prompts_of",
    "resume_run",
    "resumed",
    "rules_given",
    "run_goal",
    "scope_of",
    "with_rule",
]
