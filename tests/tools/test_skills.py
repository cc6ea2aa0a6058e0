from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agentkit.core.errors import ToolFault
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Outcome, ToolResult
from agentkit.tooling.context import ToolContext
from agentkit.tooling.workspace import Workspace
from agentkit_tools import skills
from agentkit_tools.skills import load_skill, read_skill_file, unload_skill

SKILL = "---\nname: {name}\ndescription: How to {name}\n---\n\nFirst, {name}.\n"


class Done:
    """A recorded call that went well."""

    def __init__(self, tool: str, /, **arguments: Any) -> None:
        self.call = ToolCall("c", tool, arguments)
        self.result = ToolResult("c", tool, Outcome.OK, "")


def after(context: ToolContext, earlier: list[Done]) -> ToolContext:
    return replace(context, earlier=tuple(earlier))


@pytest.fixture
def context(world, tmp_path: Path):
    world.write(".agentkit/skills/bake/SKILL.md", SKILL.format(name="bake"))
    world.write(".agentkit/skills/bake/notes/oven.md", "180 °C\n")
    world.write(".agentkit/skills/nothing/README.md", "no skill")
    world.write(".agentkit/skills/untold/SKILL.md", "no front matter")
    own = tmp_path / "own"
    (own / "sew").mkdir(parents=True)
    (own / "sew/SKILL.md").write_text(SKILL.format(name="sew"))
    return world.with_(skills=own)


def test_first_only_names_and_descriptions_are_seen(context) -> None:
    assert skills.shown(context) == (
        "Skills (load_skill shows what one says):\n- bake: How to bake\n- sew: How to sew"
    )


def test_a_loaded_skill_says_what_it_says_until_it_is_unloaded(context) -> None:
    assert load_skill("bake", context).startswith("loaded bake (the project's)")
    earlier = [Done("load_skill", name="bake")]
    shown = skills.shown(after(context, earlier))
    assert "- bake" not in shown
    assert shown.endswith(
        "Skill bake (the project's):\nFirst, bake.\n[its files, for read_skill_file: notes/oven.md]"
    )
    assert skills.loaded([*earlier, Done("unload_skill", name="bake")]) == ()
    assert unload_skill("bake", after(context, earlier)) == "unloaded bake"


def test_its_files_are_read_one_by_one(context) -> None:
    assert read_skill_file("bake", "notes/oven.md", context) == "180 °C\n"
    for file in ("../../../a.txt", "oven.md", "/etc/passwd"):
        with pytest.raises(ToolFault, match=r"it has SKILL\.md, notes/oven\.md"):
            read_skill_file("bake", file, context)


def test_the_persons_own_wins_and_links_out_of_a_folder_are_not_followed(
    context, world, tmp_path: Path
) -> None:
    world.write(".agentkit/skills/sew/SKILL.md", SKILL.format(name="sew").replace("How", "Theirs"))
    assert skills.skills(context)["sew"].place == "the person's own"
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/SKILL.md").write_text(SKILL.format(name="spy"))
    (world.root / ".agentkit/skills/spy").symlink_to(tmp_path / "secret")
    assert "spy" not in skills.skills(context)


def test_five_are_the_most(context, world) -> None:
    for number in range(6):
        world.write(f".agentkit/skills/s{number}/SKILL.md", SKILL.format(name=f"s{number}"))
    earlier = [Done("load_skill", name=f"s{number}") for number in range(5)]
    with pytest.raises(ToolFault, match="5 are loaded, and that is the most"):
        load_skill("s5", after(context, earlier))
    with pytest.raises(ToolFault, match="s0 is loaded already"):
        load_skill("s0", after(context, earlier))


def test_a_skill_that_is_not_there_names_those_that_are(context, world) -> None:
    with pytest.raises(ToolFault, match="there is no skill 'bakes'; there is bake, sew"):
        load_skill("bakes", context)
    assert skills.shown(world.context) == ("Skills (load_skill shows what one says):\n- bake: How to bake")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("---\nname: x\ndescription: &a [*a]\n---\n", "it uses the anchor or alias 'a'"),
        ("---\nname: x\ndescription: !!timestamp 2024-99-99\n---\n", "it uses the tag"),
        (f"---\ndescription: {'[' * 2000}\n---\n", "nested too deeply"),
        (f"---\ndescription: {'x' * 5000}\n---\n", "4,096 are the most"),
        (f"---\ndescription: d\n---\n{'x' * 300_000}", "262,144 are the most"),
        ("---\ndescription: [a]\n---\n", "description must be text, and is a list or has parts"),
        ("---\nname: x\n---\n", "gives no description"),
        ("---\nname: x", "its front matter has no end"),
    ],
)
def test_a_broken_skill_is_listed_with_what_is_wrong(world, text: str, why: str) -> None:
    world.write(".agentkit/skills/bad/SKILL.md", text)
    world.write(".agentkit/skills/bake/SKILL.md", SKILL.format(name="bake"))
    lines = skills.shown(world.context).splitlines()
    assert lines[1].startswith("- bad: [broken] .agentkit/skills/bad/SKILL.md")
    assert why in lines[1]
    assert lines[2:] == ["- bake: How to bake"]
    with pytest.raises(ToolFault, match="bad cannot be loaded"):
        load_skill("bad", world.context)


def test_a_date_that_is_none_breaks_no_skill_and_no_run(world) -> None:
    world.write(".agentkit/skills/x/SKILL.md", "---\nname: x\ndescription: d\nwhen: 2024-99-99\n---\nbody\n")
    assert skills.shown(world.context).endswith("- x: d")


def test_only_the_folders_of_loaded_skills_are_walked(context, world, monkeypatch) -> None:
    walked: list[str] = []
    files = Workspace.files
    monkeypatch.setattr(Workspace, "files", lambda at, below="": walked.append(below) or files(at, below))
    skills.shown(context)
    assert walked == []
    skills.shown(after(context, [Done("load_skill", name="bake")]))
    assert walked == [".agentkit/skills/bake"]
