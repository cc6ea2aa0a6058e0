"""English words without their endings: the Snowball project's English stemmer (Porter 2).

The algorithm is Martin Porter's, described at https://snowballstem.org/algorithms/english/stemmer.html; the
names of its steps are his. R1 is what follows the first consonant after a vowel, R2 the same within R1: an
ending is only taken off where enough of the word is left before it.
"""

import re

VOWELS = "aeiouy"
_DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
_REGION = re.compile(r"[aeiouy][^aeiouy]")
_EARLY_REGION = re.compile(r"gener|commun|arsen|past|univers|later|emerg|organ|inter")
_SHORT = re.compile(r"(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy]|^past)$")
_VOWEL = re.compile(r"[aeiouy]")
_EXCEPTIONS = {
    "skis": "ski", "skies": "sky", "idly": "idl", "gently": "gentl", "ugly": "ugli", "early": "earli",
    "only": "onli", "singly": "singl", "sky": "sky", "news": "news", "howe": "howe", "atlas": "atlas",
    "cosmos": "cosmos", "bias": "bias", "andes": "andes",
}  # fmt: skip
_WHOLE_ING = frozenset({"inn", "out", "cann", "herr", "earr", "even"})
"""What is left of words that end in -ing by themselves."""
_STEP_2 = {
    "tional": "tion", "enci": "ence", "anci": "ance", "abli": "able", "entli": "ent", "izer": "ize",
    "ization": "ize", "ational": "ate", "ation": "ate", "ator": "ate", "alism": "al", "aliti": "al",
    "alli": "al", "fulness": "ful", "ousli": "ous", "ousness": "ous", "iveness": "ive", "iviti": "ive",
    "biliti": "ble", "bli": "ble", "fulli": "ful", "lessli": "less", "ogist": "og",
}  # fmt: skip
_STEP_3 = {
    "tional": "tion", "ational": "ate", "alize": "al", "icate": "ic", "iciti": "ic", "ical": "ic",
    "ful": "", "ness": "",
}  # fmt: skip
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip


def _longest_first(endings: list[str]) -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(sorted(endings, key=len, reverse=True))})$")


_ENDS_2 = _longest_first([*_STEP_2, "ogi", "li"])
_ENDS_3 = _longest_first([*_STEP_3, "ative"])
_ENDS_4 = _longest_first([*_STEP_4, "ion"])


def stem(word: str) -> str:
    """The stem of an English word in lower case; a word of another language may lose an ending too.

    >>> [stem(word) for word in ("running", "generously", "skies", "hopping", "hoping", "knitted")]
    ['run', 'generous', 'sky', 'hop', 'hope', 'knit']
    """
    if len(word) <= 2:
        return word
    if word in _EXCEPTIONS:
        return _EXCEPTIONS[word]
    word = word.removeprefix("'")
    # y is a vowel, except at the beginning and after a vowel
    if "y" in word:
        word = re.sub(r"^y|(?:([aeiouy])y)", r"\1Y", word)
    word = re.sub(r"(?:'s'|'s|')$", "", word)
    first, second = _regions(word)
    word = _step_1a(word)
    word = _step_1b(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in VOWELS:
        word = f"{word[:-1]}i"
    word = _step_2(word, first)
    word = _step_3(word, first, second)
    word = _step_4(word, second)
    return _step_5(word, first, second).replace("Y", "y")


def _regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin."""
    early = _EARLY_REGION.match(word)
    found = early or _REGION.search(word)
    first = found.end() if found else len(word)
    found = _REGION.search(word, first)
    return first, found.end() if found else len(word)


def _step_1a(word: str) -> str:
    """Plurals."""
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and _VOWEL.search(word, 0, len(word) - 2):
        return word[:-1]
    return word


def _step_1b(word: str, first: int) -> str:
    """-ed, -ing and their adverbs."""
    for ending in ("eedly", "eed"):
        if word.endswith(ending):
            at = len(word) - len(ending)
            return f"{word[:at]}ee" if at >= first and word[:at] not in ("proc", "exc", "succ") else word
    ending = next((e for e in ("ingly", "edly", "ing", "ed") if word.endswith(e)), "")
    rest = word[: len(word) - len(ending)]
    if not ending or not _VOWEL.search(rest):
        return word
    if ending == "ing":
        if rest in _WHOLE_ING:
            return word
        if len(rest) == 2 and rest[1] == "y" and rest[0] not in VOWELS:
            return f"{rest[0]}ie"
    if rest.endswith(("at", "bl", "iz")):
        return f"{rest}e"
    if rest.endswith(_DOUBLES):
        return rest if len(rest) == 3 and rest[0] in "aeo" else rest[:-1]
    # a short word has an empty R1 and ends in a short syllable
    return f"{rest}e" if first >= len(rest) and _SHORT.search(rest) else rest


def _step_2(word: str, first: int) -> str:
    if not (found := _ENDS_2.search(word)) or found.start() < first:
        return word
    rest, ending = word[: found.start()], found[0]
    if ending == "ogi":
        return f"{rest}og" if rest.endswith("l") else word
    if ending == "li":
        return rest if rest and rest[-1] in "cdeghkmnrt" else word
    return rest + _STEP_2[ending]


def _step_3(word: str, first: int, second: int) -> str:
    if not (found := _ENDS_3.search(word)) or found.start() < first:
        return word
    rest, ending = word[: found.start()], found[0]
    if ending == "ative":
        return rest if found.start() >= second else word
    return rest + _STEP_3[ending]


def _step_4(word: str, second: int) -> str:
    if not (found := _ENDS_4.search(word)) or found.start() < second:
        return word
    rest = word[: found.start()]
    return rest if found[0] != "ion" or rest.endswith(("s", "t")) else word


def _step_5(word: str, first: int, second: int) -> str:
    at = len(word) - 1
    if word.endswith("e") and (at >= second or (at >= first and not _SHORT.search(word[:-1]))):
        return word[:-1]
    if word.endswith("ll") and at >= second:
        return word[:-1]
    return word
