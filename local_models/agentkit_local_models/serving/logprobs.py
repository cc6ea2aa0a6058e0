"""Log-probabilities as the two kinds of completions tell them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agentkit_local_models.sampling import TokenLogprobs
from agentkit_local_models.tokenizer import Tokenizer


def chat_logprobs(told: Sequence[TokenLogprobs] | None, tokenizer: Tokenizer) -> dict[str, Any] | None:
    """As a choice of a chat completion has them; None where they were not asked for."""
    if told is None:
        return None
    content = [
        {
            **_chat_token(one.token, one.logprob, tokenizer),
            "top_logprobs": [_chat_token(token, logprob, tokenizer) for token, logprob in one.top],
        }
        for one in told
    ]
    return {"content": content, "refusal": None}


def plain_logprobs(
    told: Sequence[TokenLogprobs] | None, tokenizer: Tokenizer, start: int
) -> dict[str, Any] | None:
    """As a choice of a plain completion has them.

    Args:
        told: of the tokens of a piece of text, or None.
        tokenizer: of the model.
        start: how many characters of the answer come before.
    """
    if told is None:
        return None
    tokens = [_text(one.token, tokenizer) for one in told]
    offsets: list[int] = []
    for token in tokens:
        offsets.append(start)
        start += len(token)
    top = [{_text(token, tokenizer): logprob for token, logprob in one.top} for one in told]
    return {
        "tokens": tokens,
        "token_logprobs": [_finite(one.logprob) for one in told],
        "top_logprobs": top if any(top) else None,
        "text_offset": offsets,
    }


def _chat_token(token: int, logprob: float, tokenizer: Tokenizer) -> dict[str, Any]:
    spelt = tokenizer.token_bytes(token)
    return {"token": spelt.decode(errors="replace"), "logprob": _finite(logprob), "bytes": list(spelt)}


def _text(token: int, tokenizer: Tokenizer) -> str:
    return tokenizer.token_bytes(token).decode(errors="replace")


def _finite(logprob: float) -> float:
    """A number that JSON has: 0 where a grammar left no choice, and OpenAI's -9999 for the impossible."""
    return 0.0 if math.isnan(logprob) else max(logprob, -9999.0)
