"""Templates written for LangChain: what means the same here is taken over, the rest is refused by name."""

import re
from string import Formatter

from agentkit.core.errors import PromptError
from agentkit.core.template import Template
from agentkit.prompts.mustache import MustacheTemplate
from agentkit.prompts.mustache_text import shown

_NAME = re.compile(r"[A-Za-z_]\w*")


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
            f"the f-string template {shown(text)} cannot be read: {error}; "
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


def from_mustache(text: str, *, escaped: bool = False) -> MustacheTemplate:
    """A template from one in mustache: places, sections, inverted ones, comments, other delimiters.

    >>> from_mustache("Dear {{#names}}{{.}},{{/names}}{{! polite }} {x}").render({"names": ["Ada"]})
    'Dear Ada, {x}'

    It says what it says in LangChain, but for two things: a place without a value is an error, and not an
    empty one; and a value is put in as it is, for a prompt is no HTML.

    Args:
        text: the template.
        escaped: write `&`, `"`, `<` and `>` of values for HTML, as LangChain does but for `{{{name}}}`.

    Raises:
        PromptError: a section is not closed, or it holds a partial, which only a file could fill.
    """
    return MustacheTemplate(text, escaped)


def _escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")
