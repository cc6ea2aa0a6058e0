"""The text of one answer as it comes: what may be shown of it now, and what it was in the end."""

from collections.abc import Collection

from agentkit.models.text_calls.contract import Form, Written
from agentkit.models.thoughts import ThoughtSplitter


class AnswerText:
    """Joins the pieces of a text, parts thoughts from the answer, and holds back what may be a call.

    What `feed` gave is always the beginning of the text that `read` gives.

    Args:
        form: How the model writes calls in its text; `None` when it does not.
        tools: The names of the tools offered.
        opened: Whether it begins within a thought (`ThoughtSplitter`).
    """

    def __init__(self, form: Form | None, tools: Collection[str], *, opened: bool = False) -> None:
        self._form = form if tools else None
        self._tools = tools
        self._thoughts = ThoughtSplitter(opened=opened)
        self._half = ""
        self._text = ""
        self._safe = 0
        """No call begins before it."""
        self._shown = 0

    def feed(self, piece: str) -> str:
        """Take more and return what can be shown by now."""
        # JavaScript servers can cut a letter beyond the first plane between its two escapes
        piece = self._half + piece
        self._half = piece[-1:] if "\ud800" <= piece[-1:] <= "\udbff" else ""
        self._text += self._thoughts.feed(whole(piece.removesuffix(self._half)))
        return self._new()

    def read(self, *, look: bool, cut: bool) -> tuple[str, str, tuple[Written, ...]]:
        """The whole text, the thought before it, and the calls in it if they are looked for.

        Args:
            look: Whether calls are looked for.
            cut: Whether the token limit cut it off.
        """
        self._text += self._thoughts.feed(whole(self._half)) + self._thoughts.close(cut=cut)
        if self._form is None or not look:
            return self._text, self._thoughts.thought, ()
        text, calls = self._form.read(self._text, self._tools)
        return text, self._thoughts.thought, calls

    def _new(self) -> str:
        if self._form is None:
            end = len(self._text)
        else:
            self._safe = self._form.held_from(self._text, self._safe)
            # space before a call goes with the call
            end = self._shown + len(self._text[self._shown : self._safe].rstrip())
        shown = self._text[self._shown : end]
        self._shown = max(self._shown, end)
        return shown


def whole(text: str) -> str:
    """The text with surrogate pairs joined and halves of pairs replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
