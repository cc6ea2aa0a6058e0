"""What a question shows and does before it is answered."""

import ast
import asyncio
import os
from collections.abc import Callable
from functools import wraps
from inspect import getfile
from pathlib import Path
from typing import Any

import pytest

from agentkit import Effect, ToolCall, tool
from agentkit.cli.approval import Approvals
from agentkit.cli.preview import can_be_tried
from agentkit.cli.repl.mentions import RAN, as_typed, with_files
from agentkit.settings import load_settings
from agentkit.tooling.context import ToolContext
from agentkit.tooling.discovery import installed_packs, installed_tools
from agentkit.tooling.tool import Tool

EVIL = "x\x1b[8mHIDDEN\x1b[0m\rrun ls.\nAllow it? \x9b2J\u202e"


def asked(workspace: Path, one: Tool, *answers: str, reason: str = "why", **arguments: Any) -> str:
    """All that a person sees who answers so."""
    shown: list[str] = []
    said = iter(answers)

    async def hear(question: str, default: str) -> str:
        shown.extend((question, default))
        return next(said)

    approvals = Approvals(shown.append, hear, load_settings({"workspace": str(workspace)}))
    asyncio.run(approvals(one, ToolCall("1", one.name, arguments), reason))
    return "\n".join(shown)


def writing(place: Path) -> Callable[[str], str]:
    def save(text: str) -> str:
        """Save a text."""
        place.write_text(text)
        return "saved"

    return save


def test_a_tool_of_the_user_is_not_run_to_show_what_it_would_change(tmp_path: Path) -> None:
    place = tmp_path / "real.txt"
    ours = installed_tools()["write_file"].signature.function
    disguised = wraps(ours)(lambda path, content, context: writing(place)(content))
    for function, given in ((writing(place), {"text": "x"}), (disguised, {"path": "a", "content": "x"})):
        one = tool(effect=Effect.WRITES, name="save")(function)
        assert "what save changes shows only when it runs" in asked(tmp_path, one, "d", "n", **given)
        assert not place.exists()


def test_a_tool_of_ours_is_tried_out_on_a_copy(tmp_path: Path) -> None:
    write = installed_tools()["write_file"]
    assert "+x" in asked(tmp_path, write, "d", "n", path="a.txt", content="x")
    assert list(tmp_path.iterdir()) == []


def test_what_is_tried_out_cannot_name_files_but_through_the_workspace() -> None:
    known = [*installed_tools().values(), *(one for pack in installed_packs() for one in pack.tools)]
    tried = [one for one in known if can_be_tried(one)]
    assert {one.name for one in tried} >= {"write_file", "edit_file", "apply_patch", "create_archive"}
    for file in {getfile(one.signature.function) for one in tried}:
        nodes = list(ast.walk(ast.parse(Path(file).read_text())))
        imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
        imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        assert not imported & {"os", "shutil", "subprocess", "socket", "tempfile", "ctypes"}, file
        names = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert not names & {"open", "exec", "eval", "Path"}, file


def test_a_reason_cannot_steer_the_terminal_or_ask_a_question_of_its_own(tmp_path: Path) -> None:
    text = asked(tmp_path, installed_tools()["write_file"], "n", reason=EVIL, path="a", content="b")
    assert r"x\u001b[8mHIDDEN\u001b[0m\rrun ls.\nAllow it? \u009b2J\u202e. Allow it?" in text
    assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(text)


def test_why_and_the_arguments_to_edit_show_no_control_characters(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / EVIL)
    shell = installed_tools()["run_shell"]
    text = asked(tmp_path, shell, "w", "e", "", "n", command=f"ls\x1b[8m {EVIL}")
    assert "could not be undone, which is not kept" in text
    assert r"ls\u001b[8m" in text
    assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(text)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_does_not_go_along_with_a_message(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "p")
    text, notes = with_files("look at @p", tmp_path)
    assert text == "look at @p"
    assert notes == ["p cannot be read: it is a pipe, a socket or a device, not a file"]


def test_the_words_of_a_message_are_told_from_what_went_along(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("milk\n\n[b.txt]\neggs\n")
    words, ran = "read @a.txt and @./a.txt,\n\n[really]\nall", f"{RAN}1):\n$ ls\n\nx"
    message, notes = with_files(words, tmp_path)
    assert message != words
    assert notes[0] == "a.txt goes along: 4 lines"
    assert as_typed(message) == as_typed(words) == (words, "")
    assert as_typed(f"{message}\n\n{ran}") == as_typed(f"{words}\n\n{ran}") == (words, ran)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("new.txt", "new.txt is no JSON from character 1 on (Expecting value)"),
        ('["new.txt"]', '["new.txt"] is no JSON object'),
        ('{"path": 1, "content": ""}', "argument path: Input should be a valid string, found 1"),
    ],
)
def test_arguments_that_cannot_be_are_told_with_what_would_work(
    tmp_path: Path, typed: str, told: str
) -> None:
    write = installed_tools()["write_file"]
    seen = asked(tmp_path, write, "e", typed, "", "n", path="a.txt", content="one")
    assert f"these arguments cannot be: {told}" in seen
    assert 'they were {"path": "a.txt", "content": "one"}; an empty line leaves them so' in seen


def test_a_call_that_leads_somewhere_is_asked_about_each_time(tmp_path: Path) -> None:
    async def found(given: Any, context: ToolContext) -> str:
        raise AssertionError(given, context)  # the dispatcher finds it, and asks with it

    @tool(effect=Effect.NETWORK, leads_to=found)
    def send(to: str) -> None:
        """Send."""

    edited = asked(tmp_path, send, "e", '{"to": "b"}', "y", reason="it leads to a.example", to="a")
    assert "asked again with where it leads then. Allow it?" in edited.partition('send(to="b")')[2]
    assert "a.example" not in edited.partition('send(to="b")')[2]

    questions: list[str] = []

    async def hear(question: str, _: str) -> str:
        questions.append(question)
        return "y -3"

    approvals = Approvals(lambda _: None, hear, load_settings({"workspace": str(tmp_path)}))
    for place in ("a", "b"):
        asyncio.run(approvals(send, ToolCall("1", "send", {"to": place}), f"it leads to {place}"))
    assert [question.partition(".")[0] for question in questions] == ["it leads to a", "it leads to b"]
