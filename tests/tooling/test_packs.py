"""A long list of tools is shown in packs, and a pack is no way around a rule."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import SettingsError
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome, ToolResult
from agentkit.tooling.discovery import PACKS, installed_packs, require_own_names
from agentkit.tooling.packs import LOADER, Pack, loaded, offering
from agentkit.tooling.policy import Approve, Policy, Verdict
from agentkit.tooling.tool import Tool, tool


def noop(name: str, effect: Effect = Effect.PURE, **options: Any) -> Tool:
    @tool(effect=effect, name=name, **options)
    def work() -> str:
        """Do something."""
        return name

    return work


def pack(name: str, count: int = 2) -> Pack:
    return Pack(name, f"for {name}", tuple(noop(f"{name}_{number}") for number in range(count)))


EVERYDAY = {name: noop(name) for name in ("look", "write")}
PACKS_HERE = (pack("git"), pack("jobs"), pack("web", 4))


class Load:
    """A recorded call of the loader."""

    def __init__(self, name: str, outcome: Outcome = Outcome.OK) -> None:
        self.call = ToolCall("c", LOADER, {"pack": name})
        self.result = ToolResult("c", LOADER, outcome, "")


class Called:
    """A recorded call of another tool."""

    def __init__(self, name: str) -> None:
        self.call = ToolCall("c", name, {})
        self.result = ToolResult("c", name, Outcome.OK, "")


def shown(most: int, *asked: str) -> set[str]:
    offered = offering(EVERYDAY, PACKS_HERE, most, lambda _: True)
    return set(offered.tools) - offered.hidden([Load(name) for name in asked])


def test_what_fits_is_shown_whole_and_nothing_has_to_be_loaded() -> None:
    offered = offering(EVERYDAY, PACKS_HERE, 10, lambda _: True)
    assert LOADER not in offered.tools
    assert offered.hidden([]) == frozenset()


def test_what_does_not_fit_is_shown_pack_by_pack() -> None:
    assert shown(7) == {*EVERYDAY, LOADER}
    assert shown(7, "git") == {*EVERYDAY, LOADER, "git_0", "git_1"}
    assert shown(7, "git", "jobs") == {*EVERYDAY, LOADER, "git_0", "git_1", "jobs_0", "jobs_1"}


def test_the_pack_asked_for_last_is_always_shown_and_older_ones_make_room() -> None:
    assert shown(7, "git", "jobs", "web") == {*EVERYDAY, LOADER, *(f"web_{number}" for number in range(4))}
    assert "git_0" in shown(7, "git", "jobs", "web", "git")


def test_everyday_tools_make_room_those_first_that_were_not_used_and_can_be_loaded_again() -> None:
    web = {f"web_{number}" for number in range(4)}
    assert shown(6, "web") == {"look", LOADER, *web}
    offered = offering(EVERYDAY, PACKS_HERE, 6, lambda _: True)
    calls = [Called("write"), Load("web"), Called("look")]
    assert set(offered.tools) - offered.hidden(calls) == {"write", LOADER, *web}
    assert "everyday" in [pack.name for pack in offered.packs]
    assert shown(6, "web", "everyday") == {*EVERYDAY, LOADER}


def test_basic_tools_are_the_last_everyday_ones_to_go() -> None:
    everyday = {one.name: one for one in (noop("a"), noop("b"), noop("z", basic=True))}
    offered = offering(everyday, [pack("web", 4)], 6, lambda _: True)
    assert set(everyday) - offered.hidden([Load("web")]) == {"z"}


async def test_a_pack_that_is_larger_than_the_room_comes_in_parts(desk) -> None:
    offered = offering(EVERYDAY, PACKS_HERE, 4, lambda _: True)
    assert [pack.name for pack in offered.packs] == ["git", "jobs", "web", "web/2", "everyday"]
    dispatcher = desk.dispatcher(*offered.tools.values())
    told = (await dispatcher.perform(ToolCall("c", LOADER, {"pack": "web"}))).text
    assert told.splitlines()[-2:] == [
        "put away to make room: look, write; load everyday again when you need them",
        "the rest of web is in web/2",
    ]
    assert shown(4, "web", "web/2") == {"web_3", *EVERYDAY, LOADER}


def test_more_everyday_tools_than_fit_are_packs_too() -> None:
    everyday = {name: noop(name) for name in "abcdefg"} | {"finish": noop("finish", ends_run=True)}
    offered = offering(everyday, [], 5, lambda _: True)
    assert [one.name for one in offered.packs] == ["everyday/2", "everyday/3", "everyday"]
    assert set(offered.tools) - offered.hidden([]) == {*"abc", LOADER, "finish"}
    assert set(offered.tools) - offered.hidden([Load("everyday/3")]) == {*"gab", LOADER, "finish"}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Tool], list[Pack], int]:
    everyday = {f"day_{n}": noop(f"day_{n}", basic=n % 3 == 0) for n in range(draw(st.integers(0, 12)))}
    everyday["finish"] = noop("finish", ends_run=True)
    packs = [pack(f"p{n}", draw(st.integers(0, 9))) for n in range(draw(st.integers(0, 4)))]
    return everyday, packs, draw(st.integers(1, 25))


@given(worlds(), st.data())
def test_never_more_are_shown_than_the_model_takes_and_each_can_be_had(world: Any, data: Any) -> None:
    everyday, packs, most = world
    denied = data.draw(st.sets(st.sampled_from(sorted(everyday)[:-1] or ["none"])))
    offered = offering(everyday, packs, most, lambda one: one.name not in denied)
    usable = set(offered.tools) - denied
    names = [one.name for one in offered.packs]
    calls: list[Any] = []
    reached = usable - offered.hidden([])
    asked = data.draw(st.lists(st.sampled_from(names), max_size=5)) if names else []
    for name in (*asked, *names):
        calls += [Called(data.draw(st.sampled_from(sorted(everyday)))), Load(name)]
        seen = usable - offered.hidden(calls)
        assert len(seen) <= max(most, 3)
        assert {"finish", LOADER} <= seen
        wanted = next(one for one in offered.packs if one.name == name)
        assert {one.name for one in wanted.tools} <= seen
        reached |= seen
    assert len(usable - offered.hidden([])) <= max(most, 3)
    assert reached == usable


def test_a_load_that_failed_shows_nothing() -> None:
    assert loaded([Load("git", Outcome.FAILED), Load("web")]) == ["web"]


async def test_the_loader_tells_what_each_pack_is_for_and_then_what_is_in_it(desk) -> None:
    offered = offering(EVERYDAY, PACKS_HERE, 5, lambda _: True)
    [spec] = desk.specs(offered.tools[LOADER]).values()
    assert "git (for git)" in spec.description
    assert spec.choices["pack"] == ("git", "jobs", "web", "everyday")
    desked = desk.dispatcher(*offered.tools.values())
    result = await desked.perform(ToolCall("c", LOADER, {"pack": "git"}))
    assert "git_0()" in result.text
    wrong = await desked.perform(ToolCall("c", LOADER, {"pack": "gitt"}))
    assert (wrong.outcome, wrong.text) == (
        Outcome.FAILED,
        "there is no pack 'gitt'; there is git, jobs, web, everyday",
    )


def test_what_policy_denies_is_in_no_pack() -> None:
    policy = Policy(deny=frozenset({"git_0", "jobs_0", "jobs_1"}))
    offered = offering(EVERYDAY, PACKS_HERE, 4, policy.offers)
    assert [(pack.name, [one.name for one in pack.tools]) for pack in offered.packs] == [
        ("git", ["git_1"]),
        ("web", ["web_0", "web_1", "web_2"]),
        ("web/2", ["web_3"]),
        ("everyday", ["look", "write"]),
    ]


async def test_loading_a_pack_opens_no_way_to_a_denied_tool(desk) -> None:
    happened: list[str] = []

    @tool(effect=Effect.WRITES)
    def push() -> str:
        """Push."""
        happened.append("pushed")
        return ""

    policy = Policy(Approve.ALL, deny=frozenset({"push"}))
    packs = [Pack("git", "for git", (push, *pack("more", 9).tools))]
    offered = offering(EVERYDAY, packs, 5, policy.offers)
    dispatcher = desk.dispatcher(*offered.tools.values(), policy=policy)
    await dispatcher.perform(ToolCall("c1", LOADER, {"pack": "git"}))
    result = await dispatcher.perform(ToolCall("c2", "push", {}))
    assert result.outcome is Outcome.DENIED
    assert happened == []
    assert "push" not in {spec.name for spec in dispatcher.specs()}


# --- rules reach every way of doing the same


def test_what_narrows_a_tool_narrows_those_that_are_like_it_and_what_widens_does_not() -> None:
    start = noop("start_job", Effect.EXECUTES, like=("run_shell",))
    assert Policy(deny=frozenset({"run_shell"})).decide(start).verdict is Verdict.DENY
    assert Policy(ask=frozenset({"run_shell"})).decide(start).verdict is Verdict.ASK
    asks = Policy(Approve.ASK, allow=frozenset({"run_shell"}))
    assert asks.decide(start).verdict is Verdict.ASK


def test_a_pattern_that_denies_holds_for_every_tool_that_runs_commands() -> None:
    push = noop("git_push", Effect.NETWORK, runs=lambda _: "git push origin")
    policy = Policy(Approve.ALL, deny=frozenset({"run_shell(git push *)"}))
    decision = policy.decide(push, {})
    assert (decision.verdict, decision.rule) == (Verdict.DENY, "run_shell(git push *)")
    widening = Policy(Approve.ASK, allow=frozenset({"run_shell(git push *)"}))
    assert widening.decide(push, {}).verdict is Verdict.ASK


# --- found by entry point


@pytest.fixture
def entries():
    module = ModuleType("somebodys_packs")
    module.__dict__.update(good=pack("good"), bad=len)
    sys.modules[module.__name__] = module
    yield [EntryPoint(name, f"somebodys_packs:{name}", PACKS) for name in ("good", "bad")]
    del sys.modules[module.__name__]


def test_only_the_packs_that_are_named_are_loaded(entries) -> None:
    assert [found.name for found in installed_packs(["good"], entries)] == ["good"]
    assert installed_packs([], entries) == ()


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["god"], "packs = 'god' names no pack that is installed; known: bad, good, or all"),
        (["bad"], "is a builtin_function_or_method, not a Pack"),
        (["all"], "not a Pack"),
    ],
)
def test_a_pack_that_cannot_be_had_is_said(entries, names: list[str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        installed_packs(names, entries)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(SettingsError, match="the pack 'git' has a tool 'git_0', and there is one already"):
        require_own_names(["git_0"], [pack("git")])


def test_a_pack_that_is_called_as_ours_is_refused() -> None:
    with pytest.raises(SettingsError, match="a pack cannot be called 'everyday'"):
        require_own_names([], [pack("everyday")])
