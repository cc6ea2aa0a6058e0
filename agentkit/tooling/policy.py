"""Whether a call may run: deny over ask over allow, by what it can reach rather than its name."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from agentkit.core.errors import SettingsError
from agentkit.core.tools import Effect
from agentkit.tooling.tool import Tool


class Approve(StrEnum):
    """How much runs without a question."""

    READ = "read"
    """Only what computes or reads; everything else is denied."""
    ASK = "ask"
    """Reading runs; everything else is asked about."""
    AUTO = "auto"
    """What stays inside the workspace and the sandbox runs; the rest is asked about."""
    ALL = "all"
    """Everything runs that no rule denies."""


class Verdict(StrEnum):
    """What policy says of a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and the rule it rests on, in words a person can act on."""

    verdict: Verdict
    reason: str


_HARMLESS = frozenset({Effect.PURE, Effect.READS})
_CONFINED = _HARMLESS | {Effect.WRITES, Effect.EXECUTES}


@dataclass(frozen=True, slots=True)
class Policy:
    """The approval mode and the person's own rules, each a tool's name or an effect."""

    approve: Approve = Approve.AUTO
    deny: frozenset[str] = frozenset()
    ask: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()

    def decide(self, tool: Tool) -> Decision:
        """The verdict on a call of `tool`: deny > ask > allow > the approval mode."""
        names = {tool.name, str(tool.effect)}
        mode = self._by_mode(tool.effect)
        for verdict, rules in (
            (Verdict.DENY, self.deny),
            (Verdict.ASK, self.ask),
            (Verdict.ALLOW, self.allow),
        ):
            # asking narrows: what the mode denies, a rule to ask does not make possible
            if mode is Verdict.DENY and verdict is Verdict.ASK:
                continue
            if matched := sorted(names & rules):
                return Decision(verdict, f"the rule {verdict} = {matched[0]!r}")
        return Decision(mode, f"approve = {self.approve}, and it {reach(tool.effect)}")

    def _by_mode(self, effect: Effect) -> Verdict:
        match self.approve:
            case Approve.READ:
                return Verdict.ALLOW if effect in _HARMLESS else Verdict.DENY
            case Approve.ASK:
                return Verdict.ALLOW if effect in _HARMLESS else Verdict.ASK
            case Approve.AUTO:
                return Verdict.ALLOW if effect in _CONFINED else Verdict.ASK
            case Approve.ALL:
                return Verdict.ALLOW
            case _:
                assert_never(self.approve)

    def check_names(self, tools: Iterable[Tool]) -> None:
        """Refuse rules that name nothing: a misspelt deny would silently allow.

        Raises:
            SettingsError: naming the rule and what can be named.
        """
        known = {tool.name for tool in tools} | {str(effect) for effect in Effect}
        for kind, rules in (("deny", self.deny), ("ask", self.ask), ("allow", self.allow)):
            if unknown := sorted(rules - known):
                raise SettingsError(
                    f"{kind} = {unknown[0]!r} names no tool and no effect; known: {', '.join(sorted(known))}"
                )


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
