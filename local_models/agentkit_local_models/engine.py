"""A loaded model that answers prompts, one at a time.

The engine keeps the keys and values of the last prompt and answer. An agent's next prompt mostly
begins with them, so only what is new is computed. Texts that a grammar leaves no choice about are
computed as one chunk, without asking the model token by token.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from agentkit_local_models.adapter_file import load_packed
from agentkit_local_models.checkpoint import Checkpoint
from agentkit_local_models.errors import LocalModelError, PromptTooLong
from agentkit_local_models.grammar import GrammarCompiler, Matcher
from agentkit_local_models.model import Model
from agentkit_local_models.precision import Precision, WeightPrecision, weights_and_dtype
from agentkit_local_models.sampling import Sampling, TokenLogprobs, adjusted, choose, likeliest
from agentkit_local_models.stop_texts import StopTexts
from agentkit_local_models.tokenizer import StreamDecoder, Tokenizer

# Tokens computed at once: enough to keep the processor busy, few enough to cancel within seconds.
CHUNK: Final = 512
# How often a waiting call looks whether it was cancelled, in seconds.
_POLL = 0.05


class EngineBusy(LocalModelError):
    """A thread asked for a second answer before it had read or closed the first."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer as it is made.

    Attributes:
        text: whole characters; the pieces joined are the answer's text.
        tokens: the ids made since the piece before.
    """

    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer; the last thing `generate` yields.

    Attributes:
        text: without special tokens, and without the stop text that ended it.
        finish: `stop` at a stop token, a stop text or the grammar's end; `length` at max_tokens
            or the context's end; `cancelled` when asked to.
        prompt_tokens: how long the prompt was.
        reused_tokens: how many of them were still in the cache.
        output_tokens: how many tokens were made; a stop token is not counted.
        token_ids: these tokens.
        logprobs: for each of them how likely it was, where it was asked for.
    """

    text: str
    finish: Literal["stop", "length", "cancelled"]
    prompt_tokens: int
    reused_tokens: int
    output_tokens: int
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprobs, ...] | None = None


def _never() -> bool:
    return False


class Engine:
    """A model in memory, with the cache of its last answer; safe to share between threads."""

    def __init__(self, checkpoint: Checkpoint, model: Model) -> None:
        """Prefer `Engine.load`.

        Args:
            checkpoint: for its tokenizer and stop tokens; may be closed.
            model: of the same checkpoint.
        """
        self.checkpoint = checkpoint
        self.config = checkpoint.config
        self.tokenizer: Tokenizer = checkpoint.tokenizer
        self.context = checkpoint.config.context
        self.dtype = model.dtype
        self._model = model
        self._cache = model.new_cache()
        # The ids whose keys and values are in the cache.
        self._cached: list[int] = []
        self._lock = threading.Lock()
        self._owner: int | None = None

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        dtype: Literal["auto"] | Precision = "auto",
        precision: WeightPrecision = "auto",
        threads: int | None = None,
        adapter: Path | None = None,
    ) -> Engine:
        """Load a GGUF file or a hub folder.

        Args:
            path: of the file or folder.
            dtype: to compute in; bfloat16 takes half the memory. "auto" is bfloat16 where the processor
                multiplies it itself, else float32, which is then several times faster.
            precision: of the weights: floats, computed with as they are; "int8" or "int4", quantised
                while they are read; "file", the blocks of a GGUF file as they lie in it, mapped. "auto" is
                `dtype`.
            threads: of the computation, for the whole process; None is torch's choice.
            adapter: a packed adapter's file, which is joined into the weights.

        Raises:
            CheckpointError: a file is missing or damaged, or the adapter is of another model.
            UnsupportedCheckpoint: a model of a kind that is not built.
            ValueError: two float formats at once, or an adapter for weights that stay as they lie.
        """
        form, kind = weights_and_dtype(precision, dtype)
        if adapter is not None and form == "file":
            raise ValueError("an adapter changes the weights, so they cannot stay as they lie in the file")
        if threads is not None:
            torch.set_num_threads(threads)
        with Checkpoint.open(path) as checkpoint:
            if adapter is None:
                return cls(checkpoint, Model.from_checkpoint(checkpoint, kind, form))
            adapted = load_packed(adapter, checkpoint.config)[0]
            weights = adapted.joined_weights(checkpoint.load_weights(kind))
            return cls(checkpoint, Model(checkpoint.config, weights, kind, form))

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` has as plain content."""
        return len(self.tokenizer.encode(text))

    def logits(self, ids: Sequence[int]) -> Tensor:
        """The logits after each of the ids, computed afresh: float32 [len(ids), vocabulary_size].

        Raises:
            PromptTooLong: more ids than the context holds.
            ValueError: no ids, or ids outside the vocabulary.
        """
        self._check_ids(ids)
        return self._model.logits(ids, self._model.new_cache(), every=True)

    def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        grammar: str | None = None,
        cancelled: Callable[[], bool] = _never,
        on_prefill: Callable[[int, int], None] | None = None,
    ) -> Generator[Piece | Completion, None, None]:
        """Answer a prompt: pieces while they are made, and at last the completion.

        Another thread's call waits until this one is read to its end or closed.

        Args:
            prompt: token ids.
            sampling: how tokens are chosen and when the answer ends.
            grammar: a Lark text the answer must follow; see `grammar`.
            cancelled: asked before each token and each chunk of the prompt.
            on_prefill: told how many of the prompt's tokens are computed, of how many.

        Raises:
            PromptTooLong: the context has no room for the prompt and one token.
            GrammarError: the grammar is not valid, or too complex to follow.
            ValueError: an empty prompt, or ids outside the vocabulary.
            EngineBusy: this thread is still reading another answer (raised by the first `next`).
        """
        self._check_ids(prompt)
        if len(prompt) + 1 > self.context:
            raise PromptTooLong(
                f"the prompt has {len(prompt)} tokens; the model's context holds {self.context}, "
                "one of them for the answer"
            )
        matcher = None if grammar is None else self._grammars.compile(grammar)
        return self._answer(list(prompt), sampling, matcher, cancelled, on_prefill)

    def _answer(
        self,
        prompt: list[int],
        sampling: Sampling,
        matcher: Matcher | None,
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
    ) -> Generator[Piece | Completion, None, None]:
        """Wait for the engine, then write."""
        if self._owner == threading.get_ident():
            raise EngineBusy("this thread has another answer open; read it to its end or close it")
        while not self._lock.acquire(timeout=_POLL):
            if cancelled():
                yield Completion("", "cancelled", len(prompt), 0, 0, ())
                return
        try:
            self._owner = threading.get_ident()
            yield from self._write(prompt, sampling, matcher, cancelled, on_prefill)
        finally:
            self._owner = None
            self._lock.release()

    def _write(
        self,
        prompt: list[int],
        sampling: Sampling,
        matcher: Matcher | None,
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
    ) -> Generator[Piece | Completion, None, None]:
        """Forced tokens, then a chosen one, again and again until something ends the answer."""
        reused = self._reuse(prompt)
        room = self.context - len(prompt)
        if sampling.max_tokens is not None:
            room = min(room, sampling.max_tokens)
        generator = sampling.generator()
        writing = _Writing(self.tokenizer, sampling.stop)
        pending = prompt[reused:]  # known, but not yet in the cache
        told: dict[int, TokenLogprobs] = {}
        finish: Literal["stop", "length", "cancelled"]
        while True:
            if matcher is not None and (forced := self._forced(matcher, room - len(writing.ids))):
                pending += forced
                if (piece := writing.add(forced)) is not None:
                    yield piece
            if writing.stopped or (matcher is not None and matcher.is_stopped):
                finish = "stop"
                break
            if len(writing.ids) == room:
                finish = "length"
                break
            logits = self._compute(pending, cancelled, on_prefill, len(prompt))
            if logits is None:
                finish = "cancelled"
                break
            # The embedding may have more rows than there are tokens.
            logits = logits[: self.tokenizer.vocabulary_size]
            token = self._choose(
                adjusted(logits, sampling, prompt, writing.ids), matcher, sampling, generator
            )
            if token in self.checkpoint.stop_ids:
                finish = "stop"
                break
            if sampling.logprobs is not None:
                told[len(writing.ids)] = likeliest(logits, token, sampling.logprobs)
            if matcher is not None:
                matcher.accept([token])
            pending, on_prefill = [token], None
            if (piece := writing.add(pending)) is not None:
                yield piece
            if writing.stopped:
                matcher = None  # what the grammar would add comes after the end
        if (piece := writing.end()) is not None:
            yield piece
        ids = tuple(writing.ids)
        logprobs = None
        if sampling.logprobs is not None:
            unasked = (TokenLogprobs(token, math.nan) for token in ids)
            logprobs = tuple(told.get(place, other) for place, other in enumerate(unasked))
        yield Completion(writing.text, finish, len(prompt), reused, len(ids), ids, logprobs)

    def _reuse(self, prompt: list[int]) -> int:
        """Cut the cache down to what the prompt begins with, and say how many tokens that is."""
        shared = 0
        if self.config.prefix is None:  # else every key of a prompt depends on all of it
            pairs = zip(self._cached, prompt[:-1], strict=False)  # the last is computed for its logits
            shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._cache.truncate(shared)
        del self._cached[shared:]
        return shared

    def _forced(self, matcher: Matcher, room: int) -> list[int]:
        """The tokens the grammar leaves no choice about, accepted; not beyond the room left."""
        stops = self.checkpoint.stop_ids
        forced = list(takewhile(lambda token: token not in stops, matcher.forced_tokens()))[:room]
        matcher.accept(forced)
        return forced

    def _compute(
        self,
        tokens: list[int],
        cancelled: Callable[[], bool],
        on_prefill: Callable[[int, int], None] | None,
        total: int,
    ) -> Tensor | None:
        """The logits after the tokens, which join the cache; None when cancelled on the way."""
        logits: Tensor | None = None
        size = CHUNK if self.config.prefix is None else len(tokens)
        for start in range(0, len(tokens), size):
            if cancelled():
                return None
            chunk = tokens[start : start + size]
            logits = self._model.logits(chunk, self._cache)
            self._cached += chunk
            if on_prefill is not None:
                on_prefill(min(len(self._cached), total), total)
        assert logits is not None  # there is always a token to compute
        return logits

    def _choose(
        self, logits: Tensor, matcher: Matcher | None, sampling: Sampling, generator: torch.Generator
    ) -> int:
        """The next token among those that exist and the grammar allows."""
        if matcher is not None:
            logits = logits.masked_fill(~matcher.allowed(), -math.inf)
        token = choose(logits, sampling, generator)
        if not math.isfinite(logits[token]):
            raise LocalModelError(f"the model's logits are broken: {float(logits[token])} for {token}")
        return token

    def _check_ids(self, ids: Sequence[int]) -> None:
        if not ids:
            raise ValueError("a prompt needs at least one token")
        if not (min(ids) >= 0 and max(ids) < self.config.vocabulary_size):
            raise ValueError(
                f"token ids run from {min(ids)} to {max(ids)}; "
                f"the vocabulary has 0 to {self.config.vocabulary_size - 1}"
            )

    @cached_property
    def _grammars(self) -> GrammarCompiler:
        return GrammarCompiler(self.tokenizer, self.checkpoint.stop_ids)


class _Writing:
    """The answer so far, and what of it was shown."""

    def __init__(self, tokenizer: Tokenizer, stops: Sequence[str]) -> None:
        self._stream = StreamDecoder(tokenizer)
        self._stops = StopTexts(stops)
        self._shown = 0
        self.ids: list[int] = []
        self.text = ""

    @property
    def stopped(self) -> bool:
        """A stop text appeared."""
        return self._stops.found

    def add(self, tokens: Sequence[int]) -> Piece | None:
        """Take tokens in; the text that may be shown now, if any."""
        self.ids += tokens
        text = self._stops.push("".join(map(self._stream.push, tokens)))
        return self._show(text) if text else None

    def end(self) -> Piece | None:
        """The text that was held back, with the tokens not yet told of."""
        text = self._stops.push(self._stream.flush()) + self._stops.release()
        return self._show(text) if text or self._shown < len(self.ids) else None

    def _show(self, text: str) -> Piece:
        tokens = tuple(self.ids[self._shown :])
        self._shown = len(self.ids)
        self.text += text
        return Piece(text, tokens)
