"""A conversation with places in it, as a step: a mapping of values in, messages out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast, get_args

from agentkit.core.errors import PromptError
from agentkit.core.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agentkit.core.runnable import Whole
from agentkit.core.template import Template
from agentkit.prompts.few_shot import FewShot, require_exactly
from agentkit.prompts.mustache import MustacheTemplate
from agentkit.prompts.text import Given, Values, completed, rendered, require_places

Role: TypeAlias = Literal["system", "user", "assistant"]

_MESSAGES = {"system": SystemMessage, "user": UserMessage, "assistant": AssistantMessage}


@dataclass(frozen=True)
class Placeholder:
    """Where messages go that are given as a value, such as the history of a conversation."""

    name: str
    optional: bool = False
    """Whether it may be left out, and is nothing then."""

    @property
    def variables(self) -> frozenset[str]:
        """Its own name."""
        return frozenset({self.name})

    async def messages(self, values: Values) -> Sequence[Message]:
        """What was given.

        Raises:
            PromptError: something of it is no message.
        """
        given = values.get(self.name, ())
        if isinstance(given, str) or not isinstance(given, Sequence):
            raise PromptError(f"{self.name} is of type {type(given).__name__}; it must be a list of messages")
        for place, one in enumerate(cast("Sequence[Any]", given)):
            if not isinstance(one, Message):
                raise PromptError(f"{self.name}[{place}] is {one!r}; it must be one of {_kinds()}")
        return cast("Sequence[Message]", given)


@dataclass(frozen=True)
class _Said:
    """One message with places."""

    role: Role
    template: Template | MustacheTemplate

    @property
    def variables(self) -> frozenset[str]:
        return self.template.takes

    @property
    def optional(self) -> frozenset[str]:
        return self.template.takes - self.template.variables

    async def messages(self, values: Values) -> Sequence[Message]:
        own = {name: values[name] for name in self.variables if name in values}
        return (_MESSAGES[self.role](rendered(self.template, own)),)


@dataclass(frozen=True)
class _Always:
    """A message as it is."""

    message: Message

    @property
    def variables(self) -> frozenset[str]:
        return frozenset()

    async def messages(self, values: Values) -> Sequence[Message]:  # noqa: ARG002
        return (self.message,)


Part: TypeAlias = tuple[Role, str | Template | MustacheTemplate] | Placeholder | FewShot | Message

Known: TypeAlias = Given | Sequence[Message] | Callable[[], Sequence[Message]]
"""A value that is known before; for a placeholder messages, or a function that is asked each time."""


class ChatPromptTemplate(Whole[Values, tuple[Message, ...]]):
    """A conversation: messages with places, placeholders for history, examples, messages as they are.

    >>> chat = ChatPromptTemplate(("system", "You are {what}"), Placeholder("history"), ("user", "{asked}"))
    >>> chat.invoke({"what": "kind", "history": [UserMessage("hi")], "asked": "why?"})
    (SystemMessage(text='You are kind'), UserMessage(text='hi'), UserMessage(text='why?'))

    Every place gets a value, and every value has a place.
    """

    def __init__(self, *parts: Part, given: Mapping[str, Known] | None = None) -> None:
        self.parts = parts
        self.given = dict(given or {})
        self._parts = tuple(map(_part, parts))
        require_places(self.given, self._places)

    @property
    def variables(self) -> frozenset[str]:
        """The places that still want a value."""
        return self._places - set(self.given) - self._optional

    @property
    def takes(self) -> frozenset[str]:
        """The places that a value may be given for, optional ones among them."""
        return self._places - set(self.given)

    def partial(self, **given: Known) -> "ChatPromptTemplate":
        """The same with some values given already.

        Raises:
            PromptError: there is no place for one of them.
        """
        return ChatPromptTemplate(*self.parts, given={**self.given, **given})

    def bind(self, **settings: Any) -> "ChatPromptTemplate":
        """What `partial` does."""
        return self.partial(**settings)

    async def ainvoke(self, value: Values) -> tuple[Message, ...]:
        """The messages.

        Raises:
            PromptError: a place has no value, a value no place, or a value is not what its place holds.
        """
        values = completed(self.given, value)
        require_exactly(values, self._places - (self._optional - set(values)))
        return tuple([message for part in self._parts for message in await part.messages(values)])

    @property
    def _places(self) -> frozenset[str]:
        return frozenset[str]().union(*(part.variables for part in self._parts))

    @property
    def _optional(self) -> frozenset[str]:
        needed: set[str] = set()
        optional: set[str] = set()
        for part in self._parts:
            may_lack = frozenset[str]()
            if isinstance(part, Placeholder):
                may_lack = part.variables if part.optional else may_lack
            elif isinstance(part, _Said):
                may_lack = part.optional
            optional |= may_lack
            needed |= part.variables - may_lack
        return frozenset(optional - needed)


def _part(given: Any) -> _Said | _Always | Placeholder | FewShot:
    match given:
        case Placeholder() | FewShot():
            return given
        case SystemMessage() | UserMessage() | AssistantMessage() | ToolMessage():
            return _Always(given)
        case (str(role), str() | Template() | MustacheTemplate() as text) if role in _MESSAGES:
            return _Said(cast("Role", role), Template(text) if isinstance(text, str) else text)
        case _:
            raise PromptError(
                f"{given!r} is no part of a chat; it must be (role, text) with a role of "
                f"{', '.join(_MESSAGES)}, a Placeholder, a FewShot, or one of {_kinds()}"
            )


def _kinds() -> str:
    return ", ".join(kind.__name__ for kind in get_args(Message))
