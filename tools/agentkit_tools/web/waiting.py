"""What servers say of when they may be asked, or asked again (RFC 9110, 10.2.3; RFC 9111, 5.2)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """For how many seconds a server wants to be left alone, where it says so in either form of Retry-After.

    >>> retry_after({"retry-after": "7"}), retry_after({})
    (7.0, None)
    >>> told = {"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:29 GMT"}
    >>> retry_after(told)
    30.0

    Args:
        headers: Of its answer, by lower-case name.
        now: What a date is counted from where the answer has none of its own, which no clock here can
            disagree with; the time it is by default.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said)
    if (then := _moment(said)) is None:
        return None
    since = _moment(headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (then - since).total_seconds())


def fresh_for(headers: Mapping[str, str], otherwise: float, most: float) -> float | None:
    """For how many seconds an answer is as good as new; `None` where it is not to be kept.

    >>> fresh_for({"cache-control": "public, max-age=60"}, 300, 3600), fresh_for({}, 300, 3600)
    (60.0, 300)

    Args:
        headers: Of the answer, by lower-case name.
        otherwise: Where it does not say.
        most: However long it says.
    """
    said = {
        name.strip().lower(): value.strip(' "')
        for name, _, value in (part.partition("=") for part in headers.get("cache-control", "").split(","))
    }
    if "no-store" in said:
        return None
    if "no-cache" in said:
        return 0.0
    age = said.get("max-age", "")
    return min(float(age), most) if age.isascii() and age.isdecimal() else otherwise


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
