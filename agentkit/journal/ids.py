"""Names of runs: they sort by when a run began, and are easy to read out and type."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no i, l, o or u to mistake for something else."""
_LOOKALIKES = str.maketrans("ilo", "110")
_EPOCH = 1_704_067_200
"""Seconds until 2024: six signs then last until 2058."""


def new_run_id(now: float) -> str:
    """A fresh name: six signs of time in seconds and four of chance.

    >>> new_run_id(1_795_692_600.0)[:7]
    '2qc5xr-'
    """
    return f"{_base32(max(0, int(now) - _EPOCH), 6)}-{_base32(secrets.randbits(20), 4)}"


def normal(typed: str) -> str:
    """What a person meant who typed a name, or a part of it.

    >>> normal(" 2QC5XR-OIL4 ")
    '2qc5xr-0114'
    """
    return typed.strip().lower().translate(_LOOKALIKES)


def _base32(number: int, width: int) -> str:
    signs: list[str] = []
    while number or len(signs) < width:
        number, sign = divmod(number, 32)
        signs.append(_ALPHABET[sign])
    return "".join(reversed(signs))
