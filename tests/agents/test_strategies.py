"""Strategies decide from the recorded state, and everything runs through the one loop."""

from contextlib import suppress
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from agentkit.agents.strategies import STRATEGIES, cost, make_strategy
from agentkit.agents.strategies.calls import MOST_CALLS, UnreadablePlan, read_calls
from agentkit.agents.strategies.plan_and_execute import MOST_REPLANS, MOST_STEPS, read_steps
from agentkit.core.errors import PromptError, UsageError
from agentkit.core.events import CallPlanned, Ending, Instructed, ModelAsked
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect
from agentkit.core.usage import Limits
from agentkit.journal.memory import MemoryLog
from agentkit.models.scripted import ScriptedModel
from agentkit.prompts.library import library_of
from agentkit.settings.values import StrategyName
from agentkit.tooling.discovery import installed_tools
from agentkit.tooling.policy import Policy
from agentkit.tooling.tool import tool

from .conftest import Stage, add


def adding(number: int, call_id: str = "") -> ToolCall:
    return ToolCall(call_id or f"c{number}", "add", {"a": number, "b": 1})


SCRIPTS: dict[str, list[Any]] = {
    "one-shot": [adding(1), adding(2), adding(3), adding(4), "added"],
    "plan-and-execute": [
        "1. add\n2. add\n3. add\n4. add",
        *[said for number in range(1, 5) for said in (adding(number), f"that is {number + 1}")],
        "added",
    ],
    "rewoo": ["\n".join(f"#E{number} = add({number}, 1)" for number in range(1, 5)), "added"],
    "reflexion": [adding(1), adding(2), adding(3), adding(4), "added"],
}
TOOLS = {**installed_tools(), "add": add}


def test_the_settings_know_every_strategy() -> None:
    assert get_args(StrategyName) == tuple(STRATEGIES)
    with pytest.raises(UsageError, match="no strategy 'react'; it must be one-shot, plan-and-execute"):
        make_strategy("react")


@pytest.mark.parametrize("name", STRATEGIES)
async def test_the_multiplier_that_is_shown_is_the_one_that_is_paid(name: str, stage: Stage) -> None:
    strategy = make_strategy(name, TOOLS)
    agent = stage.agent(SCRIPTS[name], strategy=strategy)
    ended = await agent.run(stage.start())
    assert (ended.ending, ended.result) == (Ending.FINISHED, "added")
    assert len(agent.state.attempts) == 4
    assert agent.state.steps == strategy.calls(4)
    assert f"{agent.state.steps / 5:.1f} times the model calls: {agent.state.steps} where" in cost(strategy)


@pytest.mark.parametrize("name", STRATEGIES)
async def test_a_run_that_stops_after_any_event_comes_to_the_same_conversation(
    name: str, stage: Stage
) -> None:
    def agent(log: MemoryLog) -> Any:
        return stage.agent(ScriptedModel(SCRIPTS[name]), strategy=make_strategy(name, TOOLS), log=log)

    whole = agent(MemoryLog())
    await whole.run(stage.start())
    for count in range(1, len(whole.log.events())):
        log = MemoryLog()
        for recorded in whole.log.events()[:count]:
            log.append(recorded.event)
        again = agent(log)
        await again.run()
        assert again.state.messages == whole.state.messages
        assert again.state.replies == whole.state.replies


@pytest.mark.parametrize("name", STRATEGIES)
async def test_every_question_of_a_strategy_names_its_prompt_file(name: str, stage: Stage) -> None:
    await stage.agent(SCRIPTS[name], strategy=make_strategy(name, TOOLS)).run(stage.start())
    for asked in stage.events(Instructed):
        used = library_of().load(asked.prompt.name).used
        assert (asked.prompt.version, asked.prompt.digest) == (used.version, used.digest)
        assert asked.prompt.name in make_strategy(name).prompts


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_prompt_of_a_strategy_is_there(name: str) -> None:
    for prompt in make_strategy(name).prompts:
        assert library_of().load(prompt).used.name == prompt


async def test_the_persons_own_words_are_used_and_told_of(stage: Stage, tmp_path: Any) -> None:
    (tmp_path / "strategies").mkdir()
    mine = tmp_path / "strategies/plan-and-execute-answer.md"
    mine.write_text('---\nversion: "7"\n---\nSum up. {how}')
    agent = stage.agent(
        SCRIPTS["plan-and-execute"],
        strategy=make_strategy("plan-and-execute"),
        library=library_of(user=tmp_path),
    )
    await agent.run(stage.start())
    last = stage.events(Instructed)[-1]
    assert (last.text, last.prompt.version, last.prompt.origin) == (
        "Sum up. Every step is done.",
        "7",
        "user",
    )


async def test_a_budget_holds_in_the_midst_of_a_plan(stage: Stage) -> None:
    agent = stage.agent(
        SCRIPTS["plan-and-execute"], strategy=make_strategy("plan-and-execute"), limits=Limits(steps=3)
    )
    assert (await agent.run(stage.start(limits=Limits(steps=3)))).ending is Ending.BUDGET
    assert len(stage.events(ModelAsked)) == 3


async def test_no_tool_is_offered_while_a_plan_is_written(stage: Stage) -> None:
    model = ScriptedModel(SCRIPTS["plan-and-execute"])
    await stage.agent(model, strategy=make_strategy("plan-and-execute")).run(stage.start())
    offered = [{spec.name for spec in request.tools} for request in model.requests]
    assert offered[0] == set()
    assert "add" in offered[1]
    assert "finish" not in offered[1]
    assert "finish" in offered[-1]


async def test_a_step_that_fails_again_and_again_ends_in_an_answer(stage: Stage) -> None:
    script = ["1. try", *["FAILED: no", "1. try"] * MOST_REPLANS, "FAILED: no", "It cannot be done."]
    agent = stage.agent(script, strategy=make_strategy("plan-and-execute"))
    assert (await agent.run(stage.start())).result == "It cannot be done."
    assert stage.events(Instructed)[-1].text.startswith("The step that failed: try")


async def test_a_step_whose_last_call_failed_has_failed(stage: Stage) -> None:
    script = [
        "1. add",
        ToolCall("c1", "add", {"a": "x", "b": 1}),
        "It is done.",
        "NOTHING",
        "There was nothing to add.",
        "There was nothing to add.",  # the review asked once more
    ]
    agent = stage.agent(script, strategy=make_strategy("plan-and-execute"))
    assert (await agent.run(stage.start())).result == "There was nothing to add."
    assert [asked.purpose for asked in stage.events(Instructed)] == ["plan", "step 1", "replan", "answer"]


@pytest.mark.parametrize("name", ["plan-and-execute", "rewoo"])
async def test_plans_that_cannot_be_read_are_done_without(name: str, stage: Stage) -> None:
    script = ["First I look.", "Then I act.", "I am not sure.", adding(1), "added"]
    agent = stage.agent(script, strategy=make_strategy(name, TOOLS))
    assert (await agent.run(stage.start())).result == "added"
    purposes = [asked.purpose for asked in stage.events(Instructed)]
    assert purposes == ["plan", "new plan", "new plan", "without a plan"]


async def test_a_planned_call_is_decided_like_any_other(stage: Stage) -> None:
    agent = stage.agent(
        ["#E1 = add(1, 1)\n#E2 = add(2, 2)", "I may not."],
        strategy=make_strategy("rewoo", TOOLS),
        policy=Policy(deny=frozenset({"add"})),
    )
    assert (await agent.run(stage.start())).ending is Ending.DENIED
    assert len(stage.events(CallPlanned)) == 1


async def test_a_result_that_was_shortened_is_not_written_down_as_if_it_were_whole(stage: Stage) -> None:
    @tool(effect=Effect.PURE)
    def tell() -> str:
        """Tell much."""
        return "word\n" * 10_000

    tools = {**TOOLS, "tell": tell}
    plan = "#E1 = tell()\n#E2 = write_file('a.txt', '#E1')"
    agent = stage.agent([plan, "too long"], tell, strategy=make_strategy("rewoo", tools))
    await agent.run(stage.start())
    assert [event.call.name for event in stage.events(CallPlanned)] == ["tell"]
    assert "the result of E1 is too long to be put into E2" in stage.events(Instructed)[-1].text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no line of the form"),
        ("#E2 = add(1, 2)", "found #E2 where #E1 comes next"),
        ("#E1 = add(1, 2", "no call of the form"),
        ("#E1 = add", "no call of the form"),
        ("#E1 = subtract(1, 2)", "calls subtract, which is none of add"),
        ("#E1 = finish('done')", "calls finish, which is none of"),
        ("#E1 = add(1, 2, 3)", "gives add 3 values; it takes 2"),
        ("#E1 = add(1, c=2)", "gives add c; it takes a, b"),
        ("#E1 = add(1, a=2)", "gives add a twice"),
        ("#E1 = add(a=b, b=1)", "a is no plain value; found 'b'"),
        ("#E1 = add(a={1: 2}, b=1)", "a is no plain value"),
        ("#E1 = add(a=1e999, b=1)", "a is no plain value"),
        ("#E1 = write_file('a', '#E1')", "needs #E1, which comes later or not at all"),
        ("#E1 = read_file('a')\n#E2 = run_shell('echo #E1')", "puts a result into run_shell"),
        ("\n".join(f"#E{n} = add(1, 1)" for n in range(1, MOST_CALLS + 2)), f"{MOST_CALLS} are the most"),
    ],
)
def test_a_plan_of_calls_that_cannot_be_made_is_refused(text: str, fault: str) -> None:
    with pytest.raises(UnreadablePlan) as caught:
        read_calls(text, TOOLS)
    assert fault in str(caught.value)


@drawn(st.text(alphabet="#E12=() '\"\\,\n[]{}:adwrite_fl.*`-", max_size=80))
def test_whatever_a_model_writes_is_a_plan_or_is_told_why_not(text: str) -> None:
    read_steps(text)
    with suppress(UnreadablePlan):
        for call in read_calls(f"#E1 = add(1, 1)\n#E2 = write_file({text}", TOOLS):
            msgspec.json.encode(call.arguments)


def test_a_pattern_is_read_as_it_stands() -> None:
    [call] = read_calls(r'#E1 = find_text(pattern="\d+")', TOOLS)
    assert call.arguments == {"pattern": r"\d+"}


def test_a_result_is_no_part_of_a_command_whatever_the_tool_is_called() -> None:
    @tool(effect=Effect.NETWORK, command_line="line")
    def on_the_server(line: str) -> str:
        """Run a command elsewhere."""
        return line

    plan = "#E1 = read_file('a')\n#E2 = on_the_server(line='echo #E1')"
    with pytest.raises(UnreadablePlan, match="puts a result into on_the_server"):
        read_calls(plan, {**TOOLS, "on_the_server": on_the_server})


def test_the_calls_of_a_plan_are_read_however_they_are_dressed() -> None:
    text = (
        "Plan: look\n- `#E1 = read_file(\"a.txt\")`\nPlan: write\n**#E2: write_file(path='b', content=#E1)**"
    )
    first, second = read_calls(text, TOOLS)
    assert (first.tool, first.arguments, first.needs) == ("read_file", {"path": "a.txt"}, ())
    assert (second.arguments, second.needs) == ({"path": "b", "content": "#E1"}, ("E1",))


def test_steps_are_numbered_lines_with_what_follows_them() -> None:
    text = "The plan:\n\n**1.** Read a\n   - all of it\nStep 2: Write b\n\nThat is all."
    assert read_steps(text) == (("Read a - all of it", "Write b"), "")
    assert read_steps("I would read a.")[1] == "it has no numbered lines"
    many = "\n".join(f"{n}. go" for n in range(MOST_STEPS + 1))
    assert read_steps(many)[1] == f"it has {MOST_STEPS + 1} steps, and {MOST_STEPS} are the most"
    assert read_steps("NOTHING.", may_be_empty=True) == ((), "")


async def test_a_prompt_that_lost_its_place_is_named(stage: Stage, tmp_path: Any) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies/plan-and-execute.md").write_text("---\nversion: 1\n---\nPlan.")
    agent = stage.agent(["x"], strategy=make_strategy("plan-and-execute"), library=library_of(user=tmp_path))
    with pytest.raises(PromptError, match="prompt strategies/plan-and-execute: it has no place for most"):
        await agent.run(stage.start())


@pytest.mark.parametrize("name", ["plan-and-execute", "rewoo"])
async def test_the_next_task_of_a_run_is_planned_anew(name: str, stage: Stage) -> None:
    agent = stage.agent([*SCRIPTS[name], *SCRIPTS[name]], strategy=make_strategy(name, TOOLS))
    await agent.run(stage.start())
    await agent.say("add again")
    assert (await agent.run()).result == "added"
    purposes = [asked.purpose for asked in stage.events(Instructed)]
    half = len(purposes) // 2
    assert purposes[:half] == purposes[half:]
    planned = [event.call.id for event in stage.events(CallPlanned)]
    assert len(set(planned)) == len(planned)


async def test_what_the_person_says_meanwhile_is_no_reply_to_the_strategy(stage: Stage) -> None:
    words = iter(["", "", "and be quick"])
    agent = stage.agent(
        SCRIPTS["plan-and-execute"],
        strategy=make_strategy("plan-and-execute"),
        hear=lambda: next(words, ""),
    )
    assert (await agent.run(stage.start())).result == "added"
    assert len(agent.state.replies) == 5
