"""What the loop must know of a model."""

from msgspec import Struct


class ModelProfile(Struct, frozen=True, omit_defaults=True):
    """What the loop must know of a model to work with it."""

    context_window: int
    max_output_tokens: int = 1024
    prompt: str = "agent/system"
    """Name of the prompt that suits it."""
    calls_per_step: int | None = None
    """The most calls one answer may hold; `None` is no limit."""
    longest_result: int = 8000
    """Characters of a tool's result that are worth showing it at once."""
    most_tools: int = 100
    """Tools that it can be offered at once; of more, packs are loaded on request."""
    answers_in_text: bool = False
    """Whether its last word is plain text, so that a tool to say it (`finish`) is not offered."""
    shows_schemas: bool = True
    """Whether it is shown what a tool takes as JSON Schema; else by the names of the arguments."""
    text_calls: str = ""
    """The form in which it writes calls that its server makes none of; empty when none is declared."""
    thoughts: str = "tagged"
    """How thoughts stand in its text: `tagged` as such, or `opened`, without the tag before them."""
