"""A text that must not be seen."""

from typing import Any, NoReturn

MARK = "<secret>"
REDACTED = "[secret:"
"""How the journal marks what it did not write down."""


class Secret:
    """A key or password: printed, formatted, logged or pickled it is a mark; only `reveal` opens it.

    >>> Secret("sk-123")
    <secret>
    >>> f"key: {Secret('sk-123')}"
    'key: <secret>'
    >>> Secret("sk-123").reveal()
    'sk-123'

    JSON encoders refuse it, or write the mark when they are given `default=str`.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self.__text

    def __repr__(self) -> str:
        return MARK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.__text == self.__text

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Secret":
        # a copy stays in this process; a pickle may not
        return self

    def __reduce__(self) -> tuple[type["Lost"], tuple[()]]:
        return Lost, ()


class Lost(Secret):
    """What a pickled secret comes back as: the mark, with nothing behind it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(MARK)

    def reveal(self) -> NoReturn:
        """Refuse: the text was never written.

        Raises:
            ValueError: always.
        """
        raise ValueError("this secret was left behind when it was pickled; read it anew where it is needed")
