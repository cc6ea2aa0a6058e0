"""The rule that an answer to one question comes to: about what of the call was asked, and nothing wider."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from glob import escape

from agentkit.core.errors import UsageError
from agentkit.core.events import RuleKind
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.shell_command import Command, parse, program_of
from agentkit.tooling.tool import Tool


def rules_for(kind: RuleKind, tool: Tool, arguments: Mapping[str, object], policy: Policy) -> tuple[str, ...]:
    """The rules that would have allowed, or denied, a call that is asked about.

    For a tool that runs a shell command they are about the commands in its line that are asked about,
    word for word; of any other tool, about the tool.

    Args:
        kind: `allow` or `deny`.
        tool: What is called.
        arguments: As they were checked.
        policy: That asks about it. Its mode has no say: a rule is to hold whatever a call is asked about for.

    Raises:
        UsageError: no rule would; it says why.
    """
    if kind == "allow" and tool.leads_to is not None:
        raise UsageError(
            f"where {tool.name} leads has to be seen before it goes there, so only single calls are allowed"
        )
    rules = [tool.name]
    if tool.runs_commands:
        line = tool.line(arguments)
        decided = replace(policy, approve=Approve.ASK).decide_commands(tool, line)
        asked = {text for text, decision in decided if decision.verdict is Verdict.ASK}
        named = [_words(kind, command) for command in parse(line).commands if command.text in asked]
        rules = list(dict.fromkeys(f"{tool.name}({words})" for words in named if words))
    require_effect(kind, tuple(rules), tool, arguments, policy)
    return tuple(rules)


def require_effect(
    kind: RuleKind,
    rules: tuple[str, ...],
    tool: Tool,
    arguments: Mapping[str, object],
    policy: Policy,
) -> None:
    """Refuse rules that would not decide about the very call they are given for.

    Raises:
        UsageError: naming what would decide instead.
    """
    policy = replace(policy, approve=Approve.ASK)
    for rule in rules:
        policy = policy.with_rule(kind, rule)
    decision = policy.decide(tool, arguments)
    if decision.verdict is not (Verdict.ALLOW if kind == "allow" else Verdict.DENY):
        verb = "let it run unasked" if kind == "allow" else "deny it"
        raise UsageError(
            f"no such rule would {verb}: {_why_not(kind, rules, tool, arguments, decision.reason)}"
        )


def _why_not(
    kind: RuleKind, rules: tuple[str, ...], tool: Tool, arguments: Mapping[str, object], reason: str
) -> str:
    if not tool.runs_commands:
        return reason
    line = parse(tool.line(arguments))
    if kind == "allow" and line.writes:
        return "its line writes into files, which a rule about commands does not allow"
    for command in line.commands:
        if kind == "allow" and (command.prefixed or None in command.words):
            return f"{command.text!r} sets variables, or has words that are made when it runs"
    return reason if rules or line.commands else "no command was found in it"


def _words(kind: RuleKind, command: Command) -> str:
    """A command as the pattern of a rule, or nothing where none could be about it."""
    words = command.words
    if kind == "allow" and None in words:
        return ""
    known = [escape(word) for word in words if word is not None]
    return shlex.join(known) if program_of(words) else ""
