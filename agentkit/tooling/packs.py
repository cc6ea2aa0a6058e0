"""Packs of tools: what a model is shown at once, and what it has to ask for.

A pack decides what stands in the prompt and nothing else. Policy decides about a tool in the same way
whether its pack is loaded or not, so loading one opens no way around a rule.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from agentkit.core.errors import SettingsError, ToolFault
from agentkit.core.tools import Effect, Outcome
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import Earlier, ToolContext
from agentkit.tooling.tool import Tool, signature_line, tool

LOADER = "load_tools"
"""What a model calls to be shown a pack."""

EVERYDAY = "everyday"
"""The pack of the tools that are shown from the start."""

EVERY = "all"
"""Stands for every installed pack."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Tools that are wanted together, beside the everyday ones."""

    name: str
    purpose: str
    """When somebody would want it, in one line: all that the model sees before it is loaded."""
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tools that there is no room for at once, in packs that each fit into it."""

    always: frozenset[str]
    """What a run cannot be ended or gone on with without: shown whatever else is."""
    packs: Mapping[str, Pack]
    """By name, those of everyday tools first; a pack that is larger than the room is in parts."""
    room: int
    """How many tools can be shown beside those that always are."""

    def shown(self, asked: Sequence[str], used: Collection[str]) -> frozenset[str]:
        """The tools that are shown: never more than there is room for.

        First comes the pack that was asked for last, whole; then as many everyday tools as fit, those that
        were used before the others, and basic ones before the rest; then older packs while they fit whole.

        Args:
            asked: The packs that were asked for, the latest last.
            used: The tools that were called before the last of them was.
        """
        latest, *older = [*(name for name in reversed(asked) if name in self.packs), EVERYDAY]
        shown = [one.name for one in self.packs[latest].tools]
        rest = [one.name for one in self.packs[EVERYDAY].tools if one.name not in shown]
        shown += sorted(rest, key=lambda name: name not in used)[: self.room - len(shown)]
        for name in older:
            names = [one.name for one in self.packs[name].tools if one.name not in shown]
            if len(shown) + len(names) > self.room:
                break
            shown += names
        return self.always | frozenset(shown)


@dataclass(frozen=True, slots=True)
class Offering:
    """Every tool of a run, and those of them that are shown on request only."""

    tools: Mapping[str, Tool]
    shelf: Shelf | None = None

    @property
    def packs(self) -> tuple[Pack, ...]:
        """What can be loaded."""
        return () if self.shelf is None else _on_request(self.shelf)

    def hidden(self, earlier: Sequence[Earlier]) -> frozenset[str]:
        """The tools that are not shown now, given what was called before."""
        if self.shelf is None:  # asked at every step, and most runs have none
            return frozenset()
        return frozenset(self.tools) - self.shelf.shown(loaded(earlier), _used(earlier))


def offering(
    everyday: Mapping[str, Tool], packs: Sequence[Pack], most: int, offers: Callable[[Tool], bool]
) -> Offering:
    """How tools are offered to a model that can take `most` of them at once.

    Everything is shown when it fits. Else packs are loaded on request, by a tool that is added, and never
    more than `most` are shown (of fewer than three, three: the end, the loader, and one to work with).

    Args:
        everyday: Shown as long as there is room.
        packs: Beside them.
        most: What the model's profile says.
        offers: Whether policy leaves anything of a tool; what it denies is in no pack's list.
    """
    tools = {**everyday, **{one.name: one for pack in packs for one in pack.tools}}
    if sum(offers(one) for one in tools.values()) <= most:
        return Offering(tools)
    usable = list(filter(offers, everyday.values()))
    always = frozenset(one.name for one in usable if one.ends_run) | {LOADER}
    room = max(most - len(always), 1)
    others = sorted((one for one in usable if one.name not in always), key=lambda one: not one.basic)
    daily = Pack(EVERYDAY, "to read, write and run", tuple(others))
    wanted = [Pack(one.name, one.purpose, tuple(filter(offers, one.tools))) for one in packs]
    parts = [part for pack in wanted if pack.tools for part in _parts(pack, room)]
    if not parts and len(daily.tools) <= room + 1:
        return Offering(tools)  # without the loader they fit
    shelf = Shelf(always, {one.name: one for one in (*_parts(daily, room), *parts)}, room)
    return Offering({**tools, LOADER: loader(shelf)}, shelf)


def _parts(pack: Pack, room: int) -> list[Pack]:
    """The pack, or as many as it takes for each to fit; there is a first in any case."""
    first = Pack(pack.name, pack.purpose, pack.tools[:room])
    others = [
        Pack(f"{pack.name}/{start // room + 1}", f"more of {pack.name}", pack.tools[start : start + room])
        for start in range(room, len(pack.tools), room)
    ]
    return [first, *others]


def _on_request(shelf: Shelf) -> tuple[Pack, ...]:
    """The packs that asking for makes a difference; the everyday one only where it can be put away."""
    daily, *others = shelf.packs.values()
    goes = any(len(one.tools) + len(daily.tools) > shelf.room for one in others)
    return (*others, daily) if goes and daily.tools else tuple(others)


def loader(shelf: Shelf) -> Tool:
    """The tool that loads a pack; it says of each what it is for."""
    packs = _on_request(shelf)
    by_name = {pack.name: pack for pack in packs}

    def load_tools(pack: str, context: ToolContext) -> str:
        wanted = by_name.get(pack)
        if wanted is None:
            raise ToolFault(f"there is no pack {pack!r}; there is {', '.join(by_name)}")
        before = loaded(context.earlier)
        now = shelf.shown([*before, pack], {one.call.name for one in context.earlier})
        gone = shelf.shown(before, _used(context.earlier)) - now
        lines = [f"loaded {pack}; from now on you can call:", *map(_line, wanted.tools)]
        if away := [
            name for name, one in shelf.packs.items() if any(part.name in gone for part in one.tools)
        ]:
            lines.append(
                f"put away to make room: {', '.join(sorted(gone))}; "
                f"load {' or '.join(away)} again when you need them"
            )
        if parts := [name for name in by_name if name.startswith(f"{pack}/")]:
            lines.append(f"the rest of {pack} is in {', '.join(parts)}")
        return "\n".join(lines)

    # what can be loaded is known only here, and so is what the model has to read about it
    load_tools.__annotations__["pack"] = Annotated[str, Choices("pack", lambda _: tuple(by_name))]
    # one sentence: of longer words a small model is shown the first only
    listed = "; ".join(f"{pack.name} ({pack.purpose})" for pack in packs)
    load_tools.__doc__ = (
        f"Get more tools, by the name of their pack: {listed}.\n\nArgs:\n    pack: Which of them."
    )
    return tool(effect=Effect.PURE)(load_tools)


def loaded(earlier: Sequence[Earlier]) -> list[str]:
    """The packs that were asked for, the latest last: read from the record, so a resumed run has them too."""
    names = [
        str(one.call.arguments["pack"])
        for one in earlier
        if one.call.name == LOADER and one.result.outcome is Outcome.OK
    ]
    return list(reversed(dict.fromkeys(reversed(names))))


def _used(earlier: Sequence[Earlier]) -> frozenset[str]:
    """What was called before the last pack was loaded: what is shown changes with a load, and not between."""
    loads = [
        at for at, one in enumerate(earlier) if one.call.name == LOADER and one.result.outcome is Outcome.OK
    ]
    return frozenset(one.call.name for one in earlier[: loads[-1]]) if loads else frozenset()


def _line(one: Tool) -> str:
    return f"{signature_line(one)}: {one.description.splitlines()[0]}"


def chosen(names: Collection[str], known: Collection[str]) -> list[str]:
    """The packs that are meant by `names`, in the order in which they are known.

    Raises:
        SettingsError: one of them is not installed; the message says which are.
    """
    if unknown := sorted(set(names) - set(known) - {EVERY}):
        raise SettingsError(
            f"packs = {unknown[0]!r} names no pack that is installed; "
            f"known: {', '.join(known) or 'none'}, or {EVERY}"
        )
    return [name for name in known if name in names or EVERY in names]
