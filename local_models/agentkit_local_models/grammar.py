"""Answers held to a grammar, by llguidance.

A grammar is a Lark text in llguidance's dialect: rules and regular expressions, `%json {...}` for a
JSON schema, and special tokens by name, as in `start: <tool_call> call </tool_call>`. Before each token
the matcher says which ones the grammar allows; where it allows only one text, the tokens of that
text are known without asking the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import llguidance
import numpy as np
import torch
from torch import Tensor

from agentkit_local_models.errors import LocalModelError
from agentkit_local_models.tokenizer import Tokenizer

MOST_KEPT: Final = 16
"""Grammars, compiled; one takes some hundred kilobytes."""


class GrammarError(LocalModelError):
    """A grammar is not valid, too complex, or was given a token it does not allow."""


class GrammarCompiler:
    """Compiles grammars for one tokenizer; building it takes up to two seconds, so keep it."""

    def __init__(self, tokenizer: Tokenizer, stop_ids: Iterable[int]) -> None:
        """Prepare the vocabulary.

        Args:
            tokenizer: its added tokens can only be made by name, never by their characters.
            stop_ids: allowed where the grammar may end.
        """
        stops = sorted(stop_ids)
        if not stops:
            raise GrammarError("a grammar needs a token that ends the answer; the model has none")
        vocabulary = llguidance.TokenizerWrapper(_Vocabulary(tokenizer, stops[0]))
        self._tokenizer = llguidance.LLTokenizer(vocabulary, eos_token=stops)
        self._at_start = lru_cache(MOST_KEPT)(self._compiled)

    def compile(self, lark: str) -> Matcher:
        """A matcher at the start of the grammar.

        Raises:
            GrammarError: the grammar is not valid; the message says where.
        """
        # An agent asks with the same tools step after step, and a copy takes a thousandth of the time.
        return Matcher(self._at_start(lark).deep_copy(), self._tokenizer.vocab_size)

    def _compiled(self, lark: str) -> llguidance.LLMatcher:
        try:
            grammar = llguidance.LLMatcher.grammar_from_lark(lark)
        except UnicodeEncodeError as error:
            raise GrammarError("the grammar is not valid: it holds half of a surrogate pair") from error
        matcher = llguidance.LLMatcher(
            self._tokenizer,
            grammar,
            log_level=0,
            # Otherwise an error message has the whole grammar and the answer in it.
            limits=llguidance.LLParserLimits(verbose_errors=False),
        )
        if matcher.is_error():
            raise GrammarError(f"the grammar is not valid: {matcher.get_error()}")
        return matcher


class Matcher:
    """Where an answer stands in its grammar."""

    def __init__(self, matcher: llguidance.LLMatcher, vocabulary_size: int) -> None:
        self._matcher = matcher
        self._vocabulary_size = vocabulary_size

    @property
    def is_accepting(self) -> bool:
        """The answer may end here."""
        return self._matcher.is_accepting()

    @property
    def is_stopped(self) -> bool:
        """The answer is complete: nothing can follow."""
        return self._matcher.is_stopped()

    def allowed(self) -> Tensor:
        """Which tokens may come next: bool [tokenizer.vocabulary_size].

        Raises:
            GrammarError: the grammar became too complex to follow.
        """
        packed = np.frombuffer(self._bits(), np.uint8)
        bits = np.unpackbits(packed, count=self._vocabulary_size, bitorder="little")
        return torch.as_tensor(bits).view(torch.bool)

    def allowed_bits(self) -> Tensor:
        """The same as bits, the lowest first: int32 [tokenizer.vocabulary_size / 32, rounded up].

        Raises:
            GrammarError: as `allowed`.
        """
        packed = self._bits()
        size = -(-self._vocabulary_size // 32) * 4
        return torch.frombuffer(bytearray(packed[:size].ljust(size, b"\0")), dtype=torch.int32)

    def _bits(self) -> bytes:
        packed = self._matcher.compute_bitmask()
        self._check()
        return packed

    def accept(self, tokens: Sequence[int]) -> None:
        """Move past tokens.

        Raises:
            GrammarError: the grammar does not allow them here.
        """
        if not self._matcher.consume_tokens(list(tokens)):
            self._check()
            raise GrammarError(f"the grammar does not allow the tokens {list(tokens)!r} here")

    def forced_tokens(self) -> list[int]:
        """The tokens that must come next whatever the model thinks; they are not yet accepted.

        Raises:
            GrammarError: the grammar became too complex to follow.
        """
        forced = self._matcher.compute_ff_tokens()
        self._check()
        return forced

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GrammarError(f"the grammar cannot be followed: {self._matcher.get_error()}")


class _Vocabulary:
    """A tokenizer as llguidance wants it."""

    def __init__(self, tokenizer: Tokenizer, stop_id: int) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = stop_id
        self.bos_token_id = None
        self.tokens = [tokenizer.token_bytes(token) for token in range(tokenizer.vocabulary_size)]
        self.special_token_ids = [token.id for token in tokenizer.added_tokens]

    def __call__(self, text: bytes) -> list[int]:
        return self._tokenizer.encode_next(text.decode())
