"""Which kind of script a text is in: models of vectors know some, and are blind for others."""

import re

_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_LETTER = re.compile(r"[^\W\d_]")


def script_of(text: str) -> str:
    """Which kind of script most letters of a text are in: `east asian`, `latin`, or `other`.

    >>> script_of("机器学习 with Python?"), script_of("Where is it?"), script_of("Где это?")
    ('east asian', 'latin', 'other')
    """
    wide, latin, letters = (len(kind.findall(text)) for kind in (_WIDE, _LATIN, _LETTER))
    # a character of these says about as much as three letters
    if wide * 4 > letters:
        return "east asian"
    return "latin" if latin * 2 >= letters - wide else "other"
