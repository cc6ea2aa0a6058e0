"""What a request used, as the protocol tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentkit_local_models.answer import Completion


def usage_of(groups: Sequence[Sequence[Completion]]) -> dict[str, Any]:
    """Tokens of prompts and answers; a prompt counts once however many answers it got.

    Args:
        groups: the answers to each prompt.
    """
    prompt = sum(group[0].prompt_tokens for group in groups)
    written = sum(one.output_tokens for group in groups for one in group)
    cached = sum(group[0].reused_tokens for group in groups)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def finish_of(done: Completion) -> str:
    """Why an answer ended, in the protocol's words."""
    return "length" if done.finish == "length" else "stop"
