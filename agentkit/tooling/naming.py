"""What a person's words may name: candidates for a file or folder, whether it is there or not."""

import re

MOST_NAMES = 100
"""As many of a text's candidates are kept; who names more files than that lists them in one."""
MOST_CHARACTERS = 200
"""Of a candidate; what is longer in quotes is a text and no name."""

_QUOTED = re.compile(r"\"([^\"\n]+)\"|'([^'\n]+)'(?!\w)|`([^`\n]+)`|“([^”\n]+)”|‘([^’\n]+)’|«([^»\n]+)»")
_BEFORE, _BEHIND = "([{<\"'`“‘«", ")]}>\"'`”’»,;:!?"
_ENDING = re.compile(r"\w\.\w{1,5}$")


def names_in(text: str) -> tuple[str, ...]:
    """What stands in quotes, and every word; before one that ends like a file also with the word before it.

    >>> names_in("Move sofa 3.txt, please, to 'old things'.")
    ('old things', 'Move', 'sofa', '3.txt', 'sofa 3.txt', 'please', 'old', 'things')
    """
    found = {part: None for match in _QUOTED.finditer(text) for part in match.groups() if part}
    before = ""
    for written in text.split():
        word = written.lstrip(_BEFORE).rstrip(_BEHIND).removesuffix("'s").removesuffix("’s")
        word = word.rstrip(_BEHIND + ".")
        if len(word) > 2:
            found[word] = None
            if before and _ENDING.search(word):
                found[f"{before} {word}"] = None
        before = word
    return tuple([name for name in found if len(name) <= MOST_CHARACTERS][:MOST_NAMES])
