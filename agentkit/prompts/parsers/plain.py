"""Text as it is meant: without the blanks around it."""

from collections.abc import AsyncIterator

from agentkit.core.runnable import Streaming
from agentkit.core.runnable.pieces import Pieces
from agentkit.prompts.parsers.parser import as_read


class TextParser(Streaming[str, str]):
    """The text without white space around it, passed on while it is written.

    >>> TextParser().invoke(" It is done. ")
    'It is done.'
    """

    async def transform(self, pieces: AsyncIterator[str]) -> Pieces[str]:
        """The pieces; white space is held back until something follows it."""
        begun, held = False, ""
        async for piece in pieces:
            text = held + as_read(piece) if begun else as_read(piece).lstrip()
            shown = text.rstrip()
            held = text[len(shown) :]
            if shown:
                begun = True
                yield shown
        if not begun:
            yield ""
