"""Names in English: by their capitals, titles, endings, and the words around them."""

import re
from collections.abc import Iterator, Sequence

from agentkit.memory.names.entity import Entity, EntityKind


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMPANY = _words(
    "Inc Ltd LLC GmbH AG Corp Corporation Company Group Bank University College Institute School Hospital "
    "Foundation Association Agency Ministry Department Committee Club Union Council Laboratory Labs"
)
_PLACE = _words(
    "Street Road Avenue Square Park River Lake Island Mountain Mount Bay Valley County City Airport Station"
)
_COMMON = _words(
    "A About After Again All Also Although Always Am An And Another Any Anyway April Are As Ask At August "
    "Be Because Been Before Both But By Call Can Change Check Come Could Create Dear December Delete Did "
    "Do Does Done Each Either Else Every Everyone Everything Explain February Find Fine First Fix For "
    "Friday From Get Give Go Good Great Had Has Have He Hello Help Her Here Hers Hey Hi His How However I "
    "I'd I'll I'm I've If Important In Instead Into Is It It's Its January July June Just Keep Last Let "
    "Let's List Look Make Many March May Maybe Me Might Mine Monday More Most Move Much Must My Never New "
    "Next No Nobody None Nor Not Note Nothing November Now October Of Off Ok Okay Old On Once One Only "
    "Open Or Other Our Out Over Perhaps Please Put Read Really Remember Remind Remove Right Run Saturday "
    "Say See Send September Set She Should Show Since So Some Someone Something Sometimes Soon Sorry "
    "Still Stop Such Sunday Sure Take Tell Thank Thanks That That's The Their Them Then There There's "
    "These They Thing This Those Though Thursday Till To Today Tomorrow Tonight Too Tuesday Two Under "
    "Until Up Update Use Very Want Was We We're Wednesday Welcome Well Were What What's When Where "
    "Whether Which While Who Why Will With Without Work Would Write Yes Yesterday Yet You You're Your "
    "Yours"
)
_WORD = r"[A-Z][A-Za-z0-9]*(?:[-'’][A-Z][A-Za-z0-9]*)*"
_NAMES = re.compile(rf"(?<![\w@./]){_WORD}(?:\s(?:(?:of|de|van|von|the)\s)*{_WORD})*(?![\w@])")
_SENTENCE = re.compile(r"(?:^|[.!?。！？:\n]\s*|[\"“(\[-]\s*)$")
_TITLE = frozenset({"Mr", "Mrs", "Ms", "Dr", "Prof", "Professor", "Sir", "Madam", "Doctor", "President"})
_BEFORE_PLACE = re.compile(r"\b(?:in|to|from|near|at|via|towards|around|of)\s$")
_BEFORE_PERSON = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|Prof)\.?\s$|\b(?:named|called|name is|I am|I'm|met|with|and)\s$"
)
_VERB_OF_PERSON = re.compile(
    r"\s(?:said|says|told|asked|thinks|likes|lives|lived|works|worked|moved|wants|wrote|married|called|is\sa)\b"
)


def english(text: str) -> Iterator[Entity]:
    """Names by their capitals; at the beginning of a sentence only what is no ordinary word."""
    for match in _NAMES.finditer(text):
        start, end = match.span()
        words = [(start + part.start(), part.group()) for part in re.finditer(r"\S+", match.group())]
        if _SENTENCE.search(text[:start]) or words[0][1] in ("I", "I'm"):
            while words and words[0][1].replace("’", "'") in _COMMON:
                words.pop(0)
        titled = False
        while words and words[0][1].rstrip(".") in _TITLE:
            titled = True
            words.pop(0)
        while words and (words[-1][1] in _COMMON or words[-1][1].islower()):
            words.pop()
        if not words or words[0][1].islower():
            continue
        start, end = words[0][0], words[-1][0] + len(words[-1][1])
        named = [word for _, word in words]
        yield Entity(text[start:end], _kind(text, start, end, named, titled=titled), start, end)


def _kind(text: str, start: int, end: int, words: Sequence[str], *, titled: bool) -> EntityKind:
    before = text[max(0, start - 16) : start]
    if titled:
        return "person"
    if words[-1] in _COMPANY or words[0] in ("University", "Bank", "Institute", "Ministry"):
        return "organisation"
    if words[-1] in _PLACE or words[0] in ("Lake", "Mount"):
        return "place"
    if _BEFORE_PERSON.search(before) or _VERB_OF_PERSON.match(text[end : end + 12]):
        return "person"
    return "place" if _BEFORE_PLACE.search(before) else "name"
