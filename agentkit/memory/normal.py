"""When two ways of writing mean the same: what keys of facts and names of entities are compared by."""

import re
import unicodedata

PERSON = "user"
"""What the person is called whose memory it is."""

_SELF = frozenset({"i", "me", "myself", "user", "the user", "我", "本人", "用户"})
_BEFORE = re.compile(r"^(?:the|a|an|my|your|his|her|its|our|their)\s+")
_AFTER = re.compile(r"['’]s$")
_ENDS = " \t\n.,;:!?\"'“”‘’()[]。，；：！？、（）《》「」"


def normal(text: str) -> str:
    """The text as it is compared.

    >>> normal("The Phone  Number:"), normal("ＡＢＣ公司"), normal("Alice’s")
    ('phone number', 'abc公司', 'alice')
    """
    flat = flattened(text).casefold().replace("_", " ").strip(_ENDS)
    return _AFTER.sub("", _BEFORE.sub("", flat)) or flat


def normal_subject(text: str) -> str:
    """The text as who or what a fact is about; every way of saying "I" is one.

    >>> normal_subject("I"), normal_subject("我"), normal_subject("The User"), normal_subject("Ann")
    ('user', 'user', 'user', 'ann')
    """
    found = normal(text)
    return PERSON if found in _SELF else found


def flattened(text: str) -> str:
    """The text on one line, in one form of its characters: where quotes are looked for."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
