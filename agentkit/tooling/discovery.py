"""Tools and packs of tools are found by entry point: ours and everybody's, the same way."""

import sys
from collections.abc import Collection, Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from agentkit.core.errors import SettingsError
from agentkit.tooling.packs import EVERY, EVERYDAY, LOADER, Pack, chosen
from agentkit.tooling.remembering import PACK as MEMORY
from agentkit.tooling.tool import Tool

GROUP = "agentkit.tools"
PACKS = "agentkit.packs"


def installed_tools(found: Iterable[EntryPoint] | None = None) -> dict[str, Tool]:
    """Every installed everyday tool by name, in the order of their names.

    Args:
        found: The entry points to load; those of this environment by default.

    Raises:
        SettingsError: an entry point does not load, is no tool, or two claim one name.
    """
    tools: dict[str, Tool] = {}
    for entry in _by_name(_here(GROUP) if found is None else found):
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


def installed_packs(
    names: Collection[str] = (EVERY,), found: Iterable[EntryPoint] | None = None
) -> tuple[Pack, ...]:
    """The installed packs of these names, in the order of their names; only they are loaded.

    Args:
        names: Of packs, or `all`.
        found: The entry points to load; those of this environment by default.

    Raises:
        SettingsError: there is no such pack, or an entry point does not load or is no pack.
    """
    if not names:
        return ()
    entries = {entry.name: entry for entry in _by_name(_here(PACKS) if found is None else found)}
    packs: list[Pack] = []
    for name in chosen(names, entries):
        where = f"the pack {name!r} ({entries[name].value})"
        try:
            loaded = entries[name].load()
        except Exception as error:
            raise SettingsError(f"{where} does not load: {type(error).__name__}: {error}") from error
        if not isinstance(loaded, Pack):
            raise SettingsError(f"{where} is a {type(loaded).__name__}, not a Pack")
        packs.append(loaded)
    return tuple(packs)


def enabled_packs(names: Collection[str], *, memory: bool) -> tuple[Pack, ...]:
    """The packs that a run has: those of these names, and that of memory just where it has a memory.

    Raises:
        SettingsError: as for `installed_packs`, or the pack of memory is named where there is none.
    """
    if memory:
        return installed_packs((*names, MEMORY))
    if MEMORY in names:
        raise SettingsError(f"packs = {MEMORY!r} needs to know whose memory it is: say --memory NAME instead")
    return tuple(one for one in installed_packs(names) if one.name != MEMORY)


def require_own_names(everyday: Iterable[str], packs: Iterable[Pack]) -> None:
    """Refuse two tools of one name, since a rule about it would mean either, and a pack of the name of ours.

    Raises:
        SettingsError: naming the tool and the pack.
    """
    taken = {LOADER, *everyday}
    for pack in packs:
        if pack.name == EVERYDAY:
            raise SettingsError(
                f"a pack cannot be called {EVERYDAY!r}: so are the tools that are always there"
            )
        for one in pack.tools:
            if one.name in taken:
                raise SettingsError(
                    f"the pack {pack.name!r} has a tool {one.name!r}, and there is one already"
                )
            taken.add(one.name)


def _by_name(entries: Iterable[EntryPoint]) -> list[EntryPoint]:
    return sorted(entries, key=lambda entry: entry.name)


def _here(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of this environment, as it is now."""
    return _read(group, tuple((place, _changed(place)) for place in sys.path))


@lru_cache(maxsize=8)  # the file of every installed package is read: 10 ms and more, which each run would pay
def _read(group: str, _places: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=group))


def _changed(place: str) -> int:
    """When a package was last put into a folder or taken out, in nanoseconds; 0 where there is none."""
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return 0
