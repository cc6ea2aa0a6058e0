"""What a person's words may name: candidates for a file or folder, whether it is there or not."""

import re
from functools import lru_cache

MOST_NAMES = 40
"""As many of a text's candidates are kept."""
MOST_CHARACTERS = 200
"""Of a candidate; what is longer in quotes is a text and no name."""

_QUOTED = re.compile(
    r"\"([^\"\n]{1,200})\"|(?<!\w)'([^'\n]{1,200})'(?!\w)|`([^`\n]{1,200})`"
    r"|[“„]([^“”„\n]{1,200})[”“]|‘([^‘’\n]{1,200})’|«([^«»\n]{1,200})»"
)
_BETWEEN = re.compile(r"[\s,;]+|->|→")
_BEFORE, _BEHIND = "([{<*\"'`“„‘«", ")]}>*\"'`”“’»:!?…"
_ENDING = re.compile(r"\w\.\w{1,5}$")
_LIKE_A_NAME = re.compile(r"[./_\d]|\w-\w")
_SHORT = re.compile(
    r"(am|an|as|at|be|by|do|go|he|if|in|is|it|me|my|no|of|on|or|so|to|up|us|we)", re.IGNORECASE
)
"""The words of two letters that are between names."""


@lru_cache(maxsize=8)
def names_in(text: str) -> tuple[str, ...]:
    """What stands in quotes, then words that look like files, then the others, the last ones first.

    Before a word that ends like a file, the word before it may belong to the name.

    >>> names_in("Move sofa 3.txt, please, to 'old things'.")
    ('old things', '3.txt', 'sofa 3.txt', 'things', 'old', 'please', 'sofa', 'Move')
    """
    quoted = [part.strip() for match in _QUOTED.finditer(text) for part in match.groups() if part]
    like: list[str] = []
    others: list[str] = []
    before = ""
    for written in _BETWEEN.split(text):
        word = written.lstrip(_BEFORE).rstrip(_BEHIND + ".").removesuffix("'s").removesuffix("’s")
        word = word.rstrip(_BEHIND)
        if len(word) > 1 and not _SHORT.fullmatch(word):
            looks = _LIKE_A_NAME.search(word) is not None
            (like if looks else others).append(word)
            if _ENDING.search(word) and before and not _LIKE_A_NAME.search(before):
                like.append(f"{before} {word}")
        before = word
    found = dict.fromkeys((*quoted, *like, *reversed(others)))
    return tuple([name for name in found if 0 < len(name) <= MOST_CHARACTERS][:MOST_NAMES])
