"""What is never trained on: whole groups of families, and a fifth of every other family's phrasings.

The split is a file, so that it cannot drift: `split.json` names the held-out groups and phrasings, and
its hash goes into the card of every adapter. A new family or phrasing is placed by `extend`, which
never moves one that is placed already.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from episodes.task import FAMILIES, Family

FILE = Path(__file__).with_name("split.json")
PARAPHRASES = Path(__file__).with_name("paraphrases.json")


@dataclass(frozen=True)
class Split:
    """The held-out groups, and of each family the phrasings for tests (all others are for training)."""

    groups: tuple[str, ...]
    phrasings: Mapping[str, tuple[str, ...]]
    digest: str
    paraphrases: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict[str, Any])

    def trains(self, family: Family) -> bool:
        """Whether tasks of this family may be trained on."""
        return family.group not in self.groups

    def texts(self, family: Family, variant: str, *, test: bool) -> tuple[str, ...]:
        """The phrasings of a variant for tests or for training; all of them for a held-out family.

        A larger model's paraphrases are for training only.
        """
        everything = family.phrasings[variant]
        if not self.trains(family):
            return everything if test else ()
        held = set(self.phrasings.get(family.name, ()))
        chosen = tuple(text for text in everything if (text in held) == test)
        return chosen if test else (*chosen, *self.paraphrases.get(family.name, {}).get(variant, ()))


@cache
def load_split(path: Path = FILE) -> Split:
    """The split of the file."""
    data = path.read_bytes()
    content = json.loads(data)
    held = {name: tuple(texts) for name, texts in content["phrasings"].items()}
    more = json.loads(PARAPHRASES.read_text(encoding="utf-8")) if PARAPHRASES.exists() else {}
    return Split(tuple(content["groups"]), held, hashlib.sha256(data).hexdigest(), more)


def extend(path: Path = FILE) -> None:
    """Place every family and phrasing that the file does not know yet."""
    content = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"groups": [], "phrasings": {}}
    )
    seen: dict[str, list[str]] = content.setdefault("seen", {})
    for family in FAMILIES.values():
        known = set(seen.setdefault(family.name, []))
        held = content["phrasings"].setdefault(family.name, [])
        for variant, texts in family.phrasings.items():
            fresh = sorted(set(texts) - known)
            Random(f"{family.name} {variant} {len(known)}").shuffle(fresh)
            held += fresh[: max(1, len(fresh) // 5) if len(fresh) >= 3 else 0]  # fmt: skip
        seen[family.name] = sorted(known | {text for texts in family.phrasings.values() for text in texts})
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
