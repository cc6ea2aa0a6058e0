"""The writing of one answer: which token comes next, when it ends, and what of it may be shown."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from torch import Tensor

from agentkit_local_models.drafts import Drafter
from agentkit_local_models.draws import Draw
from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.grammar import Matcher
from agentkit_local_models.piece import Finish, Piece
from agentkit_local_models.radix import common_length
from agentkit_local_models.sampling import Sampling, TokenLogprobs, adjusted, choose, likeliest, only
from agentkit_local_models.stop_texts import StopTexts
from agentkit_local_models.tokenizer import StreamDecoder, Tokenizer


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer; the last thing `generate` yields.

    Attributes:
        text: without special tokens, and without the stop text that ended it.
        finish: `stop` at a stop token, a stop text or the grammar's end; `length` at max_tokens
            or the context's end; `cancelled` when asked to; `deadline` when its time was up.
        prompt_tokens: how long the prompt was.
        reused_tokens: how many of them were still in the cache.
        output_tokens: how many tokens were made; a stop token is not counted.
        token_ids: these tokens.
        logprobs: for each of them how likely it was, where it was asked for.
    """

    text: str
    finish: Finish
    prompt_tokens: int
    reused_tokens: int
    output_tokens: int
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprobs, ...] | None = None


class Answer:
    """An answer in the making.

    Attributes:
        known: the prompt and what follows it so far, all of which the model is to read.
        prompt_tokens: how many of them are the prompt.
        rows: after how many of the last known tokens the logits are wanted.
        guesses: what may come next; the answer is the same whether they are tried or not.
        finish: why it ended, once it did.
    """

    rows = 1

    def __init__(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        matcher: Matcher | None,
        tokenizer: Tokenizer,
        stop_ids: Collection[int],
        room: int,
        drafter: Drafter | None = None,
    ) -> None:
        """Nothing is written yet.

        Args:
            prompt: one token or more.
            sampling: how tokens are chosen and when the answer ends.
            matcher: at the start of the grammar that is followed, or None.
            tokenizer: of the model.
            stop_ids: the tokens that end an answer.
            room: the most tokens that the context has room for.
            drafter: guesses at what comes next; it has read nothing yet.
        """
        self.known = list(prompt)
        self.guesses: Sequence[int] = ()
        self._drafter = drafter
        self._read = 0  # how many known tokens the drafter was told of
        self.prompt_tokens = len(prompt)
        self.finish: Finish | None = None
        self._sampling = sampling
        self._generator = sampling.generator()
        self._matcher = matcher
        self._stop_ids = stop_ids
        self._vocabulary_size = tokenizer.vocabulary_size
        self._room = room if sampling.max_tokens is None else min(room, sampling.max_tokens)
        self._told: dict[int, TokenLogprobs] | None = None if sampling.logprobs is None else {}
        self._writing = _Writing(tokenizer, sampling.stop, self._told)

    def begin(self) -> list[Piece]:
        """Write what is known without asking the model; that can be all."""
        pieces = self._go_on()
        self._guess()
        return pieces

    def _go_on(self) -> list[Piece]:
        """Write what the grammar leaves no choice about, and see whether that is the end."""
        pieces: list[Piece] = []
        if self._matcher is not None:
            self._add(self._forced(self._matcher), pieces)
        if self._writing.stopped or (self._matcher is not None and self._matcher.is_stopped):
            pieces += self.end("stop")
        elif len(self._writing.ids) == self._room:
            pieces += self.end("length")
        return pieces

    def take(self, logits: Tensor) -> list[Piece]:
        """Choose the next token, and write it and what must follow it; and so on while guesses were right.

        Each token is chosen as if nothing had been guessed, by the logits after what is certain: for a
        guess without a doubt of its own that is rejection sampling (Leviathan et al. 2023), and the answer is
        the same token for token.

        Args:
            logits: after the last known token and after each guess that was tried, float32 [1 + guesses,
                vocabulary_size].

        Raises:
            GrammarError: the grammar became too complex to follow.
            LocalModelError: the logits are not numbers.
            ValueError: the sampling names a token that the model does not have.
        """
        tried = list(self.guesses[: len(logits) - 1])
        end, right = len(self.known), 0
        pieces: list[Piece] = []
        while True:
            pieces += self._take_one(logits[right])
            new = self.known[end + right :]
            if self.finish is not None or not new or new != tried[right : right + len(new)]:
                break
            right += len(new)
        if tried and self._drafter is not None:
            self._drafter.told(len(tried), common_length(tried, self.known[end:]))
        self._guess()
        return pieces

    @property
    def left(self) -> int:
        """How many tokens there is still room for."""
        return self._room - len(self._writing.ids)

    @property
    def draw(self) -> Draw | None:
        """How a device may choose the next token; None where that is done here.

        So it is with biases and penalties, log-probabilities to tell, and guesses to check.

        Raises:
            GrammarError: the grammar became too complex to follow.
        """
        if self.guesses or not self._sampling.is_plain or self._sampling.logprobs is not None:
            return None
        allowed = None if self._matcher is None else self._matcher.allowed_bits()
        return Draw(self._sampling, self._generator.initial_seed(), len(self._writing.ids), allowed)

    def took(self, token: int) -> list[Piece]:
        """Write the token that was chosen by `draw`, and what must follow it.

        Raises:
            GrammarError: the grammar became too complex to follow.
            LocalModelError: none could be chosen.
        """
        if token < 0:
            raise LocalModelError("the model's logits are broken: no token is likeliest")
        pieces = self._went_on(token)
        self._guess()
        return pieces

    def _take_one(self, logits: Tensor) -> list[Piece]:
        """The next token by its logits, and what must follow it."""
        # The embedding may have more rows than there are tokens.
        row = logits[: self._vocabulary_size]
        token = self._choose(row)
        if self._told is not None and self._sampling.logprobs is not None and token not in self._stop_ids:
            self._told[len(self._writing.ids)] = likeliest(row, token, self._sampling.logprobs)
        return self._went_on(token)

    def _went_on(self, token: int) -> list[Piece]:
        """The token that was chosen, and what must follow it."""
        if token in self._stop_ids:
            return self.end("stop")
        if self._matcher is not None:
            self._matcher.accept([token])
        pieces: list[Piece] = []
        self._add([token], pieces)
        if self._writing.stopped:
            self._matcher = None  # what the grammar would add comes after the end
        return pieces + self._go_on()

    def end(self, finish: Finish) -> list[Piece]:
        """End here; the text that was held back, if any."""
        self.finish = finish
        piece = self._writing.end()
        return [] if piece is None else [piece]

    def completion(self, reused: int) -> Completion:
        """The whole, once it has ended.

        Args:
            reused: how many tokens of the prompt were not computed again.
        """
        assert self.finish is not None
        ids = tuple(self._writing.ids)
        logprobs = self._writing.logprobs(0)
        return Completion(
            self._writing.text, self.finish, self.prompt_tokens, reused, len(ids), ids, logprobs
        )

    def _guess(self) -> None:
        """What may come next, but not beyond the room left and the token that is chosen before it."""
        self.guesses = ()
        if self._drafter is None or self.finish is not None:
            return
        self._drafter.extend(self.known[self._read :])
        self._read = len(self.known)
        self.guesses = self._drafter.propose(self._room - len(self._writing.ids) - 1)

    def _add(self, tokens: list[int], pieces: list[Piece]) -> None:
        if tokens:
            self.known += tokens
            if (piece := self._writing.add(tokens)) is not None:
                pieces.append(piece)

    def _forced(self, matcher: Matcher) -> list[int]:
        """The tokens the grammar leaves no choice about, accepted; not beyond the room left."""
        room = self._room - len(self._writing.ids)
        forced = list(takewhile(lambda token: token not in self._stop_ids, matcher.forced_tokens()))[:room]
        matcher.accept(forced)
        return forced

    def _choose(self, row: Tensor) -> int:
        """The next token among those that exist and the grammar allows."""
        row = adjusted(row, self._sampling, self.known[: self.prompt_tokens], self._writing.ids)
        if self._matcher is not None:
            row = only(row, self._matcher.allowed())
        token = choose(row, self._sampling, self._generator)
        if not math.isfinite(row[token]):
            raise LocalModelError(f"the model's logits are broken: {float(row[token])} for {token}")
        return token


class _Writing:
    """The answer so far, and what of it was shown."""

    def __init__(
        self, tokenizer: Tokenizer, stops: Sequence[str], told: Mapping[int, TokenLogprobs] | None
    ) -> None:
        self._told = told  # by place; None where nobody wants to know
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

    def logprobs(self, start: int) -> tuple[TokenLogprobs, ...] | None:
        """Of each token from a place on; NaN where the model was not asked."""
        if self._told is None:
            return None
        return tuple(
            self._told.get(place) or TokenLogprobs(self.ids[place], math.nan)
            for place in range(start, len(self.ids))
        )

    def _show(self, text: str) -> Piece:
        tokens = tuple(self.ids[self._shown :])
        logprobs = self.logprobs(self._shown)
        self._shown = len(self.ids)
        self.text += text
        return Piece(text, tokens, logprobs)
