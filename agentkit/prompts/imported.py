"""Templates written for LangChain: what means the same here is taken over, the rest is refused by name."""

import re
from string import Formatter

from agentkit.core.errors import PromptError
from agentkit.core.template import Template

_NAME = re.compile(r"[A-Za-z_]\w*")
# a comment that has its line for itself takes the line with it
_LONE_COMMENT = re.compile(r"^[ \t]*\{\{![^}]*\}\}[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_TAG = re.compile(r"\{\{\{(?P<raw>[^{}]*)\}\}\}|\{\{(?P<tag>[^{}]*)\}\}")
_REFUSED = {
    "#": "a section",
    "^": "an inverted section",
    "/": "the end of a section",
    ">": "a partial",
    "=": "a change of the delimiters",
}


def from_fstring(text: str) -> Template:
    """A template from one in the form of `str.format`: `{name}`, with `{{` and `}}` for braces.

    >>> from_fstring("{{{name}}}").render({"name": "x"})
    '{x}'

    Raises:
        PromptError: it holds more than plain names: positions, attributes, items, conversions, formats.
    """
    made: list[str] = []
    try:
        fields = list(Formatter().parse(text))
    except ValueError as error:
        raise PromptError(
            f"the f-string template {_shown(text)} cannot be read: {error}; "
            "braces themselves are written doubled"
        ) from error
    for literal, name, form, conversion in fields:
        made.append(_escaped(literal))
        if name is None:
            continue
        if conversion or form or not _NAME.fullmatch(name):
            found = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise PromptError(
                f"{{{found}}} cannot be taken over; a place is a plain name as in {{name}}, "
                "and its value is given as the text it is to be"
            )
        made.append(f"{{{name}}}")
    return Template("".join(made))


def from_mustache(text: str) -> Template:
    """A template from one in mustache: `{{name}}`, `{{{name}}}`, `{{&name}}`, and comments.

    >>> from_mustache("Dear {{ name }},{{! polite }} {x}").render({"name": "Ada"})
    'Dear Ada, {x}'

    A value is put in as it is; nothing is escaped for HTML.

    Raises:
        PromptError: it holds sections, partials, other delimiters or dotted names.
    """
    text = _LONE_COMMENT.sub("", text)
    made: list[str] = []
    end = 0
    for tag in _TAG.finditer(text):
        made.append(_literal(text[end : tag.start()], text))
        made.append(_place(tag))
        end = tag.end()
    made.append(_literal(text[end:], text))
    return Template("".join(made))


def _place(tag: re.Match[str]) -> str:
    inside = (tag["raw"] if tag["raw"] is not None else tag["tag"]).strip()
    if tag["raw"] is None:
        if inside.startswith("!"):
            return ""
        if kind := _REFUSED.get(inside[:1]):
            raise PromptError(
                f"{tag[0]} is {kind} and cannot be taken over; only names and comments can, "
                "so make that part in code and give it as a value"
            )
        inside = inside.removeprefix("&").strip()
    if not _NAME.fullmatch(inside):
        raise PromptError(f"{tag[0]} cannot be taken over; a place is a plain name as in {{{{name}}}}")
    return f"{{{inside}}}"


def _literal(part: str, text: str) -> str:
    if "{{" in part:
        raise PromptError(f"the mustache template {_shown(text)} has a {{{{ that no }}}} ends")
    return _escaped(part)


def _escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
