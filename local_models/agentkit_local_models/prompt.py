"""The prompt of a prefix language model: where it ends, and where its answer belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agentkit_local_models.arch import PrefixLM


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of a prefix language model, all of which is seen by all of it.

    Attributes:
        end: the place of the token that begins the answer; all before it is the prompt.
        mask: the place of the mask that stands for the answer.
    """

    end: int
    mask: int

    @staticmethod
    def of(tokens: Sequence[int], prefix: PrefixLM) -> Prompt:
        """The prompt that the first tokens of a sequence hold.

        Raises:
            ValueError: no token that begins an answer, or no mask before it.
        """
        if prefix.start not in tokens:
            raise ValueError(f"the prompt lacks the token {prefix.start}, which begins the answer")
        end = list(tokens).index(prefix.start)
        before = tokens[:end]
        masks = [mask for mask in prefix.masks if mask in before]
        if not masks:
            raise ValueError(f"the prompt has none of the mask tokens {list(prefix.masks)} before its end")
        return Prompt(end, list(before).index(masks[-1]))
