"""Mustache templates: places, and sections that are there for each thing of a list, once, or not at all."""

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

from agentkit.core.errors import PromptError
from agentkit.prompts.mustache_text import Part, Place, Section, parts_of

_MISSING: Final = object()
_ESCAPES = str.maketrans({"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class MustacheTemplate:
    """A text in mustache, as strict as `Template`: every place gets a value, and every value has a place.

    >>> letter = MustacheTemplate("{{#names}}Dear {{.}}, {{/names}}{{^names}}Hello{{/names}}")
    >>> letter.render({"names": ["Ada"]})
    'Dear Ada, '

    A section is given a list, a mapping, text, a number or a truth. In it a name is looked up in what the
    section is about first and then outwards. A section about something that its surroundings do not have is
    not there, as mustache has it for what is optional.
    """

    text: str
    escaped: bool = False
    """Whether values are written for HTML, as by `{{name}}` in mustache; `{{{name}}}` never is."""

    def __post_init__(self) -> None:
        for part in self._parts:  # what cannot be read is said now, and not when a value comes
            if isinstance(part, (Place, Section)) and not part.path:
                raise PromptError(f"{part.tag} stands for what a section is about, and is in none")

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names that need a value: those that stand outside every section, sections among them."""
        return frozenset(part.path[0] for part in self._parts if not isinstance(part, str))

    @cached_property
    def takes(self) -> frozenset[str]:
        """The names that a value may be given for: those in sections, too, where it holds what they lack."""
        return frozenset(_names(self._parts))

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with every place filled.

        Raises:
            PromptError: a place has no value, a value no place, or a value is not what its place holds.
        """
        complaints: list[str] = []
        if missing := sorted(self.variables - set(values)):
            complaints.append(f"the template needs {', '.join(missing)} and was not given it")
        if unused := sorted(set(values) - self.takes):
            complaints.append(f"it has no place for {', '.join(unused)}")
        if complaints:
            raise PromptError("; ".join(complaints))
        return "".join(self._filled(self._parts, (values,)))

    @cached_property
    def _parts(self) -> Sequence[Part]:
        return parts_of(self.text)

    def _filled(self, parts: Sequence[Part], around: tuple[object, ...]) -> Iterator[str]:
        for part in parts:
            if isinstance(part, str):
                yield part
            elif isinstance(part, Place):
                text = _text(part, _found(part.path, around))
                yield text.translate(_ESCAPES) if self.escaped and not part.raw else text
            else:
                for thing in _things(part, _found(part.path, around)):
                    yield from self._filled(part.parts, around if part.inverted else (*around, thing))


def _names(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if not isinstance(part, str):
            yield from part.path[:1]
        if isinstance(part, Section):
            yield from _names(part.parts)


def _found(path: tuple[str, ...], around: tuple[object, ...]) -> object:
    """The value of a name: its first part where the innermost thing has it, the rest in what that is."""
    if not path:
        return around[-1]
    for scope in reversed(around):
        found = _in(scope, path[0])
        if found is not _MISSING:
            for part in path[1:]:
                found = _in(found, part)
            return found
    return _MISSING


def _in(scope: object, name: str) -> object:
    """What a mapping or list has under a name or number; no attribute of any object."""
    if isinstance(scope, Mapping):
        return cast("Mapping[object, object]", scope).get(name, _MISSING)
    if _is_list(scope) and name.isdecimal() and int(name) < len(scope := cast("Sequence[object]", scope)):
        return scope[int(name)]
    return _MISSING


def _things(section: Section, value: object) -> Sequence[object]:
    """What a section is there for."""
    if not _may_be_about(value):
        raise PromptError(
            f"{section.tag} is given {reprlib.repr(value)}; a section is about a list, a mapping, text, "
            "a number or a truth"
        )
    is_there = value is not _MISSING and bool(value)
    if section.inverted:
        return () if is_there else (value,)
    if _is_list(value):
        return cast("Sequence[object]", value)
    return (value,) if is_there else ()


def _may_be_about(value: object) -> bool:
    return (
        value is _MISSING or value is None or isinstance(value, (str, int, float, Mapping)) or _is_list(value)
    )


def _text(place: Place, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    if value is _MISSING:
        raise PromptError(f"{place.tag} has no value where it stands; give one, or put it in a section")
    raise PromptError(
        f"{place.tag} is given something of type {type(value).__name__}, and a place holds text or a number; "
        "make it text before"
    )


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))
