"""What a run remembers: folds over its recorded calls, shown at every step."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.assembly import Surroundings, resume_run, run_goal
from agentkit.core.errors import ToolFault
from agentkit.core.messages import ToolCall
from agentkit.core.protocols import ModelProfile, ModelRequest
from agentkit.core.tools import Outcome, ToolResult
from agentkit.models.scripted import ScriptedModel
from agentkit.settings import load_settings
from agentkit_tools import notes, opened, todo
from agentkit_tools.opened import PACK, close_file, open_file
from agentkit_tools.questions import ask_choice, ask_yes_no
from agentkit_tools.todo import set_todo, write_todo

TOOLS = {one.name: one for one in PACK.tools}


class Done:
    """A recorded call."""

    def __init__(self, name: str, outcome: Outcome = Outcome.OK, **arguments: Any) -> None:
        self.call = ToolCall("c", name, arguments)
        self.result = ToolResult("c", name, outcome, "")


def after(world, *earlier: Done):
    return world.with_(earlier=earlier)


# --- the to-do list


def test_the_list_is_shown_with_its_states(world) -> None:
    context = after(world, Done("write_todo", items=["a", "b"]), Done("set_todo", number=2, state="doing"))
    assert todo.shown(context) == (
        "Your to-do list (2 left; keep it up to date with set_todo):\n1. [ ] a\n2. [>] b"
    )
    assert todo.shown(world.context) == ""


def test_an_item_that_stays_on_the_list_keeps_its_state() -> None:
    earlier = [
        Done("write_todo", items=["a", "b"]),
        Done("set_todo", number=1, state="done"),
        Done("write_todo", items=["c", "a"]),
        Done("write_todo", Outcome.FAILED, items=["x", "x"]),
    ]
    assert todo.todo(earlier) == {"c": "open", "a": "done"}


def test_what_cannot_be_on_the_list_is_said(world) -> None:
    with pytest.raises(ToolFault, match="'a' is on the list twice"):
        write_todo(["a", "a"])
    with pytest.raises(ToolFault, match="51 items, and 50 are the most"):
        write_todo([str(number) for number in range(51)])
    with pytest.raises(ToolFault, match="there is no to-do list yet"):
        set_todo(1, "done", world.context)
    with pytest.raises(ToolFault, match="there is no item 3; the list has 1 item"):
        set_todo(3, "done", after(world, Done("write_todo", items=["a"])))


# --- notes


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.text(min_size=1))))
def test_the_notes_are_those_of_a_dictionary(steps: list[tuple[str, str | None]]) -> None:
    kept: dict[str, str] = {}
    earlier: list[Done] = []
    for key, text in steps:
        if text is not None:
            earlier.append(Done("save_note", key=key, text=text))
            kept[key] = text
        elif key in kept:
            earlier.append(Done("drop_note", key=key))
            del kept[key]
    assert notes.notes(earlier) == kept


def test_a_note_is_read_back_and_a_missing_one_names_what_there_is(world) -> None:
    context = after(world, Done("save_note", key="port", text="80 80"))
    assert notes.read_note("port", context) == "80 80"
    assert notes.shown(context) == "Your notes (read_note shows one whole):\n- port: 80 80"
    with pytest.raises(ToolFault, match="there is no note 'prt'; there is port"):
        notes.read_note("prt", context)


# --- files in view


def test_an_open_file_is_shown_as_it_is_now(world) -> None:
    world.write("a.txt", "one\n")
    context = after(world, Done("open_file", path="a.txt"))
    assert opened.shown(context) == f"{opened.DATA}\n\nOpen: a.txt\none"
    world.write("a.txt", "two\n")
    assert opened.shown(context).endswith("Open: a.txt\ntwo")
    (world.root / "a.txt").unlink()
    assert "there is no file" in opened.shown(context)


def test_what_is_closed_is_gone_and_a_long_file_is_cut_and_says_so(world) -> None:
    world.write("a.txt", "x" * 7000)
    world.write("sub/b.txt", "")
    context = after(world, Done("open_file", path="a.txt"), Done("open_file", path="sub"))
    assert "1,000 more characters; read_file shows them" in opened.shown(context)
    assert "sub/b.txt (0 bytes)" in opened.shown(context)
    assert opened.opened([*context.earlier, Done("close_file", path="a.txt")]) == ("sub",)
    with pytest.raises(ToolFault, match=r"a\.txt is open already"):
        open_file("a.txt", context)
    with pytest.raises(ToolFault, match=r"c.txt is not open; a.txt, sub is"):
        close_file("c.txt", context)
    with pytest.raises(ToolFault, match="there is no file"):
        open_file("c.txt", context)


# --- in a run


class Recording(ScriptedModel):
    """Remembers the last message of each request."""

    def __init__(self, script: Sequence[Any], profile: ModelProfile | None = None) -> None:
        super().__init__(script, profile=profile)
        self.last: list[str] = []

    def stream(self, request: ModelRequest) -> Any:
        self.last.append(getattr(request.messages[-1], "text", ""))
        return super().stream(request)


async def test_the_list_and_the_notes_stand_before_the_model_also_after_a_resume(
    workspace: Path, home: Path
) -> None:
    (workspace / "a.txt").write_text("as it is\n")
    script = [
        ToolCall("c1", "write_todo", {"items": ["look", "tell"]}),
        ToolCall("c2", "save_note", {"key": "k", "text": "kept"}),
        ToolCall("c3", "open_file", {"path": "a.txt"}),
        ToolCall("c4", "set_todo", {"number": 1, "state": "done"}),
        "told",
    ]
    first, second = Recording(script), Recording(script)
    settings = load_settings({"workspace": str(workspace), "max_steps": 4})
    outcome = await run_goal("look", settings, Surroundings(model=first, tools=TOOLS))
    assert "to-do" not in first.last[0]
    assert "1. [ ] look" in first.last[1]

    around = Surroundings(model=second, tools=TOOLS)
    ended = await resume_run(outcome.run_id, load_settings({"max_steps": 9}), around)
    assert ended.ended.result == "told"
    assert all(words in second.last[0] for words in ("1. [ ] look", "- k: kept", "Open: a.txt\nas it is"))
    assert "1. [x] look" in second.last[1]


async def test_open_files_never_take_more_than_a_part_of_the_window(workspace: Path, home: Path) -> None:
    (workspace / "a.txt").write_text("word " * 1100)
    script = [ToolCall("c1", "open_file", {"path": "a.txt"}), "seen"]
    model = Recording(script, ModelProfile(context_window=2000, max_output_tokens=200))
    settings = load_settings({"workspace": str(workspace)})
    outcome = await run_goal("look", settings, Surroundings(model=model, tools=TOOLS))
    assert outcome.ended.result == "seen"
    assert "more characters are left out: close or drop something]" in model.last[1]
    assert len(model.last[1]) < 2200


# --- questions


def answering(*answers: str):
    waiting = list(answers)

    async def ask(question: str) -> str:
        asked.append(question)
        return waiting.pop(0)

    asked: list[str] = []
    ask.asked = asked  # type: ignore[attr-defined]
    return ask


@pytest.mark.parametrize(("said", "means"), [("Y", "yes"), ("no", "no"), ("hm|Yes", "yes")])
def test_yes_and_no_are_understood_and_anything_else_asked_again(world, said: str, means: str) -> None:
    ask = answering(*said.split("|"))
    assert asyncio.run(ask_yes_no("go?", world.with_(ask=ask))) == means


def test_who_never_answers_is_not_asked_for_ever(world) -> None:
    ask = answering("hm", "hm", "hm", "yes")
    with pytest.raises(ToolFault, match="neither yes nor no"):
        asyncio.run(ask_yes_no("go?", world.with_(ask=ask)))


@pytest.mark.parametrize(
    ("said", "several", "means"),
    [("2", False, "tea"), ("TEA", False, "tea"), ("1, 2", True, "milk, tea"), ("1,2|1", False, "milk")],
)
def test_a_choice_is_made_by_number_or_by_its_words(world, said: str, several: bool, means: str) -> None:
    ask = answering(*said.split("|"))
    assert asyncio.run(ask_choice("what?", ["milk", "tea"], world.with_(ask=ask), several)) == means
    assert "1. milk\n2. tea" in ask.asked[0]
    with pytest.raises(ToolFault, match="2 to 20 choices"):
        asyncio.run(ask_choice("what?", ["milk"], world.with_(ask=ask)))
