"""What of an answer in the making is sent: its words, and a call as far as it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from agentkit_local_models.answer import Completion, Piece
from agentkit_local_models.sampling import TokenLogprobs
from agentkit_local_models.serving.chat_request import Call
from agentkit_local_models.serving.speech import Read, Reading
from agentkit_local_models.tokenizer import StreamDecoder, Tokenizer

Part = tuple[dict[str, Any], Sequence[TokenLogprobs] | None]
"""A delta of the protocol, and what is told of the tokens of its words."""


class Shown:
    """One answer: what was sent of it.

    What the parts say, joined, is what `read` and `logprobs` say of the whole answer.

    Attributes:
        begun: whether its first event was sent.
    """

    def __init__(self, reading: Reading | None, tokenizer: Tokenizer) -> None:
        """Nothing was written yet.

        Args:
            reading: how calls are told from words; None where no answer is a call.
            tokenizer: of the model.
        """
        self.begun = False
        self._reading = reading
        self._tokenizer = tokenizer
        self._text = ""
        self._sent = ""  # of the words
        self._call: Call | None = None  # of which this much was sent
        self._tokens: list[int] = []
        self._told: list[TokenLogprobs] = []
        self._start: int | None = None  # of the words in the text
        self._told_tokens = 0  # how many tokens are told of or stand before the words

    def more(self, piece: Piece) -> Iterator[Part]:
        """What may be sent now that this much more was written."""
        if self._reading is None:
            if piece.text or piece.logprobs:
                yield {"content": piece.text}, piece.logprobs
            return
        self._text += piece.text
        self._tokens += piece.tokens
        self._told += piece.logprobs or ()
        # space at the edges is no part of what is read in the end
        yield from self._words(self._reading.visible(self._text).strip(), piece.logprobs)
        if (call := self._reading.begun(self._text)) is not None:
            yield from self._arguments(call)

    def rest(self, done: Completion, read: Read) -> Iterator[Part]:
        """What is left to send of a whole answer, which says this."""
        if self._reading is not None:  # some was held back, because it could become a call
            yield from self._words(read.text, done.logprobs)
        for place, call in enumerate(read.calls):
            if place == 0 and self._call is not None:
                yield from self._last(call)
            else:
                yield {"tool_calls": [{"index": place, **wire(call)}]}, None

    def read(self, done: Completion) -> Read:
        """A whole answer as it was meant."""
        return Read(done.text, ()) if self._reading is None else self._reading.whole(done.text)

    def logprobs(self, done: Completion, read: Read) -> Sequence[TokenLogprobs] | None:
        """What is told of a whole answer's words; nothing of a call's tokens."""
        if done.logprobs is None or self._reading is None:
            return done.logprobs
        spans = _spans(done.token_ids, self._tokenizer)
        start = _start(done.text, read.text)
        end = start + len(read.text)
        told = zip(spans, done.logprobs, strict=True)
        return [one for (first, last), one in told if first < end and last > start]

    def _words(self, words: str, told: Sequence[TokenLogprobs] | None) -> Iterator[Part]:
        if not words.startswith(self._sent):
            return
        new, self._sent = words[len(self._sent) :], words
        logprobs = None if told is None else self._new_tokens(words)
        if new or logprobs:
            yield {"content": new}, logprobs

    def _new_tokens(self, words: str) -> list[TokenLogprobs]:
        """What is to be told of tokens that the words have reached by now."""
        if not words:
            return []
        if self._start is None:
            self._start = _start(self._text, words)
        start, end = self._start, self._start + len(words)
        spans = _spans(self._tokens, self._tokenizer)
        new: list[TokenLogprobs] = []
        for (first, last), one in list(zip(spans, self._told, strict=True))[self._told_tokens :]:
            if first >= end:
                break
            self._told_tokens += 1
            if last > start:
                new.append(one)
        return new

    def _arguments(self, call: Call) -> Iterator[Part]:
        """The function's name once it is certain, then what more is known of its arguments."""
        sent = ""
        if self._call is None:
            self._call = Call(call.id, call.name, "")
            yield {"tool_calls": [{"index": 0, **wire(self._call)}]}, None
        else:
            sent = self._call.arguments
        if len(call.arguments) > len(sent) and call.arguments.startswith(sent):
            self._call = call
            yield {"tool_calls": [{"index": 0, "function": {"arguments": call.arguments[len(sent) :]}}]}, None

    def _last(self, call: Call) -> Iterator[Part]:
        """The end of a call's arguments."""
        assert self._call is not None
        sent = self._call.arguments
        function: dict[str, str] = {}
        if call.arguments.startswith(sent) and len(call.arguments) > len(sent):
            function["arguments"] = call.arguments[len(sent) :]
        if call.unreadable:
            function["unreadable"] = call.unreadable
        if function:
            yield {"tool_calls": [{"index": 0, "function": function}]}, None


def wire(call: Call) -> dict[str, Any]:
    """A call as the protocol has it."""
    function = {"name": call.name, "arguments": call.arguments}
    if call.unreadable:
        function["unreadable"] = call.unreadable
    return {"id": call.id, "type": "function", "function": function}


def _start(text: str, words: str) -> int:
    """Where the words of an answer stand in what was written: at its end, or before what may be a call."""
    written = text.rstrip()
    return len(written) - len(words) if written.endswith(words) else text.find(words)


def _spans(tokens: Sequence[int], tokenizer: Tokenizer) -> list[tuple[int, int]]:
    """From which character to which each token goes; a part of a character counts as all of it."""
    decoder, at = StreamDecoder(tokenizer), 0
    spans: list[tuple[int, int]] = []
    for token in tokens:
        end = at + len(decoder.push(token))
        spans.append((at, max(end, at + 1)))
        at = end
    return spans
