"""`agentkit tools`: what an agent can do here."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from agentkit.assembly import judging
from agentkit.cli.words import on_one_line
from agentkit.core.errors import UsageError
from agentkit.settings import Settings, load_settings
from agentkit.tooling.discovery import enabled_packs, installed_packs, installed_tools, require_own_names
from agentkit.tooling.packs import Pack
from agentkit.tooling.remembering import PACK as MEMORY
from agentkit.tooling.snapshots.undoable import Judge
from agentkit.tooling.tool import Tool, signature_line


def list_tools(flags: Mapping[str, Any]) -> None:
    """Print each tool with its arguments, its effect, and what policy says of it; then the packs."""
    tell_tools(load_settings(flags))


def tell_tools(settings: Settings, only: str = "") -> None:
    """Print the tools under these settings; with `only`, the one of that name and nothing else.

    Raises:
        UsageError: there is none.
    """
    tools = installed_tools()
    every, enabled = installed_packs(), enabled_packs(settings.packs, memory=settings.memory is not None)
    require_own_names(tools, enabled)
    with judging(settings, tools) as judge:
        if only:
            known = {**tools, **{one.name: one for pack in enabled for one in pack.tools}}
            if only not in known:
                raise UsageError(f"there is no tool {only!r}; there is {', '.join(sorted(known))}")
            return _tell(known[only], judge)
        for tool in tools.values():
            _tell(tool, judge)
        _tell_packs(every, enabled, judge)
    return None


def _tell_packs(every: Sequence[Pack], enabled: Sequence[Pack], judge: Judge) -> None:
    for pack in every:
        if pack not in enabled:
            names = ", ".join(one.name for one in pack.tools)
            flag = "--memory NAME" if pack.name == MEMORY else f"--packs {pack.name}"
            click.echo(f"pack {pack.name} (add it with {flag}): {pack.purpose}\n    {names}")
            continue
        click.echo(f"pack {pack.name} (enabled): {pack.purpose}")
        for tool in pack.tools:
            _tell(tool, judge)


def _tell(tool: Tool, judge: Judge) -> None:
    decision = judge.policy.decide(tool, lost=judge.lost(tool, {}))
    again = "idempotent" if tool.idempotent else "never repeated after a crash"
    click.echo(signature_line(tool))
    click.echo(f"    {' '.join(tool.description.split())}")
    for name, schema in tool.signature.json_schema.get("properties", {}).items():
        about = " ".join(str(schema.get("description", "")).split())
        click.echo(f"    {name}: {about}".rstrip(": "))
    click.echo(f"    effect: {tool.effect}; {again}")
    click.echo(f"    {decision.verdict}: {on_one_line(decision.reason)}")
