"""What models cost, as a person says it: a table in a settings file, or text in a variable or a flag."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from agentkit.core.usage import Price

MOST = Decimal(10**9)
"""US dollars; what is more is a slip of the pen."""


def as_table(raw: object) -> object:
    """Prices that are written as text, as the table that a settings file holds; a table as it is.

    >>> as_table("openai:m=0.15/0.6")
    {'openai:m': {'input': '0.15', 'output': '0.6'}}

    Raises:
        ValueError: the text is no price.
    """
    if isinstance(raw, str):
        raw = [] if raw == "none" else raw.split(",")
    if not isinstance(raw, Sequence):
        return raw
    return dict(_entry(str(text)) for text in cast("Sequence[object]", raw))


def as_text(prices: Mapping[str, Price]) -> str:
    """The prices as text that `as_table` reads."""
    return ",".join(f"{name}={_numbers(price)}" for name, price in prices.items()) or "none"


def can_be(value: object) -> bool:
    """Whether amounts of money, alone or in prices, are ones that somebody can mean."""
    if isinstance(value, Decimal):
        return value.is_finite() and 0 < value <= MOST
    if isinstance(value, Mapping):
        prices = cast("Mapping[str, Price]", value).values()
        amounts = [amount for price in prices for amount in (price.input, price.output, price.cached or 0)]
        return all(Decimal(amount).is_finite() and 0 <= amount <= MOST for amount in amounts)
    return True


def _entry(text: str) -> tuple[str, dict[str, Any]]:
    name, given, numbers = text.strip().rpartition("=")
    parts = numbers.split("/")
    if not (given and name and len(parts) in (2, 3)):
        raise ValueError("not NAME=INPUT/OUTPUT")
    names = ("input", "output") if len(parts) == 2 else ("input", "cached", "output")
    return name, dict(zip(names, parts, strict=True))


def _numbers(price: Price) -> str:
    amounts = (price.input, price.cached, price.output)
    return "/".join(f"{amount:f}" for amount in amounts if amount is not None)
