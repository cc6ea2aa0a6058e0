"""`docs/autogpt.md` holds every row, and the tools it names exist."""

import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

from agentkit.agents.strategies import STRATEGIES
from agentkit.cli.main import cli
from agentkit.tooling.discovery import PACKS, installed_packs, installed_tools
from agentkit.tooling.packs import Pack

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+|old) \| (\w+) \| (done|otherwise|issue \d+) \| (.*?) ?\|$", re.MULTILINE)
TEXT = (ROOT / "docs/autogpt.md").read_text(encoding="utf-8")
OLD = {
    "start_agent", "message_agent", "list_agents", "delete_agent", "analyze_code", "improve_code",
    "write_tests", "read_audio_from_file", "send_tweet", "download_file", "get_text_summary",
    "get_hyperlinks", "memory_add",
}  # fmt: skip
NO_TOOLS = {"undo"}
PARTS = [
    "The prompt",
    "The strategies",
    "The loop",
    "Settings, files and limits",
    "Permissions",
    "History and state",
    "Components and plugins",
]


def rows() -> list[tuple[str, ...]]:
    text = TEXT.split("\n## ")[0]
    found = ROW.findall(text)
    assert len(found) == sum(line.startswith("| ") for line in text.splitlines()) - 1, "a row cannot be read"
    return found


def packs() -> tuple[Pack, ...]:
    """Every pack of this source, whatever is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["agentkit.packs"]
    return installed_packs(["all"], [EntryPoint(name, value, PACKS) for name, value in entries.items()])


def tools() -> list[str]:
    return [*installed_tools(), *(one.name for pack in packs() for one in pack.tools)]


def test_every_command_of_autogpt_has_its_row() -> None:
    numbered = [int(number) for number, *_ in rows() if number != "old"]
    assert numbered == list(range(1, 83))
    assert {name for number, name, *_ in rows() if number == "old"} == OLD


def test_every_tool_that_is_named_exists_and_every_row_that_is_done_names_one() -> None:
    known = set(tools())
    for number, command, status, here in rows():
        named = set(re.findall(r"`(\w+)`", here)) - NO_TOOLS
        assert named <= known, f"{number} {command} names {named - known}"
        assert named or status != "done", f"{number} {command} is done by nothing"
        assert here or status.startswith("issue"), f"{number} {command} says nothing"


def test_whatever_else_it_has_has_its_row() -> None:
    """With a flag of `agentkit run`, or what stands there instead."""
    flags = {name for option in cli.commands["run"].params for name in option.opts}
    flags |= {name for option in cli.commands["config"].commands["show"].params for name in option.opts}
    parts = TEXT.split("\n## ")[1:]
    assert [part.splitlines()[0] for part in parts] == PARTS
    for part in parts:
        rows = [line for line in part.splitlines() if line.startswith("| ")][1:]
        assert rows
        for row in rows:
            found = re.fullmatch(r"\| (.+?) \| (done|otherwise) \| (.+) \|", row)
            assert found, row
            assert set(re.findall(r"`(--[a-z-]+)", found[3])) <= flags, row
    assert set(re.findall(r"`--strategy ([\w-]+)`", TEXT)) == set(STRATEGIES)


def test_no_two_tools_share_a_name_and_each_says_itself_in_words() -> None:
    names = tools()
    assert len(names) == len(set(names))
    for pack in packs():
        assert "\n" not in pack.purpose
        for one in pack.tools:
            assert "\n" not in one.description, one.name
            properties = one.signature.json_schema["properties"]
            assert all(part.get("description") for part in properties.values()), one.name
