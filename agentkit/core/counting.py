"""Numbers of things in words."""


def counted(count: int, noun: str) -> str:
    """A number of things.

    >>> counted(1, "step"), counted(2300, "token"), counted(3, "match")
    ('1 step', '2,300 tokens', '3 matches')
    """
    plural = f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
