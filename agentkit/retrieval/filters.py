"""Facts that documents must have, as SQLite and a vector store ask for them."""

import msgspec

from agentkit.core.documents import Fact, Facts


def value_text(value: Fact) -> str:
    """A fact's value as it is compared: of one type only, and whole numbers however they are written.

    >>> value_text(3), value_text(3.0), value_text("3"), value_text(True)
    ('3', '3', '"3"', 'true')
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return msgspec.json.encode(value).decode()


def has_all(facts: Facts, where: Facts | None) -> bool:
    """Whether what is asked for is among the facts.

    >>> has_all({"year": 2024, "kind": "note"}, {"year": 2024})
    True
    """
    return all(
        name in facts and value_text(facts[name]) == value_text(value)
        for name, value in (where or {}).items()
    )


def allowed(where: Facts) -> tuple[str, list[str]]:
    """A query for the ids of the chunks that have all these facts, and its parameters.

    Beside its metadata every document has the facts `source` and `media_type`.
    """
    one = (
        "SELECT id FROM chunks WHERE document IN"
        " (SELECT document FROM facts WHERE name = ? AND value = ? AND chunk = 0)"
        " UNION SELECT chunk FROM facts WHERE name = ? AND value = ? AND chunk > 0"
    )
    asked = [(name, value_text(value)) for name, value in sorted(where.items())]
    query = f"SELECT id FROM ({one})"  # noqa: S608 - ours
    return " INTERSECT ".join([query] * len(asked)), [part for pair in asked for part in (*pair, *pair)]
