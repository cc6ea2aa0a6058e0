"""Pages as Markdown: by trafilatura, which leaves menus and footers out, else all that is shown."""

import re
from importlib.util import find_spec
from typing import Any

from agentkit.documents.media_types import MARKDOWN
from agentkit.documents.readers.page_text import page_text
from agentkit.documents.readers.reading import Read, text_of

LEAST = 200
"""Characters: what trafilatura finds less in was hardly a page of text, and all of it is taken."""
MOST_ATTRIBUTES = 2000
"""Of one tag: no page has as many, and lxml takes minutes for a hundred thousand."""


def read_html(data: bytes, charset: str = "") -> Read:
    """The text of a page with its headings, lists and tables; its title is among the facts."""
    source = text_of(data, charset)
    shown = page_text(source)
    reads = shown.most_attributes <= MOST_ATTRIBUTES and find_spec("trafilatura")
    body = main_text(source) if reads else ""
    text = unindented(body) if len(body) >= min(LEAST, len(shown.text)) else shown.text
    if not shown.title:
        return Read(text, MARKDOWN)
    # so that what stands below is known to stand under it
    named = text if text.startswith("# ") else f"# {shown.title}\n\n{text}".rstrip()
    return Read(named, MARKDOWN, {"title": shown.title})


def main_text(source: str) -> str:
    """What trafilatura takes for the content of a page, as Markdown; nothing where it finds none."""
    import trafilatura

    extract: Any = trafilatura.extract
    return extract(source, output_format="markdown", favor_precision=True, include_comments=False) or ""


_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s")


def unindented(text: str) -> str:
    """Markdown without the indentation that a page's source had, which means nothing outside of code."""
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        in_code ^= line.lstrip().startswith("```")
        lines.append(line if in_code or _ITEM.match(line) else line.strip())
    return "\n".join(lines)
