"""What a model thought before it answered, where its server leaves both in one text."""

OPEN, CLOSE = "<think>", "</think>"


class ThoughtSplitter:
    """Parts `<think>…</think>` at the head of an answer from the answer, as the text comes.

    Only a tag that the answer begins with counts: further on it is a word like any other. A thought
    that is never closed is all there is, and the answer is empty.

    Args:
        opened: Every answer begins within a thought, whose first tag the server keeps to itself. Of an
            answer that came to its end without the second one, all is the answer.

    >>> splitter = ThoughtSplitter()
    >>> splitter.feed("<think>hm</thi"), splitter.feed("nk> Two."), splitter.close()
    ('', 'Two.', '')
    >>> splitter.thought
    'hm'
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._opened = opened
        self._thoughts: list[str] = []
        self._held = ""
        self._take = self._begin

    @property
    def thought(self) -> str:
        """What was thought so far."""
        return "".join(self._thoughts).strip()

    def feed(self, piece: str) -> str:
        """Take more of the text and return what of it belongs to the answer."""
        self._held += piece
        return self._take()

    def close(self, *, cut: bool = False) -> str:
        """The rest, now that nothing more comes, because the answer ended or was `cut` off."""
        rest, self._held = self._held, ""
        if self._take != self._think:
            return rest
        self._thoughts.append(rest)
        if self._opened and not cut:
            rest = "".join(self._thoughts)
            self._thoughts.clear()
            return rest
        return ""

    def _begin(self) -> str:
        begun = self._held.lstrip()
        if OPEN.startswith(begun[: len(OPEN)]) and len(begun) < len(OPEN):
            return ""
        if not begun.startswith(OPEN) and not self._opened:
            self._take = self._answer
            return self._answer()
        self._opened = self._opened and not begun.startswith(OPEN)
        self._held = begun.removeprefix(OPEN)
        self._take = self._think
        return self._think()

    def _think(self) -> str:
        thought, closed, rest = self._held.partition(CLOSE)
        if not closed:
            keep = held_back(self._held, CLOSE)
            self._thoughts.append(self._held[: len(self._held) - keep])
            self._held = self._held[len(self._held) - keep :]
            return ""
        self._thoughts.append(thought)
        self._held = rest
        self._take = self._after
        return self._after()

    def _after(self) -> str:
        """The white space between a thought and its answer belongs to neither."""
        self._held = self._held.lstrip()
        if not self._held:
            return ""
        self._take = self._answer
        return self._answer()

    def _answer(self) -> str:
        text, self._held = self._held, ""
        return text


def held_back(text: str, mark: str) -> int:
    """How many characters at the end of the text may be the beginning of the mark.

    >>> held_back("abc </th", "</think>")
    4
    """
    longest = min(len(text), len(mark) - 1)
    return next((size for size in range(longest, 0, -1) if mark.startswith(text[-size:])), 0)
