"""What the chains ask: models as steps, and prompts of ours or the caller's."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, get_args, runtime_checkable

from agentkit.core.errors import UsageError
from agentkit.core.messages import Asked, Message
from agentkit.core.runnable import Lambda, Runnable
from agentkit.core.usage import estimated_tokens
from agentkit.prompts.chat import ChatPromptTemplate
from agentkit.prompts.library import Library, load_prompt
from agentkit.prompts.parsers import PydanticParser
from agentkit.prompts.parsers.parser import Schematic
from agentkit.prompts.prompt_file import Prompt
from agentkit.prompts.text import PromptTemplate, Values

if TYPE_CHECKING:
    from pydantic import BaseModel

ModelStep: TypeAlias = Runnable[Asked, str]
"""A model as `as_runnable` makes it, or any step from a conversation to text."""

Words: TypeAlias = str | Prompt | PromptTemplate | ChatPromptTemplate | Library
"""A prompt in the place of ours: a template as text or as a step, a prompt file, or a library of them, which
may have files of its own for every question of a chain."""

Count: TypeAlias = Callable[[str], int]
"""How many tokens a text has."""

How: TypeAlias = Literal["stuff", "map_reduce", "refine"]
"""How texts are gone through: all at once, each alone and then together, or one after the other."""

MOST_ROOM = 3000
"""Tokens of text that a question holds by itself; models read shorter questions better than longer ones."""
LEAST_ROOM = 256
WORDS_ROOM = 400
"""Tokens that the prompt's own words and a question may take."""

count_tokens: Count = estimated_tokens

Kind = TypeVar("Kind", bound="BaseModel")
Value = TypeVar("Value")


def prompted(words: Words | None, ours: str) -> Runnable[Values, Asked]:
    """The prompt as a step; without one, our file of that name."""
    match words:
        case None:
            return _from_file(load_prompt(ours))
        case Library():
            return _from_file(words.load(ours))
        case str():
            return PromptTemplate(words)
        case Prompt():
            return _from_file(words)
        case _:
            return words


def files_in(words: Words | None) -> Library | None:
    """Where a chain's other prompts come from, when one was given in the place of its first."""
    return words if isinstance(words, Library) else None


def _from_file(prompt: Prompt) -> Runnable[Values, Sequence[Message]]:
    def messages(values: Values) -> Sequence[Message]:
        return prompt.render({name: str(value) for name, value in values.items()})

    return Lambda(messages)


@runtime_checkable
class HeldToSchemas(Protocol):
    """A model that can be held to a schema, as `as_runnable` makes it."""

    def parsed_by(self, parser: Schematic[Value], files: Library | None = None) -> Runnable[Asked, Value]:
        """The same model, whose answers are values of the parser; `files` say how one is sent back."""
        ...


def as_objects(model: ModelStep, kind: type[Kind], words: Words | None = None) -> Runnable[Asked, Kind]:
    """The model as a step to instances of `kind`, as `as_values`."""
    return as_values(model, PydanticParser(kind), words)


def as_values(
    model: ModelStep, parser: Schematic[Value], words: Words | None = None
) -> Runnable[Asked, Value]:
    """The model as a step to values of `parser`: held to its schema where it can be, else asked in words.

    An answer that does not fit goes back in the words of our file, or of the library among `words`.
    """
    files = files_in(words)
    if isinstance(model, HeldToSchemas):
        return model.parsed_by(parser, files)
    return parser.asked_of(model, files)


def narrowed(step: Runnable[Any, Any], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the values, those that the prompt at the beginning of a step has places for; else all."""
    takes = getattr(getattr(step, "steps", (step,))[0], "takes", None)
    return values if takes is None else {name: value for name, value in values.items() if name in takes}


def require_how(how: str) -> None:
    """Refuse what is no way to go through texts.

    Raises:
        UsageError: naming the ways there are.
    """
    if how not in get_args(How):
        raise UsageError(f"how = {how!r} cannot be; it must be {', '.join(get_args(How))}")


@runtime_checkable
class OfAWindow(Protocol):
    """A model that tells how long a question to it can be, as `as_runnable` makes it."""

    @property
    def input_window(self) -> int:
        """Tokens that a question can have, so that an answer still has room."""
        ...


def room_of(model: ModelStep, room: int | None) -> int:
    """Tokens of text that a question to the model holds: as many as were said, else what its window leaves.

    Raises:
        UsageError: less than one was said.
    """
    if room is None:
        window = model.input_window if isinstance(model, OfAWindow) else MOST_ROOM + WORDS_ROOM
        return max(LEAST_ROOM, min(MOST_ROOM, window - WORDS_ROOM))
    if room < 1:
        raise UsageError(f"room = {room} cannot be; it must be 1 or more tokens")
    return room
