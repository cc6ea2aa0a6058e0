"""`agentkit why`: how a shell command would be decided, and by which rule."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from agentkit.assembly import judging
from agentkit.cli.words import escaped, on_one_line
from agentkit.core.errors import UsageError
from agentkit.core.tools import Effect
from agentkit.settings import Origin, OriginKind, Settings, load_settings
from agentkit.tooling.discovery import installed_packs, installed_tools
from agentkit.tooling.policy import Decision, Verdict
from agentkit.tooling.snapshots.undoable import Judge
from agentkit.tooling.taint import Taint
from agentkit.tooling.tool import Tool

EXIT_CODES = {Verdict.ALLOW: 0, Verdict.ASK: 1, Verdict.DENY: 6}


def explain_command(command: str, flags: Mapping[str, Any], name: str) -> int:
    """Print the verdict on a command line and on each command in it; the exit code says it again."""
    if not command.strip():
        raise UsageError("CMD is empty; say the shell command that you ask about")
    settings = load_settings(flags)
    tools = installed_tools()
    tool = _shell_tool(name, tools)
    arguments = {tool.command_line: command}
    with judging(settings, tools) as judge:
        click.echo("\n".join(reasons(tool, arguments, judge, settings)))
        return EXIT_CODES[judge.policy.decide(tool, arguments, judge.lost(tool, arguments)).verdict]


def reasons(tool: Tool, arguments: Mapping[str, object], judge: Judge, settings: Settings) -> Iterator[str]:
    """The verdict on a call and, where it runs a command line, on each command in it, with the rules."""
    policy, lost = judge.policy, judge.lost(tool, arguments)
    decision = policy.decide(tool, arguments, lost)
    yield f"{decision.verdict}: {_because(decision, settings)}"
    if decision.verdict is Verdict.ALLOW and tool.effect not in (Effect.PURE, Effect.READS):
        taint = Taint("something from the network")
        later = policy.decide(tool, arguments, judge.lost(tool, arguments, taint), taint)
        if later.verdict is not Verdict.ALLOW:
            yield f"{later.verdict} later: {_because(later, settings)}"
    if tool.command_line:
        for text, part in policy.decide_commands(tool, str(arguments.get(tool.command_line, "")), lost):
            yield f"    {escaped(text)}"
            yield f"        {part.verdict}: {_because(part, settings)}"


def _shell_tool(name: str, tools: Mapping[str, Tool]) -> Tool:
    """The tool that would run the command, from whatever pack."""
    known = {
        one.name: one
        for one in (*tools.values(), *(one for pack in installed_packs() for one in pack.tools))
        if one.command_line
    }
    if name not in known:
        raise UsageError(f"{name!r} is no tool that runs a shell command; {', '.join(known)} do")
    return known[name]


def _because(decision: Decision, settings: Settings) -> str:
    if decision.rule:
        names = [f"{kind} = {decision.rule}" for kind in ("deny", "ask", "allow")]
        found = [settings.rule_origins[name] for name in names if name in settings.rule_origins]
    else:
        found = list(settings.origins.get("approve", ()))
    return on_one_line(f"{decision.reason}{_said_where(found[0]) if found else ''}")


def _said_where(origin: Origin) -> str:
    if origin.kind is OriginKind.CALLER:  # what a run that is taken up began with
        return " (as the run began)"
    return f" ({origin.kind}: {origin})"
