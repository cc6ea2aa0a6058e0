"""`/tools`, `/why` and `/rules`: what the agent may do."""

import os
from typing import TYPE_CHECKING

from agentkit.cli.words import call_text
from agentkit.core.errors import UsageError

if TYPE_CHECKING:
    from agentkit.cli.repl.repl import Repl

SHELL = "run_shell"
"""The tool that a command is explained for."""


async def list_tools(repl: "Repl", name: str) -> None:
    """What the agent can do here, and whether it runs unasked."""
    from agentkit.cli.tools import tell_tools

    async with repl.editor.aside():
        tell_tools(repl.talk.settings, only=name)


async def explain(repl: "Repl", command: str) -> None:
    """By which rule a shell command, or the last call, is decided."""
    from agentkit.assembly import judging
    from agentkit.cli.why import reasons
    from agentkit.tooling.discovery import installed_packs, installed_tools

    settings, everyday = repl.talk.settings, installed_tools()
    tools = {**everyday, **{one.name: one for pack in installed_packs() for one in pack.tools}}
    if command:
        tool = tools[SHELL]
        arguments = {tool.command_line: command}
    else:
        attempts = repl.talk.state.attempts
        if not attempts:
            raise UsageError("no call was made yet; say /why COMMAND about one for the shell")
        call = attempts[-1].call
        if call.name not in tools:
            raise UsageError(f"there is no tool {call.name}, so no rule was asked")
        tool, arguments = tools[call.name], call.arguments
        repl.say("", call_text(call))
    with judging(settings, everyday) as judge:
        for line in reasons(tool, arguments, judge, settings):
            repl.say("", line)


async def rules(repl: "Repl", rest: str) -> None:
    """The rules that hold, and the end of one that was given at a question."""
    from agentkit.cli.rules import kinds_of, not_given, rule_lines
    from agentkit.core.events import RuleSet
    from agentkit.settings.kept import drop_rule, rules_file
    from agentkit.settings.values import OriginKind

    verb, _, rule = rest.partition(" ")
    if verb not in ("", "rm") or (verb and not rule.strip()):
        raise UsageError("say /rules, or /rules rm RULE to take one back that was given at a question")
    if not verb:
        for line in rule_lines(repl.talk.settings):
            repl.say("", line)
        return
    rule = rule.strip()
    found = list(kinds_of(rule, repl.talk.settings))
    if not found:
        raise not_given(rule, repl.talk.settings)
    kept = drop_rule(rules_file(os.environ), rule, repl.workspace)
    beyond = "user" if any(line.endswith("everywhere") for line in kept) else "project"
    await repl.talk.take_back(
        [
            RuleSet(kind, rule, "run" if origin is OriginKind.QUESTION else beyond, holds=False)
            for kind, origin in found
        ]
    )
    repl.hold(())
    if repl.talk.state.started is None:  # else the run has told
        for line in kept:
            repl.say("rule", f"holds no longer: {line}")
