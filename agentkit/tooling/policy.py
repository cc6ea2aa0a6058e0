"""Whether a call may run: deny over ask over allow, by what it can reach rather than its name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import assert_never

from msgspec import Struct

from agentkit.core.errors import SettingsError
from agentkit.core.events import RuleKind
from agentkit.core.tools import Effect
from agentkit.tooling.patterns import is_exactly, may_run, split_rule
from agentkit.tooling.shell_command import Command, ShellLine, parse, pattern_words
from agentkit.tooling.taint import NO_TAINT, Taint
from agentkit.tooling.tool import Tool


class Approve(StrEnum):
    """How much runs without a question."""

    READ = "read"
    """Only what computes or reads; everything else is denied."""
    ASK = "ask"
    """Reading runs; everything else is asked about."""
    AUTO = "auto"
    """What can be undone runs: it stays inside the workspace and the sandbox, and the files are kept."""
    ALL = "all"
    """Everything runs that no rule denies."""


class Verdict(StrEnum):
    """What policy says of a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Decision(Struct, frozen=True):
    """A verdict and the rule it rests on, in words a person can act on."""

    verdict: Verdict
    reason: str
    rule: str = ""
    """The rule as it was written; empty when none decided."""


_HARMLESS = frozenset({Effect.PURE, Effect.READS})
_Pattern = tuple[Verdict, str, tuple[str, ...]]
"""What a rule about commands says of them, the rule as it was written, and the words of its pattern."""
_STRICTNESS = [Verdict.ALLOW, Verdict.ASK, Verdict.DENY]
_DELEGATES = "only lets agents work, whose own calls are decided on"
_UNDOABLE = frozenset({Effect.WRITES, Effect.EXECUTES})
_CONFINED = _HARMLESS | _UNDOABLE


@dataclass(frozen=True, slots=True)
class Policy:
    """The approval mode and the person's own rules.

    A rule is a tool's name or an effect; for tools that run a shell command, a pattern for the
    commands in it may follow: `run_shell(git push *)`. What narrows reaches every way of doing the
    same: a tool's name those that are like it, a pattern every tool that runs commands.
    """

    approve: Approve = Approve.AUTO
    deny: frozenset[str] = frozenset()
    ask: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()

    def decide(
        self,
        tool: Tool,
        arguments: Mapping[str, object] | None = None,
        lost: str = "",
        taint: Taint = NO_TAINT,
    ) -> Decision:
        """The verdict on a call of `tool`: deny > ask > allow > the approval mode.

        What the run was told by anybody narrows the mode, and of an allow rule that a call may go anywhere.

        Args:
            tool: What is called.
            arguments: As they were checked; without them the verdict is on the tool as such.
            lost: Why what the call does could not be undone; empty when it could.
            taint: What the run was told by those who may be anybody.
        """
        if arguments is None or not self._patterns(tool):
            decision = self._on_call(tool, arguments, lost, taint)
        else:
            commands = self.decide_commands(tool, tool.line(arguments), lost, taint)
            decision = max(
                (one for _, one in commands), key=lambda decision: _STRICTNESS.index(decision.verdict)
            )
        if decision.verdict is not Verdict.ASK:
            return decision
        return Decision(decision.verdict, decision.reason + taint.after, decision.rule)

    def decide_commands(
        self, tool: Tool, line: str, lost: str = "", taint: Taint = NO_TAINT
    ) -> list[tuple[str, Decision]]:
        """Each simple command of a shell's line with its verdict, and the line where it is in doubt."""
        read = parse(line)
        whole, patterns = self._on_call(tool, None, lost, taint), self._patterns(tool)
        if not patterns:  # no rule looks at commands, so what they are decides nothing
            return [(command.text, whole) for command in read.commands]
        lifted = self._by_name(tool, lost, lifted=True)
        decided = [
            (command.text, _on_command(command, read, whole, lifted, patterns)) for command in read.commands
        ]
        if read.doubt or not decided:
            doubt = read.doubt or "no command was found in it"
            decided.append((line, _in_doubt(doubt, whole, patterns)))
        return decided

    def with_rule(self, kind: RuleKind, rule: str, *, holds: bool = True) -> "Policy":
        """This policy and one more rule, or without one of its rules."""
        rules: frozenset[str] = getattr(self, kind)
        return replace(self, **{kind: rules | {rule} if holds else rules - {rule}})

    def offers(self, tool: Tool) -> bool:
        """Whether any call of `tool` could run."""
        if not (self.deny or self.ask or self.allow):
            return _by_mode(self.approve, tool.effect, lost=False) is not Verdict.DENY
        if self._by_name(tool).verdict is not Verdict.DENY:
            return True
        return any(kind is Verdict.ALLOW for kind, _, _ in self._patterns(tool))

    def _patterns(self, tool: Tool) -> list[_Pattern]:
        """The rules that decide about commands of `tool`: deny first, allow last.

        None where it runs no commands, or where a rule denies all of it.
        """
        names = {tool.name, str(tool.effect)}
        if not tool.runs_commands or self.deny & {*names, *tool.like}:
            return []
        kinds = ((Verdict.DENY, self.deny), (Verdict.ASK, self.ask), (Verdict.ALLOW, self.allow))
        split = [(kind, rule, split_rule(rule)) for kind, rules in kinds for rule in sorted(rules)]
        return [
            (kind, rule, pattern_words(pattern))
            for kind, rule, (name, pattern) in split
            if pattern and (kind is not Verdict.ALLOW or name in names)
        ]

    def rests_on_undo(self, tool: Tool, taint: Taint = NO_TAINT) -> bool:
        """Whether a call of `tool` may run for no other reason than that it can be undone."""
        trusted = self.approve is Approve.ALL and not taint
        return self.approve in (Approve.AUTO, Approve.ALL) and not trusted and tool.effect in _UNDOABLE

    def _on_call(
        self, tool: Tool, arguments: Mapping[str, object] | None, lost: str, taint: Taint
    ) -> Decision:
        """By name, and then by what the run was told before."""
        decision = self._by_name(tool, lost)
        if not taint or decision.verdict is not Verdict.ALLOW:
            return decision
        if tool.effect is Effect.NETWORK and tool.goes_to is not None and arguments is not None:
            if not (why := taint.why_not(tool.goes_to(arguments))):
                return decision
            begins = f"{decision.reason} does not reach so far: " if decision.rule else by_mode(self.approve)
            return Decision(Verdict.ASK, begins + why)
        # code in the sandbox reaches nobody, so while it can be undone it does no more than a write may
        if decision.rule or tool.effect in _HARMLESS or (tool.effect in _UNDOABLE and not lost):
            return decision
        return Decision(Verdict.ASK, by_mode(self.approve) + (lost or f"it {reach(tool.effect)}"))

    def _by_name(self, tool: Tool, lost: str = "", *, lifted: bool = False) -> Decision:
        """The verdict on a tool as such; with `lifted`, where a rule about its commands allows one."""
        mode = _by_mode(self.approve, tool.effect, lost=bool(lost))
        if self.deny or self.ask or self.allow:
            names = {tool.name, str(tool.effect)}
            widely = {*names, *tool.like}
            possible = lifted or mode is not Verdict.DENY or bool(names & self.allow)
            for verdict, rules in (
                (Verdict.DENY, self.deny),
                (Verdict.ASK, self.ask),
                (Verdict.ALLOW, self.allow),
            ):
                # asking narrows: what the mode denies, a rule to ask does not make possible
                if not possible and verdict is Verdict.ASK:
                    continue
                if matched := sorted((names if verdict is Verdict.ALLOW else widely) & rules):
                    return Decision(verdict, f"the rule {verdict} = {matched[0]!r}", matched[0])
        undone = lost and self.rests_on_undo(tool)
        what = _DELEGATES if tool.delegates else reach(tool.effect)
        why = lost if undone else f"it {what}"
        return Decision(mode, by_mode(self.approve) + why)

    def check_names(self, tools: Iterable[Tool]) -> None:
        """Refuse rules that name nothing: a misspelt deny would silently allow.

        Raises:
            SettingsError: naming the rule and what can be named.
        """
        tools = list(tools)
        known = {tool.name for tool in tools} | {str(effect) for effect in Effect}
        shells = {name for tool in tools if tool.runs_commands for name in (tool.name, str(tool.effect))}
        for kind, rules in (("deny", self.deny), ("ask", self.ask), ("allow", self.allow)):
            for rule in sorted(rules):
                name, pattern = split_rule(rule)
                if name not in known:
                    raise SettingsError(
                        f"{kind} = {rule!r} names no tool and no effect; known: {', '.join(sorted(known))}"
                    )
                if pattern is not None:
                    _check_pattern(kind, rule, pattern, name, shells)


@cache  # asked of every tool at every step
def _by_mode(approve: Approve, effect: Effect, *, lost: bool) -> Verdict:
    match approve:
        case Approve.READ:
            return Verdict.ALLOW if effect in _HARMLESS else Verdict.DENY
        case Approve.ASK:
            return Verdict.ALLOW if effect in _HARMLESS else Verdict.ASK
        case Approve.AUTO:
            undoable = effect in _CONFINED and not lost
            return Verdict.ALLOW if effect in _HARMLESS or undoable else Verdict.ASK
        case Approve.ALL:
            return Verdict.ALLOW
        case _:
            assert_never(approve)


def _on_command(
    command: Command, line: ShellLine, whole: Decision, lifted: Decision, patterns: Sequence[_Pattern]
) -> Decision:
    """The verdict on one command of a line; `whole` is that on its tool, `lifted` where it is allowed."""
    for kind, rule, pattern in patterns:
        if kind is Verdict.DENY and may_run(pattern, command):
            return Decision(kind, f"the rule {kind} = {rule!r}", rule)
    allowed = _allowed(command, line, patterns)
    by_name = lifted if allowed else whole
    # asking narrows: what the mode or a rule denies, a rule to ask does not make possible
    if allowed or whole.verdict is not Verdict.DENY:
        if by_name.verdict is Verdict.ASK and by_name.rule:
            return by_name
        for kind, rule, pattern in patterns:
            unsure = kind is Verdict.DENY and may_run(pattern, command, unknown=True)
            if unsure or (kind is Verdict.ASK and may_run(pattern, command, unknown=True)):
                return Decision(Verdict.ASK, f"the rule {kind} = {rule!r} may be about it", rule)
    if allowed:
        return allowed
    return _in_doubt(command.doubt, whole, patterns) if command.doubt else whole


def _allowed(command: Command, line: ShellLine, patterns: Sequence[_Pattern]) -> Decision | None:
    for kind, rule, pattern in patterns:
        if kind is Verdict.ALLOW and not line.writes and is_exactly(pattern, command):
            return Decision(kind, f"the rule {kind} = {rule!r}", rule)
    return None


def _in_doubt(doubt: str, whole: Decision, patterns: Sequence[_Pattern]) -> Decision:
    """The verdict on what cannot be read for certain: a rule that narrows may be about it, and so is asked.

    Rules that only widen do not narrow: what they may be about is decided as if they were not there.
    """
    if whole.verdict is Verdict.DENY or (
        whole.verdict is Verdict.ALLOW and all(kind is Verdict.ALLOW for kind, _, _ in patterns)
    ):
        return whole
    return Decision(Verdict.ASK, f"what it runs is not certain: {doubt}", whole.rule)


def _check_pattern(kind: str, rule: str, pattern: str, name: str, shells: set[str]) -> None:
    if name not in shells:
        raise SettingsError(
            f"{kind} = {rule!r} has a pattern for shell commands, and {name} runs none; "
            f"patterns are for {', '.join(sorted(shells)) or 'no tool that is here'}"
        )
    try:
        pattern_words(pattern)
    except ValueError as error:
        raise SettingsError(
            f"{kind} = {rule!r} has a pattern that cannot be read ({error}); write it like {name}(git push *)"
        ) from None


def by_mode(approve: Approve) -> str:
    """How a reason begins that rests on the approval mode."""
    return f"approve = {approve}, and "


def reach(effect: Effect) -> str:
    """What a call with this effect does, as the end of a sentence."""
    match effect:
        case Effect.PURE:
            return "only computes"
        case Effect.READS:
            return "only reads"
        case Effect.WRITES:
            return "changes files in the workspace"
        case Effect.EXECUTES:
            return "runs code in the sandbox"
        case Effect.WRITES_OUTSIDE:
            return "changes files outside the workspace"
        case Effect.NETWORK:
            return "reaches the network"
        case Effect.IRREVERSIBLE:
            return "cannot be undone"
        case _:
            assert_never(effect)
