"""What kind of event a stored body is of, without reading the rest of it."""

from functools import cache

import msgspec

from agentkit.core.events import Event


class _Tagged(msgspec.Struct):
    type: str


_tagged = msgspec.json.Decoder(_Tagged).decode


def kind_of(body: bytes) -> str | None:
    """The kind of event that a body says it is; `None` of one that cannot be read.

    >>> kind_of(b'{"type":"nudged","reason":"claim"}')
    'nudged'
    """
    try:
        return _tagged(body).type
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


@cache
def tag_of(kind: type[Event]) -> str:
    """The kind of event that the bodies of a class say they are."""
    return str(kind.__struct_config__.tag)
