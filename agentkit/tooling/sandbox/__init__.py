"""Runs model-written code where it can harm nothing but its workspace, or refuses to run it."""

from agentkit.core.errors import SandboxUnavailable
from agentkit.tooling.sandbox.contract import Finished, Limits, Sandbox, StoppedBy
from agentkit.tooling.sandbox.environment import python
from agentkit.tooling.sandbox.probe import Probe, Tried, describe, find_sandbox

__all__ = [
    "Finished",
    "Limits",
    "Probe",
    "Sandbox",
    "SandboxUnavailable",
    "StoppedBy",
    "Tried",
    "describe",
    "find_sandbox",
    "python",
]
