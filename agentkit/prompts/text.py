"""A template as a step: a mapping of values in, text out."""

import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from agentkit.core.errors import PromptError
from agentkit.core.runnable import Whole
from agentkit.core.template import Template
from agentkit.prompts.mustache import MustacheTemplate

Values: TypeAlias = Mapping[str, Any]

Given: TypeAlias = str | int | float | Callable[[], str] | Sequence[Any] | Mapping[str, Any]
"""A value that is known before: a function is asked anew each time, as for the date.

Lists and mappings are for the sections of a `MustacheTemplate`.
"""


class PromptTemplate(Whole[Values, str]):
    """Text with `{name}` places; every place gets a value, and every value has a place.

    >>> PromptTemplate("Say {what} to {whom}").partial(what="hello").invoke({"whom": "Ada"})
    'Say hello to Ada'

    A place holds text or a number; anything else is made text by who knows how.
    """

    def __init__(
        self, template: str | Template | MustacheTemplate, given: Mapping[str, Given] | None = None
    ) -> None:
        self.template = Template(template) if isinstance(template, str) else template
        self.given = dict(given or {})
        require_places(self.given, self.template.takes)

    @property
    def variables(self) -> frozenset[str]:
        """The places that still want a value."""
        return self.template.variables - set(self.given)

    @property
    def takes(self) -> frozenset[str]:
        """The places that a value may be given for, optional ones among them."""
        return self.template.takes - set(self.given)

    def partial(self, **given: Given) -> "PromptTemplate":
        """The same with some values given already.

        Raises:
            PromptError: the template has no place for one of them.
        """
        return PromptTemplate(self.template, {**self.given, **given})

    def bind(self, **settings: Any) -> "PromptTemplate":
        """What `partial` does."""
        return self.partial(**settings)

    async def ainvoke(self, value: Values) -> str:
        """The text.

        Raises:
            PromptError: a place has no value, a value no place, or a value is no text.
        """
        return rendered(self.template, completed(self.given, value))


def rendered(template: Template | MustacheTemplate, values: Values) -> str:
    """A template with its values.

    Raises:
        PromptError: a place has no value, a value no place, or a value is not what its place holds.
    """
    return template.render(values if isinstance(template, MustacheTemplate) else texts(values))


def completed(given: Mapping[str, object], values: Values) -> dict[str, Any]:
    """The values with those that were given before.

    Raises:
        PromptError: what was given is no mapping of names, or one was given before and is given again.
    """
    require_mapping(values)
    if twice := sorted(set(given) & set(values)):
        raise PromptError(f"{', '.join(twice)} was given before; partial() makes a prompt with another value")
    known = {name: value() if callable(value) else value for name, value in given.items()}
    return {**known, **values}


def require_mapping(values: object) -> None:
    """Refuse what does not say which value is for which place.

    Raises:
        PromptError: naming what was found.
    """
    if not isinstance(values, Mapping):
        raise PromptError(
            f"a prompt takes its values by name, as in {{'name': 'Ada'}}; found {reprlib.repr(values)}"
        )
    if strange := [name for name in cast("Mapping[object, object]", values) if not isinstance(name, str)]:
        raise PromptError(f"the names of a prompt's values are text; found {reprlib.repr(strange[0])}")


def texts(values: Values) -> dict[str, str]:
    """The values as text.

    Raises:
        PromptError: one is neither text nor a number.
    """
    return {name: as_text(name, value) for name, value in values.items()}


def as_text(name: str, value: Any) -> str:
    """The value for the place called `name`.

    Raises:
        PromptError: it is neither text nor a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    kind = type(value).__name__
    raise PromptError(f"{name} is of type {kind}, and a place holds text or a number; make it text before")


def require_places(names: Mapping[str, object], places: frozenset[str]) -> None:
    """Refuse names that have no place.

    Raises:
        PromptError: naming them, and the places there are.
    """
    if lost := sorted(set(names) - places):
        known = ", ".join(sorted(places)) or "none"
        raise PromptError(f"the prompt has no place for {', '.join(lost)}; its places: {known}")
