"""Prompt files say what they are, and a mistake in one is an error with the file's name."""

from pathlib import Path

import pytest

from agentkit.core.errors import PromptError
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolMessage, UserMessage
from agentkit.prompts.library import load_prompt, parse_prompt

FILE = """---
version: "3"
user: "Do {goal}"
examples:
  - user: before
  - call: read_file
    path: a.txt
  - error: gone
  - answer: it is gone
---
You work in {place}.
"""


def test_a_prompt_renders_system_examples_and_goal_in_order() -> None:
    opening = parse_prompt("x", FILE, "x.md").render({"goal": "it", "place": "here"})
    assert [type(message) for message in opening] == [
        SystemMessage,
        UserMessage,
        AssistantMessage,
        ToolMessage,
        AssistantMessage,
        UserMessage,
    ]
    assert opening[0] == SystemMessage("You work in here.")
    assert opening[-1] == UserMessage("Do it")


def test_the_digest_is_of_the_whole_file() -> None:
    one, two = parse_prompt("x", FILE, "x.md"), parse_prompt("x", FILE + "more", "x.md")
    assert one.used.digest != two.used.digest
    assert one.used.version == "3"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no front matter", "front matter"),
        ("---\nversion: [\n---\nx", "not YAML"),
        ("---\nuser: x\n---\nx", "must give a version"),
        ('---\nversion: "1"\nautor: me\n---\nx', "unknown key 'autor'"),
        ('---\nversion: "1"\nexamples: [{say: hi}]\n---\nx', "an example is"),
    ],
)
def test_a_broken_file_is_named(text: str, complaint: str) -> None:
    with pytest.raises(PromptError, match=r"broken\.md") as caught:
        parse_prompt("broken", text, "broken.md")
    assert complaint in str(caught.value)


def test_a_value_without_a_place_is_an_error() -> None:
    with pytest.raises(PromptError, match="no place for colour"):
        parse_prompt("x", FILE, "x.md").render({"goal": "a", "place": "b", "colour": "c"})


def test_the_users_folder_comes_before_ours(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "small.md").write_text('---\nversion: "mine"\n---\nMine.', encoding="utf-8")
    assert load_prompt("agent/small", [tmp_path]).used.version == "mine"
    assert load_prompt("agent/small").used.version != "mine"


def test_an_unknown_prompt_names_those_there_are() -> None:
    with pytest.raises(PromptError, match="agent/small"):
        load_prompt("agent/smal")
