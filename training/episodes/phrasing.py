"""A goal as somebody may type it: a family's words, its slots filled in, and a person's habits.

Habits (politeness, case, typos, no full stop) touch the family's words only: what has to be copied is
never altered.
"""

import re
from collections.abc import Callable, Mapping

from episodes.dice import Dice

_SLOT = re.compile(r"(\{\w+\})")
_NAME = re.compile(r"[\w./-]+")
"""A path or a word, which nobody takes for longer than it is."""
GREETINGS = (
    "Hi, ", "hey, ", "Hello! ", "OK, ", "Quick one: ", "Task: ", "Good morning. ", "So, ", "Right, ",
    "Hi there, ",
)  # fmt: skip
"""Can stand before anything."""
BEFORE = (
    "Please ", "please ", "Could you ", "can you ", "Can you ", "I need you to ", "I want you to ",
    "Would you ", "Kindly ", "pls ", "Now ", "Next, ", "For me, ", "I'd like you to ", "You should ",
    "go and ",
)  # fmt: skip
"""Can stand before what begins with one of `VERBS`."""
VERBS = frozenset(
    "add adjust alphabetise append arrange ask attach back begin bring build calculate call capitalise "
    "change check clean clear collect combine compare compute convert copy correct count create cut "
    "delete determine discard divide do drop dump duplicate edit empty enter erase exchange express "
    "extend extract fetch figure fill filter find fix flip follow gather generate get give go harvest "
    "increase insert join jot keep leave list locate look lowercase make mark merge modify move name note "
    "open overwrite pick place prepare preserve produce pull put rank read rearrange record reduce "
    "register relocate remove rename repeat replace report reset reverse rewrite save say scan search "
    "send set shift show sort split start stick store strike substitute swap switch take tell throw tick "
    "tidy touch transfer trash turn update uppercase use wipe work write".split()
)
AFTER = (
    " please",
    ", please",
    " thanks",
    ". Thanks!",
    " for me",
    ", thank you",
    "!",
    " asap",
    ". Thank you.",
    " pls",
)


def phrased(template: str, slots: Mapping[str, str], dice: Dice) -> str:
    """The goal: the template in a person's manner, with its slots filled in."""
    last = _SLOT.findall(template)[-1:]
    ends_in_text = (
        last and template.rstrip(".").endswith(last[0]) and not _NAME.fullmatch(slots[last[0][1:-1]])
    )
    words = _habits(template, dice, may_end=not ends_in_text)
    parts = _SLOT.split(words)
    return "".join(slots[part[1:-1]] if _SLOT.fullmatch(part) else part for part in parts)


def slots_of(template: str) -> set[str]:
    """The names in braces."""
    return {part[1:-1] for part in _SLOT.findall(template)}


def _habits(template: str, dice: Dice, *, may_end: bool) -> str:
    """A template in a person's manner; nothing is put behind it unless it `may_end` in more."""
    words = template
    question = words.rstrip().endswith("?")
    asks = re.split(r"[^a-z]", words.lower(), maxsplit=1)[0] in VERBS
    if dice.maybe(0.22 if asks else 0.1):
        before = dice.choice(BEFORE if asks and dice.maybe(0.75) else GREETINGS)
        words = before + (words if before.endswith((": ", ". ", "! ")) else _first(words, str.lower))
        if may_end and before.lower().startswith(("could", "can", "would")) and dice.maybe(0.7):
            words = words.rstrip(".") + "?"
            question = True
    elif dice.maybe(0.2):
        words = _first(words, str.lower)
    if may_end and not question and dice.maybe(0.12):
        words = words.rstrip(".?") + dice.choice(AFTER)
    elif may_end and dice.maybe(0.4):
        words = words.rstrip(".") if words.endswith(".") else words + ("" if words[-1] in "?!" else ".")
    elif question and dice.maybe(0.15):
        words = words.rstrip("?")
    if dice.maybe(0.06):
        words = "".join(p if _SLOT.fullmatch(p) else p.lower() for p in _SLOT.split(words))
    elif dice.maybe(0.02):
        words = "".join(p if _SLOT.fullmatch(p) else p.upper() for p in _SLOT.split(words))
    while dice.maybe(0.1):
        words = _typo(words, dice)
    return words


def _first(words: str, change: Callable[[str], str]) -> str:
    if words.startswith(("{", "I ", "I'")) or words[:2].isupper():
        return words
    return change(words[:1]) + words[1:]


def _typo(words: str, dice: Dice) -> str:
    """One letter swapped, dropped or doubled, inside a word of the family's own."""
    parts = _SLOT.split(words)
    places = [
        (index, match.start())
        for index, part in enumerate(parts)
        if not _SLOT.fullmatch(part)
        for match in re.finditer(r"(?<=[a-z])[a-z](?=[a-z])", part)
    ]
    if not places:
        return words
    index, at = dice.choice(places)
    part = parts[index]
    match dice.randrange(3):
        case 0:
            part = part[:at] + part[at + 1] + part[at] + part[at + 2 :]
        case 1:
            part = part[:at] + part[at + 1 :]
        case _:
            part = part[:at] + part[at] + part[at:]
    parts[index] = part
    return "".join(parts)
