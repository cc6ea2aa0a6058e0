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

    @property
    def takes(self) -> frozenset[str]:
        """The places that a value may be given for: all of them."""
        return self.variables

    def render(self, values: Mapping[str, str]) -> str:
        """The text with every place filled.

        Raises:
            PromptError: a place has no value, or a value no place.
        """
        if frozenset(values) != self.variables:
            missing, unused = sorted(self.variables - set(values)), sorted(set(values) - self.variables)
            complaints = [f"the template needs {', '.join(missing)} and was not given it"] if missing else []
            complaints += [f"it has no place for {', '.join(unused)}"] if unused else []
            raise PromptError("; ".join(complaints))
        return "".join([values[text] if is_place else text for text, is_place in self._pieces])

    @cached_property
    def _pieces(self) -> tuple[tuple[str, bool], ...]:
        """What stands between the places, and the name of each place: a prompt is filled for every run."""
        pieces: list[tuple[str, bool]] = []
        end = 0
        for match in _VARIABLE.finditer(self.text):
            brace = "" if match[1] else match[0][0]
            pieces.append((self.text[end : match.start()] + brace, False))
            if match[1]:
                pieces.append((match[1], True))
            end = match.end()
        return (*pieces, (self.text[end:], False))
