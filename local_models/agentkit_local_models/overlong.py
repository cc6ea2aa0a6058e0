"""Texts that are far too long for a model, which are refused before all of them is tokenised."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit_local_models.errors import PromptTooLong
from agentkit_local_models.tokenizer import Tokenizer

_CHARACTERS = 16
"""For each token of the context: what has no more is tokenised at once, as all that may fit mostly is."""
_SLICE = 16_384
"""Characters that are tokenised at a time. The library lets no other thread run meanwhile."""


def refuse_overlong(
    texts: Sequence[str], tokenizer: Tokenizer, context: int, *, allow_special: bool = False
) -> None:
    """Look whether texts can fit at all, for the price of twice the tokens that would.

    Args:
        texts: of one prompt.
        tokenizer: of the model.
        context: tokens that it holds.
        allow_special: as `Tokenizer.encode` has it.

    Raises:
        PromptTooLong: they are far too long. Others may be too long, still.
        TokenizerError: lone surrogates, which are not text.
    """
    if sum(map(len, texts)) <= _CHARACTERS * context:
        return
    counted = 0
    for text in texts:
        for at in range(0, len(text), _SLICE):
            part = text[at : at + _SLICE]
            counted += len(tokenizer.encode(part, allow_special=allow_special, first=False))
            # where slices meet, a token or two are more than in one piece; twice as many are surely too many
            if counted > 2 * context:
                raise PromptTooLong(
                    f"the prompt has far more tokens than the model's context holds, which is {context}"
                )
