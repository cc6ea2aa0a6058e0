"""What is never trained on: whole groups of families, a fifth of all other phrasings, a fifth of the worlds.

The split is a file, so that it cannot drift: `split.json` names the held-out groups, the phrasings that are
held out and those that may be trained on, and its hash goes into the card of every adapter. It is about
texts, not families: families that share a phrasing share its place, and texts that differ only in case
and punctuation count as one. `extend` places what is new and never moves what is placed.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from episodes.by_hand import World, worlds
from episodes.task import FAMILIES, Family

FILE = Path(__file__).with_name("split.json")
PARAPHRASES = Path(__file__).with_name("paraphrases.json")
SHARE = 5
"""One phrasing in so many is held out."""


def plain(text: str) -> str:
    """What makes two phrasings the same: their words and slots.

    >>> plain('Write "{text}" to {path}!') == plain("write {text} to {path}")
    True
    """
    return " ".join(re.findall(r"[a-z0-9']+|\{\w+\}", text.lower()))


@dataclass(frozen=True)
class Paraphrases:
    """What a larger model wrote: by family and variant, and what was read and is none."""

    kept: dict[str, dict[str, list[str]]] = field(default_factory=dict[str, dict[str, list[str]]])
    refused: list[str] = field(default_factory=list[str])

    def write(self, path: Path) -> None:
        """Replace the file."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)


def read_paraphrases(path: Path = PARAPHRASES) -> Paraphrases:
    """What was written so far."""
    return Paraphrases(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else Paraphrases()


@dataclass(frozen=True)
class Split:
    """The held-out groups and phrasings, and those that may be trained on (in plain form)."""

    groups: tuple[str, ...]
    held: frozenset[str]
    trained: frozenset[str]
    digest: str
    held_worlds: frozenset[str] = frozenset()
    paraphrases: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict[str, Any])

    def trains(self, family: Family) -> bool:
        """Whether tasks of this family may be trained on."""
        return family.group not in self.groups

    def trains_on(self, world: World) -> bool:
        """Whether the goals of this world may be trained on."""
        return world.name not in self.held_worlds

    def texts(self, family: Family, variant: str, *, test: bool) -> tuple[str, ...]:
        """The phrasings of a variant for tests or for training; none for training of a held-out family.

        A larger model's paraphrases are for training only.
        """
        everything = family.phrasings[variant]
        if test:
            return tuple(text for text in everything if plain(text) in self.held)
        if not self.trains(family):
            return ()
        more = self.paraphrases.get(family.name, {}).get(variant, ())
        return (*(text for text in everything if plain(text) in self.trained), *more)


@cache
def load_split(path: Path = FILE) -> Split:
    """The split of the file, with the paraphrases."""
    data = path.read_bytes()
    content: dict[str, list[str]] = json.loads(data)
    paraphrases = PARAPHRASES.read_bytes()
    return Split(
        tuple(content["groups"]),
        frozenset(map(plain, content["held"])),
        frozenset(map(plain, content["trained"])),
        hashlib.sha256(data + paraphrases).hexdigest(),
        frozenset(content["held_worlds"]),
        Paraphrases(**json.loads(paraphrases)).kept,
    )


def extend(path: Path = FILE) -> None:
    """Place every phrasing that the file does not know yet.

    What only held-out families say is held out, then a fifth of every other list, and of the worlds.
    """
    content: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    places = {plain(text): kind for kind in ("held", "trained") for text in content[kind]}

    def place(texts: Iterable[str], kind: str) -> None:
        for text in texts:
            if plain(text) not in places:
                places[plain(text)] = kind
                content[kind].append(text)

    trained = [family for family in FAMILIES.values() if family.group not in content["groups"]]
    said = {plain(text) for family in trained for texts in family.phrasings.values() for text in texts}
    for family in FAMILIES.values():
        if family not in trained:
            for texts in family.phrasings.values():
                place((text for text in texts if plain(text) not in said), "held")
    for family in trained:
        for variant, texts in family.phrasings.items():
            fresh = sorted({plain(text): text for text in texts if plain(text) not in places}.values())
            Random(f"{family.name} {variant}").shuffle(fresh)
            held = sum(places.get(plain(text)) == "held" for text in texts)
            missing = max(0, max(1, len(texts) // SHARE) - held)
            place(fresh[:missing], "held")
            place(fresh[missing:], "trained")
    names = {world.name for world in worlds()}
    fresh = sorted(names - {name for kind in ("held_worlds", "trained_worlds") for name in content[kind]})
    Random("worlds").shuffle(fresh)
    missing = max(0, len(names) // SHARE - len(content["held_worlds"]))
    content["held_worlds"] += fresh[:missing]
    content["trained_worlds"] += fresh[missing:]
    for kind in ("held", "trained", "held_worlds", "trained_worlds"):
        content[kind].sort()
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
