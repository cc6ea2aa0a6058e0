"""A parser of markup that gives up: some of what looks like tags takes it minutes."""

import time
from html.parser import HTMLParser

from agentkit.core.errors import DocumentError

SECONDS = 5.0
"""Of computing, for one page; an ordinary one takes a hundredth."""


class Markup(HTMLParser):
    """Reads a page, or says that it takes too long."""

    def __init__(self, seconds: float = SECONDS) -> None:
        super().__init__(convert_charrefs=True)
        self._until = time.thread_time() + seconds

    def take(self, source: str) -> None:
        """Read the whole page.

        Raises:
            DocumentError: it takes too long.
        """
        self.feed(source)
        self.close()

    def updatepos(self, i: int, j: int) -> int:
        """Called by the parser between two pieces of markup; which line they are on is nobody's question."""
        del i
        if time.thread_time() > self._until:
            raise DocumentError(f"its markup cannot be read within {SECONDS:g} seconds")
        return j
