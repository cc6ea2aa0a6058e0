"""Texts to vectors with an encoder like BERT (Devlin et al. 2019), as sentence-transformers folders hold one.

Texts are computed together, sorted by length and laid end to end without padding: a matrix product sees
the tokens of all of them as rows, and attention sees the texts of one length at a time. So a text costs
what it alone is long, and its vector does not depend on its neighbours beyond rounding.

Shapes in comments: N tokens of all texts, B texts of T tokens, H heads of D numbers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

import tokenizers
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor

from agentkit_local_models.encoder_config import EncoderConfig, encoder_config
from agentkit_local_models.encoder_weights import EncoderWeights, Layer, load_weights
from agentkit_local_models.errors import CheckpointError, LocalModelError, TextTooLong, TokenizerError
from agentkit_local_models.precision import DTYPES, fast_precision

TOKENS_AT_ONCE = 2048
"""Tokens that are computed together: more needs memory and is no faster."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A text to be computed: its place among those that were asked for, and its token ids."""

    place: int
    ids: list[int]


class Encoder:
    """A sentence encoder in memory; safe to share between threads."""

    def __init__(
        self,
        config: EncoderConfig,
        tokenizer: tokenizers.Tokenizer,
        weights: EncoderWeights,
        dtype: torch.dtype,
    ) -> None:
        """Prefer `Encoder.load`."""
        self.config = config
        self.dtype = dtype
        self._tokenizer = tokenizer
        self._weights = weights
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        dtype: Literal["auto", "float32", "bfloat16"] = "auto",
        threads: int | None = None,
    ) -> Encoder:
        """Load a sentence-transformers folder, or a plain one of transformers.

        Args:
            folder: with `config.json`, `tokenizer.json` and safetensors.
            dtype: to compute in; "auto" is bfloat16 where the processor multiplies it itself.
            threads: of the computation, for the whole process; None is torch's choice.

        Raises:
            CheckpointError: a file is missing or damaged.
            UnsupportedCheckpoint: a model of a kind that is not built.
        """
        if threads is not None:
            torch.set_num_threads(threads)
        config = encoder_config(folder)
        kind = DTYPES[fast_precision() if dtype == "auto" else dtype]
        return cls(config, _tokenizer(folder / "tokenizer.json"), load_weights(folder, config, kind), kind)

    def count(self, text: str) -> int:
        """How many tokens the text has, those counted that every text has."""
        return len(self._encoded([text])[0].ids)

    def unknown(self, text: str) -> int:
        """How many of its tokens stand for what the vocabulary does not have."""
        unknown = self._tokenizer.token_to_id("[UNK]")
        unknown = self._tokenizer.token_to_id("<unk>") if unknown is None else unknown
        return sum(token == unknown for token in self._encoded([text])[0].ids)

    def encode(self, texts: Sequence[str], cancelled: Callable[[], bool] = lambda: False) -> Tensor:
        """The vectors of texts: float32 [texts, width], scaled to length 1 where the config says so.

        Args:
            texts: none over the window.
            cancelled: asked between two batches.

        Raises:
            TextTooLong: one has more tokens than the window, and would be cut in silence otherwise.
            TokenizerError: one is no text.
            LocalModelError: it was cancelled.
        """
        vectors = torch.empty(len(texts), self.config.width)
        todo = [_Text(place, found.ids) for place, found in enumerate(self._encoded(texts))]
        for text in todo:
            if len(text.ids) > self.config.window:
                found = (
                    f"text {text.place} has {len(text.ids)} tokens, and the model reads {self.config.window}"
                )
                raise TextTooLong(f"{found}; split it first: {texts[text.place][:60]!r}…")
        for batch in _batches(todo):
            if cancelled():
                raise LocalModelError("the encoding was cancelled")
            with self._lock, torch.inference_mode():
                vectors[[text.place for text in batch]] = self._vectors([text.ids for text in batch])
        return vectors

    def _encoded(self, texts: Sequence[str]) -> list[tokenizers.Encoding]:
        try:
            return self._tokenizer.encode_batch_fast(list(texts))
        except (TypeError, UnicodeEncodeError) as error:
            raise TokenizerError("one of the texts holds half characters, which are no text") from error

    def _vectors(self, ids: list[list[int]]) -> Tensor:
        """[B, width] of texts that are sorted by length."""
        lengths = [len(text) for text in ids]
        hidden = self._hidden(torch.tensor([token for text in ids for token in text]), lengths).float()
        parts = torch.split(hidden, lengths)
        pooled = torch.stack([_pooled(part, self.config.pooling) for part in parts])
        return F.normalize(pooled, dim=-1) if self.config.normalise else pooled

    def _hidden(self, ids: Tensor, lengths: Sequence[int]) -> Tensor:
        """[N, width]: what the last layer makes of each token."""
        weights = self._weights
        first = self.config.first_position
        positions = torch.cat([torch.arange(first, first + length) for length in lengths])
        x = weights.words[ids] + weights.positions[positions] + weights.token_type
        x = weights.norm(x)
        for layer in weights.layers:
            x = layer.attention_norm(x + layer.output(self._attended(layer, x, lengths)))
            x = layer.feed_forward_norm(x + layer.down(layer.activation(layer.up(x))))
        return x

    def _attended(self, layer: Layer, x: Tensor, lengths: Sequence[int]) -> Tensor:
        """[N, width]: every token's mixture of the values of its own text."""
        heads = self.config.heads
        qkv = layer.query_key_value(x)  # [N, 3 H D]
        parts: list[Tensor] = []
        start = 0
        for length, same in groupby(lengths):
            count = sum(1 for _ in same)
            rows = qkv[start : start + count * length]
            # [B T, 3 H D] to three of [B, H, T, D]
            query, key, value = rows.view(count, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(query, key, value)
            parts.append(mixed.transpose(1, 2).reshape(count * length, -1))
            start += count * length
        return torch.cat(parts)


def _pooled(tokens: Tensor, pooling: Literal["mean", "cls", "max"]) -> Tensor:
    """[width] of one text's [T, width]."""
    if pooling == "cls":
        return tokens[0]
    return tokens.mean(0) if pooling == "mean" else tokens.amax(0)


def _batches(texts: list[_Text]) -> Iterator[list[_Text]]:
    """The texts by length, the longest first, as many at once as are worth it."""
    batch: list[_Text] = []
    tokens = 0
    for text in sorted(texts, key=lambda text: -len(text.ids)):
        if batch and tokens + len(text.ids) > TOKENS_AT_ONCE:
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += len(text.ids)
    if batch:
        yield batch


def _tokenizer(path: Path) -> tokenizers.Tokenizer:
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    # files often come with the limits of their training, which would cut and pad in silence
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # "[SEP]" in a text from outside is five characters, not the end of the text
    tokenizer.encode_special_tokens = True
    return tokenizer
