"""deny over ask over allow over the mode, for every mode and every effect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import SettingsError
from agentkit.core.tools import Effect
from agentkit.tooling.policy import Approve, Policy, Verdict, reach
from agentkit.tooling.tool import Tool, tool

YES, ASK, NO = Verdict.ALLOW, Verdict.ASK, Verdict.DENY
TABLE = {
    #                      read ask  auto all
    Effect.PURE:           (YES, YES, YES, YES),
    Effect.READS:          (YES, YES, YES, YES),
    Effect.WRITES:         (NO, ASK, YES, YES),
    Effect.EXECUTES:       (NO, ASK, YES, YES),
    Effect.WRITES_OUTSIDE: (NO, ASK, ASK, YES),
    Effect.NETWORK:        (NO, ASK, ASK, YES),
    Effect.IRREVERSIBLE:   (NO, ASK, ASK, YES),
}  # fmt: skip


def with_effect(effect: Effect) -> Tool:
    def work() -> str:
        """Work."""
        return ""

    return tool(effect=effect)(work)


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(Effect)


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("place", range(4))
def test_every_mode_and_effect_without_rules(effect: Effect, place: int) -> None:
    mode = list(Approve)[place]
    decision = Policy(mode).decide(with_effect(effect))
    assert decision.verdict is TABLE[effect][place]
    assert decision.reason == f"approve = {mode}, and it {reach(effect)}"


RULES = st.sets(st.sampled_from(["work", "other", *map(str, Effect)])).map(frozenset)


@given(st.sampled_from(list(Approve)), st.sampled_from(list(Effect)), RULES, RULES, RULES)
def test_deny_is_over_ask_is_over_allow(
    mode: Approve, effect: Effect, deny: frozenset[str], ask: frozenset[str], allow: frozenset[str]
) -> None:
    verdict = Policy(mode, deny, ask, allow).decide(with_effect(effect)).verdict
    by_mode = Policy(mode).decide(with_effect(effect)).verdict
    names = {"work", str(effect)}
    if names & deny:
        assert verdict is NO
    elif names & ask and (by_mode is not NO or names & allow):
        assert verdict is ASK
    elif names & allow:
        assert verdict is YES
    else:
        assert verdict is by_mode


@given(st.sampled_from(list(Approve)), st.sampled_from(list(Effect)), RULES, RULES)
def test_a_rule_to_deny_or_to_ask_never_loosens(
    mode: Approve, effect: Effect, deny: frozenset[str], ask: frozenset[str]
) -> None:
    strictness = [YES, ASK, NO]
    without = Policy(mode).decide(with_effect(effect)).verdict
    with_rules = Policy(mode, deny, ask).decide(with_effect(effect)).verdict
    assert strictness.index(with_rules) >= strictness.index(without)


def test_a_reason_names_the_rule() -> None:
    policy = Policy(Approve.ALL, deny=frozenset({"network"}))
    assert policy.decide(with_effect(Effect.NETWORK)).reason == "the rule deny = 'network'"


@pytest.mark.parametrize("kind", ["deny", "ask", "allow"])
def test_a_rule_that_names_nothing_is_refused_with_what_can_be_named(kind: str) -> None:
    policy = Policy(**{kind: frozenset({"wrok"})})
    with pytest.raises(SettingsError, match=f"{kind} = 'wrok' names no tool and no effect; known: .*work"):
        policy.check_names([with_effect(Effect.PURE)])


def test_rules_may_name_tools_and_effects() -> None:
    Policy(deny=frozenset({"work"}), allow=frozenset({"writes outside"})).check_names(
        [with_effect(Effect.PURE)]
    )


def test_an_undeclared_tool_counts_as_irreversible_and_is_asked_about() -> None:
    @tool
    def work() -> str:
        """Work."""
        return ""

    assert work.effect is Effect.IRREVERSIBLE
    assert not work.idempotent
    assert Policy().decide(work).verdict is ASK
