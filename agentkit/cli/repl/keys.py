"""What the keys do at the line editor, beside those that edit."""

from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

REWIND = "rewind"
"""The command that Esc Esc stands for."""


def editing_keys(on_interrupt: Callable[[], None], working: Callable[[], bool]) -> KeyBindings:
    """Those at the prompt.

    Args:
        on_interrupt: Called for Ctrl-C.
        working: Whether the agent is at work, so that Esc is Ctrl-C.
    """
    keys = KeyBindings()
    has_text = Condition(lambda: bool(get_app().current_buffer.text))

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        # what waits its turn is shown as such, and not as said
        event.app.erase_when_done = working()
        event.current_buffer.validate_and_handle()

    @keys.add("c-j")
    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:  # noqa: ARG001 - prompt_toolkit calls it so
        on_interrupt()

    @keys.add("escape", "escape", filter=~Condition(working) & ~has_text)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.text = f"/{REWIND}"
        event.current_buffer.validate_and_handle()

    @keys.add("escape", filter=Condition(working))
    def _(event: KeyPressEvent) -> None:  # noqa: ARG001
        on_interrupt()

    return keys


def question_keys(on_interrupt: Callable[[], None]) -> KeyBindings:
    """Those at a question."""
    keys = KeyBindings()

    @keys.add("c-c")
    def _(event: KeyPressEvent) -> None:  # noqa: ARG001
        on_interrupt()

    return keys
