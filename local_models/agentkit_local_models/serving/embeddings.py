"""/v1/embeddings: vectors of texts."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import Any, cast

import torch
from torch import Tensor

from agentkit_local_models.encoder import Encoder
from agentkit_local_models.serving.faults import refusal
from agentkit_local_models.serving.fields import Fields, wrong
from agentkit_local_models.serving.reply import Reply
from agentkit_local_models.serving.served import Served

MOST_TEXTS = 2048
"""Of a request: OpenAI's limit."""


async def embeddings(served: Served, asked: Fields, reply: Reply) -> None:
    """Turn texts into vectors, as they stand: no prefix for questions or documents is put before them.

    Raises:
        ApiError: it is refused, or the model fails.
    """
    name, encoder = served.encoder(asked.needed_text("model"))
    texts = asked.texts("input")
    if not 0 < len(texts) <= MOST_TEXTS:
        wrong("input", len(texts), f"1 to {MOST_TEXTS} texts")
    form = asked.text("encoding_format") or "float"
    if form not in ("float", "base64"):
        wrong("encoding_format", form, "float or base64")
    asked.only("dimensions", [encoder.config.width])
    asked.text("user")
    asked.close()
    with served.gate.admitted(1):
        try:
            vectors, tokens = await _encoded(encoder, list(texts))
        except Exception as error:
            raise refusal(error, asked_by="input") from error
    data = [
        {"object": "embedding", "index": place, "embedding": _written(row, form)}
        for place, row in enumerate(vectors)
    ]
    served.tally.prompt_tokens += tokens
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    await reply.whole({"object": "list", "data": data, "model": name, "usage": usage})


async def _encoded(encoder: Encoder, texts: list[str]) -> tuple[Tensor, int]:
    """The vectors, float32 [texts, width], and how many tokens were read.

    Whoever is cancelled waits for a batch.
    """
    stop = threading.Event()

    def compute() -> tuple[Tensor, int]:
        return encoder.encode(texts, stop.is_set), sum(map(encoder.count, texts))

    work = asyncio.ensure_future(asyncio.to_thread(compute))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        raise


def _written(row: Tensor, form: str) -> Any:
    """A vector as numbers, or as the bytes of its little-endian float32 numbers in base64."""
    if form == "float":
        return cast("list[float]", row.tolist())  # pyright: ignore[reportUnknownMemberType] - as torch has it
    return base64.b64encode(row.to(torch.float32).numpy().astype("<f4").tobytes()).decode()
