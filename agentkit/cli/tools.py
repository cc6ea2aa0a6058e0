"""`agentkit tools`: what an agent can do here."""

from collections.abc import Mapping
from typing import Any

import click

from agentkit.assembly import policy_of
from agentkit.settings import load_settings
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.dispatch import signature_line


def list_tools(flags: Mapping[str, Any]) -> None:
    """Print each tool with its arguments, its effect, and what policy says of it."""
    policy = policy_of(load_settings(flags))
    tools = installed_tools()
    policy.check_names(tools.values())
    for tool in tools.values():
        decision = policy.decide(tool)
        again = "idempotent" if tool.idempotent else "never repeated after a crash"
        click.echo(signature_line(tool))
        click.echo(f"    {' '.join(tool.description.split())}")
        for name, schema in tool.signature.json_schema.get("properties", {}).items():
            about = " ".join(str(schema.get("description", "")).split())
            click.echo(f"    {name}: {about}".rstrip(": "))
        click.echo(f"    effect: {tool.effect}; {again}")
        click.echo(f"    {decision.verdict}: {decision.reason}")
