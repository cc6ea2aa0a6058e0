"""Tools are found by entry point `agentkit.tools`: ours and everybody's, the same way."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from agentkit.core.errors import SettingsError
from agentkit.tooling.tool import Tool

GROUP = "agentkit.tools"


def installed_tools(found: Iterable[EntryPoint] | None = None) -> dict[str, Tool]:
    """Every installed tool by name, in the order of their names.

    Args:
        found: The entry points to load; those of this environment by default.

    Raises:
        SettingsError: an entry point does not load, is no tool, or two claim one name.
    """
    tools: dict[str, Tool] = {}
    for entry in sorted(entry_points(group=GROUP) if found is None else found, key=lambda e: e.name):
        where = f"the tool {entry.name!r} ({entry.value})"
        try:
            loaded = entry.load()
        except Exception as error:
            raise SettingsError(f"{where} does not load: {type(error).__name__}: {error}") from error
        if not isinstance(loaded, Tool):
            raise SettingsError(f"{where} is a {type(loaded).__name__}, not a tool; decorate it with @tool")
        if loaded.name in tools:
            raise SettingsError(f"{where}: another installed package already has a tool {loaded.name!r}")
        tools[loaded.name] = loaded
    return tools
