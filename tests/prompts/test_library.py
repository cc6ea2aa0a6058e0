"""Prompt files say what they are, and a mistake in one is an error with the file's name."""

import os
from pathlib import Path

import pytest

from agentkit.core.errors import PromptError
from agentkit.core.messages import AssistantMessage, SystemMessage, ToolMessage, UserMessage
from agentkit.prompts.library import MOST_BYTES, PROJECT_FOLDER, Entry, library_of, load_prompt
from agentkit.prompts.prompt_file import parse_prompt

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
    assert library_of(user=tmp_path).load("agent/small").used.version == "mine"
    assert load_prompt("agent/small").used.version != "mine"


def test_an_unknown_prompt_names_those_there_are() -> None:
    with pytest.raises(PromptError, match="agent/small"):
        load_prompt("agent/smal")


def lay(folder: Path, name: str, text: str = '---\nversion: "mine"\n---\nMine.') -> Path:
    file = folder / f"{name}.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_the_projects_prompt_comes_before_the_users_before_ours(tmp_path: Path) -> None:
    user, project = tmp_path / "user", tmp_path / "project"
    lay(user, "agent/small", '---\nversion: "user\'s"\n---\nx')
    lay(project / PROJECT_FOLDER, "agent/small", '---\nversion: "project\'s"\n---\nx')
    lay(user, "mine/only")
    library = library_of(user, project)
    used = library.load("agent/small").used
    assert (used.version, used.origin) == ("project's", "project")
    assert library_of(user).load("agent/small").used.origin == "user"
    assert library_of().load("agent/small").used.origin == "ours"
    entries = {entry.name: (entry.origin, entry.overrides) for entry in library.entries()}
    assert entries["agent/small"] == ("project", ("user", "ours"))
    assert entries["mine/only"] == ("user", ())
    assert entries["agent/system"] == ("ours", ())


def test_of_shelves_only_those_are_looked_at_that_are_there(tmp_path: Path) -> None:
    user, project = tmp_path / "user", tmp_path / "project"
    lay(user, "agent/small", '---\nversion: "user\'s"\n---\nx')
    library = library_of(user, project).standing()
    assert [shelf.origin for shelf in library.shelves] == ["user"]
    assert library.load("agent/small").used.origin == "user"
    lay(project / PROJECT_FOLDER, "agent/small")
    assert library_of(user, project).standing() == library_of(user, project)


def test_a_folder_that_cannot_be_looked_at_is_said_when_it_is_read(tmp_path: Path) -> None:
    library = library_of(tmp_path / ("x" * 300)).standing()
    with pytest.raises(PromptError, match="cannot be read"):
        library.load("agent/small")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "agent", "agent/", "", "agent/.small"])
def test_a_name_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    lay(tmp_path, "secret")
    with pytest.raises(PromptError, match="no prompt"):
        library_of(user=tmp_path / "prompts").load(name)


def test_a_projects_prompt_must_lie_in_the_project(tmp_path: Path) -> None:
    secret = lay(tmp_path, "secret")
    project = tmp_path / "project"
    file = lay(project / PROJECT_FOLDER, "agent/small")
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(PromptError, match="leads out of"):
        library_of(project=project).load("agent/small")
    inside = lay(project, "inside")
    file.unlink()
    file.symlink_to(inside)
    assert library_of(project=project).load("agent/small").used.version == "mine"


def test_a_folder_that_leads_out_of_the_project_is_no_way_out(tmp_path: Path) -> None:
    lay(tmp_path / "elsewhere", "agent/small")
    project = tmp_path / "project"
    (project / PROJECT_FOLDER).parent.mkdir(parents=True)
    (project / PROJECT_FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PromptError, match="leads out of"):
        library_of(project=project).load("agent/small")


def test_the_user_may_link_to_prompts_kept_elsewhere(tmp_path: Path) -> None:
    real = lay(tmp_path / "dotfiles", "agent/small")
    link = lay(tmp_path / "user", "agent/small")
    link.unlink()
    link.symlink_to(real)
    assert library_of(user=tmp_path / "user").load("agent/small").used.origin == "user"


def test_what_is_no_file_of_a_prompts_size_is_refused(tmp_path: Path) -> None:
    file = lay(tmp_path, "agent/small", "---\nversion: 1\n---\n" + "x" * MOST_BYTES)
    with pytest.raises(PromptError, match=r"longer than 65,536 bytes"):
        library_of(user=tmp_path).load("agent/small")
    file.unlink()
    os.mkfifo(file)  # nobody writes into it: reading would never end
    with pytest.raises(PromptError, match="not a file"):
        library_of(user=tmp_path).load("agent/small")
    file.unlink()
    file.write_bytes(b"---\nversion: 1\n---\n\xff")
    with pytest.raises(PromptError, match="not UTF-8 at byte 19"):
        library_of(user=tmp_path).load("agent/small")


def test_a_file_that_stands_for_a_value_without_end_is_refused_at_once(tmp_path: Path) -> None:
    nested = "\n".join(f"  - &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))
    text = f"---\nversion: 1\nexamples:\n  - &a0 x\n{nested}\n---\nx"
    with pytest.raises(PromptError, match=r"x\.md: .* it uses the anchor or alias 'a0'"):
        parse_prompt("x", text, "x.md")


def test_a_date_in_a_prompt_is_text_even_when_there_is_no_such_day() -> None:
    assert parse_prompt("x", "---\nversion: 2024-99-99\n---\nx", "x.md").used.version == "2024-99-99"


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        ("version: [1]", r"version is \[1\]; it must be text or a number"),
        ("version: 1\nuser: 3", "user is 3; it must be text"),
        ("version: 1\nprofiled: [x]", r"profiled is \['x'\]; it must be text"),
        ("version: 1\nexamples: x", "examples is 'x'; it must be a list"),
    ],
)
def test_a_part_of_the_wrong_kind_is_refused(head: str, complaint: str) -> None:
    with pytest.raises(PromptError, match=complaint):
        parse_prompt("x", f"---\n{head}\n---\nx", "x.md")


@pytest.mark.parametrize("entry", library_of().entries(), ids=lambda entry: entry.name)
def test_every_prompt_of_ours_can_be_used(entry: Entry) -> None:
    prompt = library_of().load(entry.name)
    assert prompt.body.text
    assert not prompt.profiled or library_of().load(prompt.profiled)
