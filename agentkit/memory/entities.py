"""Whom and what a text names. Rules for English and Chinese; anything that tags may take their place."""

from collections.abc import Sequence
from typing import Protocol

from agentkit.memory.names.chinese import chinese
from agentkit.memory.names.english import english
from agentkit.memory.names.entity import Entity


class Tagger(Protocol):
    """Finds names; a trained model has the same face as the rules."""

    def entities(self, text: str) -> Sequence[Entity]:
        """The names in the text, in order, none inside another."""
        ...


class RuleTagger:
    """Finds names by capitals, titles and endings; by surnames, cues and endings in Chinese.

    >>> [(one.name, one.kind) for one in RuleTagger().entities("Dr. Ann Lee moved to Acme Ltd in Oslo.")]
    [('Ann Lee', 'person'), ('Acme Ltd', 'organisation'), ('Oslo', 'place')]
    >>> [(one.name, one.kind) for one in RuleTagger().entities("我叫王小明，在北京大学读《红楼梦》。")]
    [('王小明', 'person'), ('北京大学', 'organisation'), ('红楼梦', 'work')]
    """

    def entities(self, text: str) -> Sequence[Entity]:
        """The names in the text, in order, none inside another."""
        found = sorted((*english(text), *chinese(text)), key=lambda one: (one.start, -one.end))
        kept: list[Entity] = []
        for one in found:
            if not kept or one.start >= kept[-1].end:
                kept.append(one)
        return kept
