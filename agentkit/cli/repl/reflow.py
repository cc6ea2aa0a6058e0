"""A terminal that becomes narrower: what is drawn takes more rows then, where rows are wrapped anew.

prompt_toolkit goes back up as many rows as it drew. In a terminal that wraps again (tmux, and most with a
window) the rows it drew are more by then, and some would stay. In one that cuts rows off (xterm, the
console of Linux) going further up would take back what was written, which is worse; so it is done only
where it is known that rows are wrapped.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prompt_toolkit.output.vt100 import Vt100_Output

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.layout.screen import Screen

_VARIABLES = (
    "TMUX",
    "VTE_VERSION",
    "KITTY_WINDOW_ID",
    "ALACRITTY_WINDOW_ID",
    "WEZTERM_PANE",
    "KONSOLE_VERSION",
    "WT_SESSION",
    "ITERM_SESSION_ID",
)
"""Each is set by a terminal that wraps again."""
_PROGRAMS = frozenset({"Apple_Terminal", "iTerm.app", "vscode", "WezTerm", "ghostty"})
"""What such terminals call themselves in TERM_PROGRAM."""
_TERMS = ("tmux", "xterm-kitty", "alacritty", "foot", "wezterm", "xterm-ghostty")
"""How TERM begins in one, also over a connection that takes no other variable along."""


def wraps_again(environ: Mapping[str, str]) -> bool:
    """Whether the terminal is known to wrap its rows anew when its width changes."""
    return (
        any(environ.get(variable) for variable in _VARIABLES)
        or environ.get("TERM_PROGRAM") in _PROGRAMS
        or environ.get("TERM", "").startswith(_TERMS)
    )


class SteadyOutput(Vt100_Output):
    """A terminal that is as wide at the end of a drawing as at its beginning, whatever happens meanwhile.

    Rows that were cut for a narrower terminal than the one they are drawn for would be taken for shorter
    ones than those that the terminal has wrapped.
    """

    drawing: "Size | None" = None
    """The size at the beginning of the drawing that is under way."""

    def get_size(self) -> "Size":
        """The rows and columns, while something is drawn those of its beginning."""
        return self.drawing or super().get_size()


def follow_width(app: "Application[str]", output: SteadyOutput) -> None:
    """Let a line editor go back over all of its rows when its terminal has wrapped them anew.

    What was drawn is taken back in three cases: the width changed, something is to be written above it,
    or it is drawn anew. The last two can come before the signal that tells of the first.
    """
    renderer = app.renderer
    erase = renderer.erase

    def narrower() -> bool:
        drawn = renderer._last_size  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return drawn is not None and drawn.columns > output.get_size().columns

    def erase_wrapped(leave_alternate_screen: bool = True) -> None:
        screen = renderer.last_rendered_screen
        if screen is not None and narrower():
            at = screen.get_cursor_position(app.layout.current_window)
            output.cursor_up(added_rows(screen, at.y, at.x, output.get_size().columns))
        erase(leave_alternate_screen)

    def before_render(_: "Application[str]") -> None:
        output.drawing = None  # a drawing that failed told nobody that it is over
        output.drawing = output.get_size()
        if narrower():
            renderer.erase()

    def after_render(_: "Application[str]") -> None:
        output.drawing = None

    renderer.erase = erase_wrapped  # the only way that each of the three takes
    app.before_render += before_render
    app.after_render += after_render


def added_rows(screen: "Screen", row: int, column: int, width: int) -> int:
    """How many rows more there are above a place on the screen, by rows that are longer than `width`."""
    above = sum(max(0, _length(screen, number) - 1) // width for number in range(row))
    return above + column // width


def _length(screen: "Screen", row: int) -> int:
    """The columns of a row up to its last sign."""
    signs = screen.data_buffer[row].items()
    return max((column + sign.width for column, sign in signs if sign.char.strip()), default=0)
