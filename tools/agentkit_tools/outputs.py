"""Open earlier results that were too long to show whole."""

import re

from agentkit.core.errors import ToolFault
from agentkit.core.tools import Effect
from agentkit.tooling.choices import KnownHandle
from agentkit.tooling.context import ToolContext
from agentkit.tooling.nearest import listed
from agentkit.tooling.tool import tool
from agentkit_tools.page import MOST_CHARACTERS, page
from agentkit_tools.search import search
from agentkit_tools.text import counted, lines_of


@tool(effect=Effect.READS)
def read_output(
    handle: KnownHandle, context: ToolContext, first_line: int = 1, lines: int = 200, pattern: str = ""
) -> str:
    """Read more of an earlier result that was shortened.

    Args:
        handle: The name the shortened result gave.
        first_line: The line to begin with.
        lines: How many lines to show.
        pattern: Show only the lines that match this.
    """
    text = context.recall(handle)
    if text is None:
        known = f"there is {listed(context.handles)}" if context.handles else "no result was shortened yet"
        raise ToolFault(f'there is no output "{handle}"; {known}')
    if not pattern:
        return page(_folded(text), first_line, lines, handle)
    found = search(pattern, lambda: [(handle, text)])
    searched = counted(len(lines_of(text)), "line")
    return found.told(lambda match: f"{match.number}: {match.line}", "", searched)


def _folded(text: str) -> str:
    """The text with lines broken that are longer than a page, so that all of it can be reached."""
    return re.sub(rf"[^\n]{{{MOST_CHARACTERS}}}(?=[^\n])", r"\g<0>\n", text)
