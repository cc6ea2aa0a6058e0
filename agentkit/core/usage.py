"""What a run may spend and what it has spent."""

from msgspec import Struct


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one model call, as the model counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """The part of the input that the model did not have to compute again."""

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
        )


class Limits(Struct, frozen=True, omit_defaults=True):
    """The most a run may spend; `None` is no limit."""

    steps: int | None = None
    """Model calls."""
    seconds: float | None = None
    """Wall-clock seconds at work, over all sittings of a run that was resumed."""
    tokens: int | None = None
    """Input and output tokens of all model calls."""
