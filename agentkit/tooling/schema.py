"""A Python function read as a tool: its arguments' schema, its words, its checks."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from agentkit.core.errors import ToolFault
from agentkit.tooling.choices import Choices
from agentkit.tooling.context import ToolContext


class InvalidArguments(ToolFault):
    """The arguments do not fit the tool; the message says which and why."""


@dataclass(frozen=True)
class Signature:
    """What a tool's function takes, learnt from its types and its docstring."""

    function: Callable[..., Any]

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    @cached_property
    def is_coroutine(self) -> bool:
        """Whether the function is declared with `async`."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def context_parameter(self) -> str | None:
        """The parameter that receives the `ToolContext`, if the function wants it."""
        names = [name for name in self._parameters if self._hints.get(name) is ToolContext]
        return names[0] if names else None

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function).parameters

    @cached_property
    def choices(self) -> dict[str, Choices]:
        """The living choices among the parameters, by name."""
        return {
            name: marker
            for name, hint in self._hints.items()
            if get_origin(hint) is Annotated
            for marker in get_args(hint)[1:]
            if isinstance(marker, Choices)
        }

    @cached_property
    def summary(self) -> str:
        """The docstring up to its first section: what the model is told the tool does."""
        text = inspect.getdoc(self.function) or ""
        return _SECTION.split(text, maxsplit=1)[0].strip()

    @cached_property
    def _argument_words(self) -> dict[str, str]:
        """Each parameter's line in the docstring's `Args:` section (Google style)."""
        text = inspect.getdoc(self.function) or ""
        section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", text, re.MULTILINE)
        if section is None:
            return {}
        entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section.group(1), re.MULTILINE)
        return {name: " ".join(words.split()) for name, words in entries}

    @cached_property
    def _model(self) -> Any:
        # pydantic costs more to import than all of agentkit, and only those who have tools need it
        from pydantic import ConfigDict, Field, create_model

        fields: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            if name == self.context_parameter:
                continue
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(f"tool {self.function.__name__}: *{name} has no schema; name each parameter")
            if name not in self._hints:
                raise TypeError(f"tool {self.function.__name__}: parameter {name} needs a type")
            default = ... if parameter.default is parameter.empty else parameter.default
            # an alias, because pydantic has methods called `copy` and `json` and a parameter may be too
            described = Field(default, alias=name, description=self._argument_words.get(name))
            fields[_FIELD + name] = (self._hints[name], described)
        config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
        return create_model(self.function.__name__, __config__=config, **fields)

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the arguments, without the titles that only cost tokens."""
        return _without_titles(self._model.model_json_schema())

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function wants them.

        Raises:
            InvalidArguments: naming every argument that does not fit, what was found, and why.
        """
        try:
            checked = self._model.model_validate(dict(arguments))
        except self._misfit as error:
            raise InvalidArguments("; ".join(self._complaints(error))) from None
        return {name: getattr(checked, field) for name, field in self._fields.items()}

    @cached_property
    def _misfit(self) -> type[Exception]:
        from pydantic import ValidationError  # as late as the model of the arguments

        return ValidationError

    @cached_property
    def _fields(self) -> dict[str, str]:
        """The model's field for each argument."""
        return {name: _FIELD + name for name in self._parameters if name != self.context_parameter}

    def _complaints(self, error: Any) -> list[str]:
        known = ", ".join(self.json_schema.get("properties", {})) or "none"
        lines: list[str] = []
        for problem in error.errors(include_url=False):
            where = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "missing":
                lines.append(f"argument {where} is missing")
            elif problem["type"] == "extra_forbidden":
                lines.append(f"there is no argument {where}; the arguments are: {known}")
            else:
                lines.append(f"argument {where}: {problem['msg']}, found {problem['input']!r:.80}")
        return lines


_FIELD = "argument_"
"""What a parameter's field is called before its name."""
_SECTION = re.compile(r"^(?:Args|Returns|Raises|Examples?|Note):\s*$|^>>> ", re.MULTILINE)


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    cleaned: dict[str, Any] = {}
    for key, value in schema.items():  # pyright: ignore[reportUnknownVariableType]
        if key == "properties":
            # a property may itself be called "title"
            cleaned[key] = {name: _without_titles(part) for name, part in value.items()}  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        elif key != "title":
            cleaned[str(key)] = _without_titles(value)  # pyright: ignore[reportUnknownArgumentType]
    return cleaned
