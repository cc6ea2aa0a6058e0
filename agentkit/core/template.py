"""Strict templates: a missing or an unused variable is an error, never an empty place in a prompt."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from agentkit.core.errors import PromptError

_VARIABLE = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True)
class Template:
    """A text with `{name}` places; `{{` and `}}` stand for the braces themselves.

    >>> Template("Dear {name}").render({"name": "Ada"})
    'Dear Ada'
    >>> Template("Dear {name}").render({"nmae": "Ada"})
    Traceback (most recent call last):
    agentkit.core.errors.PromptError: the template needs name and was not given it; it has no place for nmae
    """

    text: str

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of the places."""
        return frozenset(match[1] for match in _VARIABLE.finditer(self.text) if match[1])

    def render(self, values: Mapping[str, str]) -> str:
        """The text with every place filled.

        Raises:
            PromptError: a place has no value, or a value no place.
        """
        complaints: list[str] = []
        if missing := sorted(self.variables - set(values)):
            complaints.append(f"the template needs {', '.join(missing)} and was not given it")
        if unused := sorted(set(values) - self.variables):
            complaints.append(f"it has no place for {', '.join(unused)}")
        if complaints:
            raise PromptError("; ".join(complaints))
        braces = {"{{": "{", "}}": "}"}
        return _VARIABLE.sub(lambda match: braces.get(match[0]) or values[match[1]], self.text)
