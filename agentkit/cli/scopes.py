"""What a person's answer to one question says of the next ones: a rule, shown before it is kept."""

import os
from collections.abc import Awaitable, Callable, Mapping

from agentkit.assembly import policy_of
from agentkit.cli.words import on_one_line
from agentkit.core.errors import AgentkitError, UsageError
from agentkit.core.events import RuleKind, RuleScope, RuleSet
from agentkit.settings import Settings
from agentkit.settings.kept import keep_rule, rules_file
from agentkit.tooling.policy import Policy
from agentkit.tooling.rule_for import require_effect, rules_for
from agentkit.tooling.tool import Tool


class Scopes:
    """Makes rules of answers, and asks about each before it holds."""

    def __init__(self, show: Callable[[str], None], hear: Callable[[str, str], Awaitable[str]]) -> None:
        self._show = show
        self._hear = hear

    async def rules(
        self,
        kind: RuleKind,
        scope: RuleScope,
        tool: Tool,
        arguments: Mapping[str, object],
        settings: Settings,
    ) -> tuple[RuleSet, ...]:
        """The rules that the person wants to hold, kept already where they hold beyond the run; or none."""
        policy = policy_of(settings)
        try:
            rules = rules_for(kind, tool, arguments, policy)
            while True:
                self._show("\n".join(f"{kind} = {on_one_line(rule)}" for rule in rules))
                self._show(_what_it_means(kind, scope, rules, tool, policy, settings))
                answer = (await self._hear("Is that to hold? [y/N, e to change it] ", "")).strip().lower()
                if answer == "e":
                    rules = await self._changed(kind, rules, tool, arguments, policy)
                elif answer in ("y", "yes"):
                    if scope != "run":
                        _keep(kind, scope, rules, settings)
                    return tuple(RuleSet(kind, rule, scope) for rule in rules)
                else:
                    return ()
        except AgentkitError as error:
            self._show(f"nothing was kept: {on_one_line(str(error))}")
            return ()

    async def _changed(
        self,
        kind: RuleKind,
        rules: tuple[str, ...],
        tool: Tool,
        arguments: Mapping[str, object],
        policy: Policy,
    ) -> tuple[str, ...]:
        """The rules as the person wants them; those that are not about the call at hand are asked anew."""
        heard = list(rules)
        while True:
            heard = [(await self._hear(f"{kind} = ", rule)).strip() or rule for rule in heard]
            changed = tuple(dict.fromkeys(heard))
            try:
                for rule in changed:
                    Policy().with_rule(kind, rule).check_names([tool])
                require_effect(kind, changed, tool, arguments, policy)
            except UsageError as error:
                self._show(on_one_line(str(error)))
                continue
            return changed


def _what_it_means(
    kind: RuleKind, scope: RuleScope, rules: tuple[str, ...], tool: Tool, policy: Policy, settings: Settings
) -> str:
    verb = "runs unasked" if kind == "allow" else "is denied"
    where = {
        "run": "in this run, also when it is resumed; /rules rm in its conversation takes it back",
        "project": f"in {on_one_line(str(settings.workspace))} from now on",
        "user": "everywhere from now on",
    }[scope]
    said = [f"{verb} {where}"]
    if scope != "run":
        said.append(f"kept in {rules_file(os.environ)}; agentkit rules rm takes it back")
    if tool.name in rules:
        said.append(f"it is about every call of {tool.name}, whatever its arguments")
    if kind == "allow" and tool.goes_to is not None:
        said.append("where it goes is asked about all the same once the network has told the agent something")
    narrows = any("(" in rule for rule in policy.deny | policy.ask)
    if kind == "deny" and not narrows and any("(" in rule for rule in rules):
        said.append("with it, lines that cannot be read for certain are asked about")
    return "\n".join(f"  {line}" for line in said)


def _keep(kind: RuleKind, scope: RuleScope, rules: tuple[str, ...], settings: Settings) -> None:
    path = rules_file(os.environ)
    if path.resolve().is_relative_to(settings.workspace.resolve()):
        raise UsageError(f"{path} lies in the workspace, where the agent could change it")
    for rule in rules:
        keep_rule(path, kind, rule, settings.workspace if scope == "project" else None)
