"""Skills: instructions in folders, seen by name, then whole, then file by file.

A skill is a folder with a `SKILL.md`: front matter with `name` and `description`, then what to do. They
lie in the project's `.agentkit/skills/` and in the person's own folder, which wins where a name is in both.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from agentkit.core.errors import FrontMatterError, ToolFault, WorkspaceError
from agentkit.core.tools import Effect
from agentkit.front_matter import parted
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import Earlier, ToolContext, still_held
from agentkit.tooling.nearest import listed
from agentkit.tooling.packs import Pack
from agentkit.tooling.tool import tool
from agentkit.tooling.workspace import Workspace
from agentkit_tools.page import page
from agentkit_tools.text import decoded

PROJECT = ".agentkit/skills"
FILE = "SKILL.md"
MOST_LOADED = 5
LONGEST = 8000
"""Characters of a skill's instructions; more belongs into its files."""
LONGEST_DESCRIPTION = 300
LONGEST_HEAD = 4096
"""Characters of front matter; it is read at every step."""
LARGEST_FILE = 262_144
"""Bytes of a `SKILL.md`."""


@dataclass(frozen=True, slots=True)
class Skill:
    """A folder of instructions."""

    name: str
    description: str
    body: str
    place: str
    """The project's, or the person's own."""
    broken: str = ""
    """What is wrong with its `SKILL.md`, if it cannot be used."""


KnownSkill = Annotated[str, Choices("skill", lambda context: _usable(skills(context)))]
LoadedSkill = Annotated[str, Choices("loaded skill", lambda context: loaded(context.earlier))]


def shown(context: ToolContext) -> str:
    """The skills by name, and what those that are loaded say."""
    with ExitStack() as ours:
        found = {one.skill.name: one for one in reversed(list(_places(context, ours)))}
        if not found:
            return ""
        names = loaded(context.earlier)
        parts = ["Skills (load_skill shows what one says):"]
        parts += [_line(one.skill) for name, one in sorted(found.items()) if name not in names]
        parts += [_whole(name, found.get(name)) for name in names]
    return "\n".join(parts)


def _line(skill: Skill) -> str:
    return f"- {skill.name}: {f'[broken] {skill.broken}' if skill.broken else skill.description}"


def _whole(name: str, place: "_Place | None") -> str:
    if place is None:
        return f"Skill {name}:\n[it is not there any more]"
    skill = place.skill
    files = _files(place)
    more = f"\n[its files, for read_skill_file: {listed(files)}]" if files else ""
    body = f"[broken] {skill.broken}" if skill.broken else skill.body
    return f"Skill {name} ({skill.place}):\n{body}{more}"


@tool(effect=Effect.READS, pinned=shown)
def load_skill(name: KnownSkill, context: ToolContext) -> str:
    """Keep what a skill says before your eyes.

    Args:
        name: The skill.
    """
    skill = _skill(name, context)
    names = loaded(context.earlier)
    if name in names:
        raise ToolFault(f"{name} is loaded already")
    if len(names) >= MOST_LOADED:
        raise ToolFault(f"{MOST_LOADED} are loaded, and that is the most; unload one of {listed(names)}")
    return f"loaded {name} ({skill.place}): what it says stands before you until unload_skill"


@tool(effect=Effect.PURE)
def unload_skill(name: LoadedSkill, context: ToolContext) -> str:
    """Take a skill away again.

    Args:
        name: A loaded skill.
    """
    names = loaded(context.earlier)
    if name not in names:
        raise ToolFault(f"{name} is not loaded; {listed(names) or 'none'} is")
    return f"unloaded {name}"


@tool(effect=Effect.READS)
def read_skill_file(name: KnownSkill, file: str, context: ToolContext, first_line: int = 1) -> str:
    """Read a file of a skill.

    Args:
        name: The skill.
        file: One of its files.
        first_line: The line to begin with.
    """
    with ExitStack() as ours:
        place = next((one for one in _places(context, ours) if one.skill.name == name), None)
        if place is None:
            raise _no_such(name, skills(context))
        files = (FILE, *_files(place))
        if file not in files:
            raise ToolFault(f"{name} has no file {file!r}; it has {listed(files)}")
        text = decoded(place.workspace.read_bytes(f"{place.folder}/{file}"), file).shown
        return page(text, first_line, 200, f'"{file}"')


def skills(context: ToolContext) -> dict[str, Skill]:
    """Every skill by name, also those that cannot be used; of a folder that is none, nothing is said."""
    with ExitStack() as ours:
        found = {one.skill.name: one.skill for one in reversed(list(_places(context, ours)))}
    return dict(sorted(found.items()))


def loaded(earlier: Sequence[Earlier]) -> tuple[str, ...]:
    """The loaded skills, as the calls so far made them."""
    return still_held(earlier, load_skill.name, unload_skill.name, "name")


def _skill(name: str, context: ToolContext) -> Skill:
    found = skills(context)
    if name not in found:
        raise _no_such(name, found)
    if found[name].broken:
        raise ToolFault(f"{name} cannot be loaded: {found[name].broken}")
    return found[name]


def _no_such(name: str, found: Mapping[str, Skill]) -> ToolFault:
    usable = _usable(found)
    there = f"there is {listed(usable)}" if usable else f"there are none in {PROJECT}"
    return ToolFault(f"there is no skill {name!r}; {there}")


def _usable(found: Mapping[str, Skill]) -> tuple[str, ...]:
    return tuple(name for name, skill in found.items() if not skill.broken)


@dataclass(frozen=True, slots=True)
class _Place:
    """A skill with where it lies."""

    skill: Skill
    workspace: Workspace
    folder: str


def _places(context: ToolContext, ours: ExitStack) -> Iterator[_Place]:
    """Each skill with where it lies, the person's own first."""
    places: list[tuple[str, Workspace, str]] = [("the project's", context.workspace, PROJECT)]
    if context.skills is not None and context.skills.is_dir():
        try:
            own = ours.enter_context(Workspace.open(context.skills))
            places.insert(0, ("the person's own", own, "."))
        except WorkspaceError as error:
            raise ToolFault(str(error)) from None
    for place, workspace, folder in places:
        if workspace.kind(folder) != "folder":
            continue
        for entry in workspace.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.kind == "folder" and (skill := _read(workspace, path, place)) is not None:
                yield _Place(skill, workspace, path)


def _read(workspace: Workspace, folder: str, place: str) -> Skill | None:
    """The skill in a folder; one that is broken goes by the folder's name and says what is wrong."""
    file = f"{folder}/{FILE}".removeprefix("./")
    if workspace.kind(file) != "file":
        return None
    size = workspace.size(file)
    if size > LARGEST_FILE:
        why = f"{file} has {size:,} bytes; {LARGEST_FILE:,} are the most"
        return Skill(folder.rsplit("/", 1)[-1], "", "", place, broken=why)
    return _said(workspace.read_bytes(file), file, place)


@lru_cache(maxsize=64)  # looked at several times a step, and hardly ever changed
def _said(data: bytes, file: str, place: str) -> Skill | None:
    folder = file.split("/")[-2]
    try:
        matter, body = parted(decoded(data, file).shown, file, LONGEST_HEAD)
        return None if matter is None else _made(matter, body.strip(), folder, file, place)
    except (ToolFault, FrontMatterError) as error:
        return Skill(folder, "", "", place, broken=str(error))


def _made(matter: Mapping[str, Any], body: str, folder: str, file: str, place: str) -> Skill:
    given: dict[str, object] = {key: matter.get(key) for key in ("name", "description")}
    for key, value in given.items():
        if isinstance(value, list | dict):
            raise ToolFault(f"{file}: {key} must be text, and is a list or has parts of its own")
    name = str(given["name"] or folder).strip()
    description = " ".join(str(given["description"] or "").split())
    if not description:
        raise ToolFault(f"{file}: its front matter gives no description")
    if not name.isprintable():
        raise ToolFault(f"{file}: the name {name!r} cannot be written on a line")
    if len(body) > LONGEST:
        body = f"{body[:LONGEST]}\n[cut; read_skill_file shows all of {FILE}]"
    return Skill(name, description[:LONGEST_DESCRIPTION], body, place)


def _files(place: _Place) -> tuple[str, ...]:
    """What lies beside `SKILL.md`, from the skill's own folder."""
    folder = place.folder.removeprefix("./")
    paths = (path.removeprefix(f"{folder}/") for path in place.workspace.files(folder))
    return tuple(path for path in paths if path != FILE)


PACK = Pack(
    "skills",
    "instructions for kinds of work, from the project and from the person",
    (load_skill, unload_skill, read_skill_file),
)
