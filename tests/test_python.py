"""Goals from Python, as a beginner writes them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentkit import (
    ChatPromptTemplate,
    Effect,
    JsonParser,
    ListParser,
    PromptTemplate,
    ScriptedModel,
    TextParser,
    UsageError,
    as_runnable,
    run,
    tool,
)


def double(number: int) -> int:
    """Twice a number."""
    return 2 * number


@pytest.mark.parametrize(
    ("tools", "told"),
    [
        ([double], "tools holds double, which is no tool; write @tool above it"),
        (
            [tool(effect=Effect.PURE)(double), "read_file"],
            "tools holds 'read_file', which is no tool; the installed tools",
        ),
        (tool(effect=Effect.PURE)(double), "tools must be a list of tools; found "),
        (7, "tools must be a list of tools; found 7"),
    ],
    ids=["a function", "a name", "no list", "a number"],
)
def test_what_is_no_tool_is_told_with_the_way_to_make_one(tools: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=told) as raised:
        run("double seven", tools=tools, model=ScriptedModel(["14"]), workspace=tmp_path)
    assert raised.value.__context__ is None  # nothing else went wrong before it


def test_a_goal_that_is_no_text_is_refused(tmp_path: Path) -> None:
    goal: Any = 7
    with pytest.raises(UsageError, match="a goal is said in words; found 7"):
        run(goal, model=ScriptedModel(["14"]), workspace=tmp_path)


def test_an_effect_that_there_is_not_is_refused() -> None:
    effect: Any = "pur"
    with pytest.raises(UsageError, match="effect = 'pur' cannot be; it must be one of pure, reads, "):
        tool(effect=effect)(double)


def test_a_model_in_a_chain_is_told_how_to_become_a_step() -> None:
    model: Any = ScriptedModel([])
    with pytest.raises(UsageError, match=r"found .*ScriptedModel.*; as_runnable\(MODEL\) makes a step"):
        ChatPromptTemplate(("user", "Say {what}")) | model


def test_a_tool_is_offered(tmp_path: Path) -> None:
    work, journal = tmp_path / "work", tmp_path / "journal.db"
    work.mkdir()
    model = ScriptedModel(["14"])
    outcome = run(
        "double seven",
        tools=[tool(effect=Effect.PURE)(double)],
        model=model,
        workspace=str(work),
        journal=str(journal),
    )
    assert outcome.ended.result == "14"
    assert "double" in [spec.name for spec in model.requests[0].tools]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"max_steps": "many"}, "^max_steps=: max_steps = 'many' cannot be; it must be a whole number"),
        ({"max_step": 3}, "^max_step=: 'max_step' is not a setting; did you mean max_steps"),
        ({"journal": "work/j.db"}, r"name another with --journal \(in Python journal="),
        ({"model": "openai:x", "max_cost": 1, "base_url": "http://127.0.0.1:9/v1"}, r"in Python prices="),
    ],
    ids=["value", "name", "journal", "price"],
)
def test_what_cannot_be_is_told_in_the_words_of_the_call(
    given: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told):
        run("do it", **{"model": ScriptedModel(["x"]), "workspace": "work", **given})


STEPS = {
    "prompt": PromptTemplate("Dear {name}"),
    "chat": ChatPromptTemplate(("user", "Dear {name}")),
    "model": as_runnable(ScriptedModel(["x"])),
    "text": TextParser(),
    "list": ListParser(),
    "json": JsonParser(),
    "several": PromptTemplate("Dear {name}").map(),
}


@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("way", ["invoke", "stream", "batch"])
@pytest.mark.parametrize(
    "value", [None, 3, b"x", {1: "x"}, [object()]], ids=["nothing", "a number", "bytes", "a dict", "objects"]
)
def test_what_a_step_cannot_take_is_told_in_our_words(step: str, way: str, value: Any) -> None:
    one: Any = STEPS[step]
    ways: dict[str, Callable[[Any], Any]] = {
        "invoke": one.invoke,
        "stream": lambda it: list(one.stream(it)),
        "batch": lambda it: one.batch([it]),
    }
    with pytest.raises(UsageError, match="found "):
        ways[way](value)
