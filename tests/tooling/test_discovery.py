"""Tools come by entry point, ours and anybody's."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from agentkit.core.errors import SettingsError
from agentkit.core.messages import ToolCall
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.discovery import GROUP, installed_tools
from agentkit.tooling.tool import tool


@tool(effect=Effect.PURE)
def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@tool(effect=Effect.PURE, name="double")
def same_name() -> str:
    """Do something else."""
    return ""


@pytest.fixture(autouse=True)
def package() -> Iterator[ModuleType]:
    """What somebody else installed."""
    module = ModuleType("somebodys_tools")
    module.__dict__.update(double=double, same_name=same_name, plain=len)
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def entry(name: str, value: str | None = None) -> EntryPoint:
    return EntryPoint(name, value or f"somebodys_tools:{name}", GROUP)


async def test_a_tool_of_a_third_party_is_found_and_works(desk) -> None:
    tools = installed_tools([entry("double")])
    result = await desk.dispatcher(*tools.values()).perform(ToolCall("c", "double", {"number": 21}))
    assert (result.outcome, result.text) == (Outcome.OK, "42")


def test_our_own_come_the_same_way() -> None:
    tools = installed_tools()
    assert {"read_file", "write_file", "run_shell", "finish", "read_output"} <= set(tools)
    assert list(tools) == sorted(tools)


def test_a_package_that_is_installed_while_the_process_runs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(name: str) -> None:
        about = tmp_path / f"{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = somebodys_tools:{name}\n")

    before = installed_tools()
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_tools() == before
    install("double")
    assert installed_tools() == {**before, "double": double}


def test_every_tool_of_ours_says_what_it_does_and_what_each_argument_is() -> None:
    for name, one in installed_tools().items():
        assert one.description, name
        for argument, part in one.signature.json_schema["properties"].items():
            assert part.get("description"), f"{name}: {argument}"


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (entry("gone", "no_such_package:x"), "does not load: ModuleNotFoundError"),
        (entry("missing"), "does not load: AttributeError"),
        (entry("plain"), "is a builtin_function_or_method, not a tool; decorate it with @tool"),
    ],
)
def test_an_entry_point_that_is_no_tool_is_named(broken: EntryPoint, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        installed_tools([broken])
    assert f"the tool {broken.name!r}" in str(caught.value)


def test_two_tools_cannot_have_one_name() -> None:
    with pytest.raises(SettingsError, match="already has a tool 'double'"):
        installed_tools([entry("double"), entry("same_name")])
