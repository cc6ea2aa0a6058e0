"""Where a text says what is quoted of it."""

import re

_EDGES = " \t\r\n\"'“”‘’「」『』«»…."
"""What stands around a quote and is no part of it."""
_WIDE = re.compile(r"(?<=[\u2e80-\u9fff\uf900-\ufaff])(?=[\u2e80-\u9fff\uf900-\ufaff])")
"""Between two characters of a script that writes no spaces, where a line can break."""


def place_of(quote: str, text: str, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
    r"""Start and end of the text's own words for a quote, or `None` when it does not say that.

    Case, white space and the marks around it may differ, since whoever quotes seldom keeps them. Any other
    difference is one.

    >>> place_of("“Port is 80”", "The port is\n80.")
    (4, 14)

    Args:
        quote: What is said to stand in the text.
        text: Where.
        start: In characters, where it is looked for from.
        end: To where; to the end of the text without one.
    """
    whole = len(text) if end is None else end
    # as it stands, marks and all, before anything is taken for a mark of the quoting
    if quote.strip() and (at := text.find(quote.strip(), start, whole)) >= 0:
        return at, at + len(quote.strip())
    words = quote.strip(_EDGES).split()
    if not words:
        return None
    pattern = r"\s+".join(r"\s*".join(map(re.escape, _WIDE.split(word))) for word in words)
    found = re.compile(pattern, re.IGNORECASE).search(text, start, whole)
    return found.span() if found else None
