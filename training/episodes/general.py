"""General text in the base model's own words: what an adapter is to leave as it was.

The base writes both sides of a chat, and pieces of running text, by sampling: so the rows are drawn
from what it knows itself, and there is no end of them. Many are written at once; all begin with the
same tokens, so they stay in step.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.catalogue import find, path_of
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.precision import DTYPES, fast_precision
from agentkit_local_models.tokenizer import Tokenizer
from agentkit_local_models.training.forward import Model, rotation
from agentkit_local_models.training.trained import assembled

AT_ONCE = 48
LONGEST = 150
"""Tokens of a row, at most."""
_MARK = "0f3a"
"""Stands for the person's words while the template is taken apart."""


@torch.inference_mode()
def sample(
    model: Model, prompt: Sequence[int], forced: Sequence[int], stop: int, generator: torch.Generator
) -> list[list[int]]:
    """Rows that continue `prompt`; the first stop token is followed by `forced`, the second ends a row.

    A row that is cut off at `LONGEST` is kept, too: what is learnt from it is what the base expects.
    Tokens are drawn at temperature 1 from the 95 % that are most likely: what the model itself expects.
    """
    rows = [_Growing() for _ in range(AT_ONCE)]
    cache = _Cache(model, len(prompt) + LONGEST)
    logits = cache.extend(torch.tensor([prompt] * AT_ONCE))
    for _ in range(LONGEST):
        drawn = [int(token) for token in _draw(logits, generator)]
        tokens = [row.take(token, forced, stop) for row, token in zip(rows, drawn, strict=True)]
        if all(row.ended for row in rows):
            break
        logits = cache.extend(torch.tensor(tokens).unsqueeze(1))
    return [row.tokens for row in rows if row.stops or not forced]


@dataclass
class _Growing:
    """One row while it is written."""

    tokens: list[int] = field(default_factory=list[int])
    waiting: list[int] = field(default_factory=list[int])
    stops: int = 0
    ended: bool = False

    def take(self, drawn: int, forced: Sequence[int], stop: int) -> int:
        if self.ended:
            return stop
        token = self.waiting.pop(0) if self.waiting else drawn
        if token == stop and not self.waiting and drawn == stop:
            self.stops += 1
            self.ended = self.stops == (2 if forced else 1)
            self.waiting = [] if self.ended else list(forced)
        self.tokens.append(token)
        return token


def _draw(logits: Tensor, generator: torch.Generator) -> Tensor:
    values, places = logits.topk(200, dim=-1)
    shares = values.softmax(dim=-1)
    shares[shares.cumsum(dim=-1) - shares > 0.95] = 0
    return places.gather(1, torch.multinomial(shares, 1, generator=generator)).squeeze(1)


class _Cache:
    """Keys and values of rows in step."""

    def __init__(self, model: Model, most: int) -> None:
        self._model, config = model, model.config
        self._length = 0
        shape = (AT_ONCE, config.kv_heads, most, config.head_width)
        self._keys = [torch.empty(shape, dtype=model.embed.dtype) for _ in model.blocks]
        self._values = [torch.empty(shape, dtype=model.embed.dtype) for _ in model.blocks]
        self._cosines, self._sines = rotation(torch.arange(most), config, model.embed.dtype)

    def extend(self, ids: Tensor) -> Tensor:
        """Take in ids [N, L]; the logits after the last of each row: float32 [N, vocabulary]."""
        model, config, pieces = self._model, self._model.config, self._model.pieces
        count, length = ids.shape
        start, end = self._length, self._length + length
        cosines, sines = self._cosines[start:end], self._sines[start:end]
        x = F.embedding(ids, model.embed).view(count * length, -1)
        for block, keys, values in zip(model.blocks, self._keys, self._values, strict=True):
            normed = pieces.normalised(x, block.attention_norm, config.norm_epsilon)
            heads = block.query_key_value(normed)
            heads = heads.view(count, length, -1, config.head_width)
            turned = heads[:, :, : config.heads + config.kv_heads]
            turned = pieces.rotated(turned, cosines, sines)
            keys[:, :, start:end] = turned[:, :, config.heads :].transpose(1, 2)
            values[:, :, start:end] = heads[:, :, config.heads + config.kv_heads :].transpose(1, 2)
            query = turned[:, :, : config.heads].transpose(1, 2)
            if length == 1:  # query heads that share a key head are rows of one query
                query = query.reshape(count, config.kv_heads, -1, config.head_width)
            mixed = F.scaled_dot_product_attention(
                query, keys[:, :, :end], values[:, :, :end], is_causal=length > 1, enable_gqa=length > 1
            )
            mixed = mixed.view(count, config.heads, length, config.head_width)
            x = x + block.output(mixed.transpose(1, 2).reshape(count * length, -1))
            normed = pieces.normalised(x, block.feed_forward_norm, config.norm_epsilon)
            x = x + block.down(pieces.gated(block.gate_up(normed)))
        self._length = end
        last = pieces.normalised(x.view(count, length, -1)[:, -1], model.norm, config.norm_epsilon)
        return F.linear(last, model.head).float()


def write_general(path: Path, rows: int, seed: int, model: str = "smollm2") -> None:
    """Write that many rows: two thirds chats, one third running text."""
    with Checkpoint.open(path_of(find(model))) as checkpoint:
        base = assembled(checkpoint.config, dict(checkpoint.load_weights(DTYPES[fast_precision()])))
        assert checkpoint.chat_template is not None
        template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
        tokenizer = checkpoint.tokenizer
    chat = encode_chat(template, tokenizer, [{"role": "user", "content": _MARK}])
    mark = tokenizer.encode(_MARK)
    place = next(n for n in range(len(chat)) if chat[n : n + len(mark)] == mark)
    stop = chat[place + len(mark)]
    before, after = chat[:place], chat[place + len(mark) + 1 :]
    generator = torch.Generator().manual_seed(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("w", encoding="utf-8") as file:
        while written < rows:
            opening: list[int] = []
            running = (written // AT_ONCE) % 3 == 2
            if running:
                opening = tokenizer.encode(
                    OPENINGS[int(torch.randint(len(OPENINGS), (1,), generator=generator))]
                )
                made = sample(base, opening, (), stop, generator)
            else:
                made = sample(base, before, after, stop, generator)
            for tokens in made:
                row = _text(opening + tokens, tokenizer) if running else _chat(tokens, after, stop, tokenizer)
                if row is not None:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
                    written += 1


OPENINGS = (
    "The", "In", "A", "It was", "When", "One of the", "For many", "Although", "This", "There are", "She",
    "He", "I", "According to", "During the", "The most", "People", "To", "Most", "At the", "If you", "As a",
    "Once upon",
)  # fmt: skip
"""First words of running text."""


def _text(tokens: list[int], tokenizer: Tokenizer) -> dict[str, object] | None:
    text = tokenizer.decode(tokens)
    return {"text": text} if len(text.split()) > 20 else None


def _chat(
    tokens: list[int], after: Sequence[int], stop: int, tokenizer: Tokenizer
) -> dict[str, object] | None:
    end = tokens.index(stop)
    asked = tokenizer.decode(tokens[:end]).strip()
    answered = tokenizer.decode(tokens[end + 1 + len(after) :]).strip()
    if len(asked) < 8 or len(answered) < 2:
        return None
    return {"turns": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}
