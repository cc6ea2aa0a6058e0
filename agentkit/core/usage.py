"""What a run may spend and what it has spent."""

from decimal import Decimal

from msgspec import Struct

SHORTEST_ANSWER = 64
"""Tokens; an answer that may be no longer than this is not worth asking for."""


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one model call, as the model counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """The part of the input that the model did not have to compute again."""
    estimated: bool = False
    """Whether some of it is our upper estimate, because a server did not count."""

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.estimated or other.estimated,
        )


class Price(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a model costs, in US dollars for a million tokens.

    >>> Price(Decimal("0.15"), Decimal("0.60")).of(Usage(1000, 100))
    Decimal('0.00021')
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    """Input that the model did not have to compute again; costs like any when not given."""

    def of(self, usage: Usage) -> Decimal:
        """What a model call cost, to the last digit."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = self.input if self.cached is None else self.cached
        fresh = usage.input_tokens - cached
        millions = fresh * self.input + cached * cached_price + usage.output_tokens * self.output
        return _plain(millions.scaleb(-6))

    def most(self, input_tokens: int, output_tokens: int) -> Decimal:
        """What a call of so many tokens costs at most, however much of the input is cached."""
        return _plain((input_tokens * self.dearest_input + output_tokens * self.output).scaleb(-6))

    @property
    def dearest_input(self) -> Decimal:
        """The most that input can cost."""
        return self.input if self.cached is None else max(self.input, self.cached)


FREE = Price(Decimal(0), Decimal(0))
"""What a model of this machine costs."""


class Spent(Struct, frozen=True, omit_defaults=True):
    """What was spent, or is set aside to be spent."""

    steps: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)
    """US dollars, as far as prices are known."""
    tool_seconds: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.steps + other.steps,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.tool_seconds + other.tool_seconds,
        )

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(
            self.steps - other.steps,
            self.tokens - other.tokens,
            self.cost - other.cost,
            self.tool_seconds - other.tool_seconds,
        )


NOTHING = Spent()


class Limits(Struct, frozen=True, omit_defaults=True):
    """The most a run may spend; `None` is no limit."""

    steps: int | None = None
    """Model calls."""
    seconds: float | None = None
    """Seconds at work, over all sittings of a run that was resumed; not those in which a person is asked."""
    tokens: int | None = None
    """Input and output tokens of all model calls."""
    cost: Decimal | None = None
    """US dollars for all model calls."""
    tool_seconds: float | None = None
    """Seconds in which tools run."""


def _plain(value: Decimal) -> Decimal:
    """The value without zeros after its point, and all of them before it."""
    return value.normalize() + 0


BYTES_PER_TOKEN = 3
"""Prose has four and more, code a little over three; a script of three bytes a letter, about three."""


def estimated_tokens(text: str) -> int:
    """An upper estimate of the tokens of a text, without a tokenizer."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
