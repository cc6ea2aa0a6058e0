"""The parameters that chat and plain completions have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentkit_local_models.sampling import Sampling
from agentkit_local_models.serving.faults import ApiError
from agentkit_local_models.serving.fields import Fields, wrong

MOST_STOPS = 16
MOST_LOGPROBS = 20
"""OpenAI's limit; each costs a number of a sort at every token."""
_SEEDS = 1 << 63
_DIGITS = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How answers are drawn and sent.

    Attributes:
        sampling: of the first answer; the seed of each is one more than that of the one before.
        count: how many answers.
        stream: whether they are sent while they are made.
        tells_usage: whether a stream ends with its usage.
    """

    sampling: Sampling
    count: int
    stream: bool
    tells_usage: bool


def drawing(
    asked: Fields,
    *,
    logprobs: int | None,
    logprobs_by: str = "logprobs",
    vocabulary_size: int,
    max_tokens: int | None,
) -> Drawing:
    """Take the parameters.

    Args:
        asked: the request.
        logprobs: how many of the likeliest tokens are told, where they are asked for.
        logprobs_by: the parameter that says how many.
        vocabulary_size: of the model.
        max_tokens: of an answer.

    Raises:
        ApiError: one is out of range.
    """
    if logprobs is not None and not 0 <= logprobs <= MOST_LOGPROBS:
        wrong(logprobs_by, logprobs, f"0 to {MOST_LOGPROBS}")
    stream = asked.flag("stream")
    return Drawing(
        _sampling(asked, logprobs, vocabulary_size, max_tokens), _count(asked), stream, _usage(asked, stream)
    )


def _sampling(asked: Fields, logprobs: int | None, vocabulary_size: int, max_tokens: int | None) -> Sampling:
    stop = asked.texts("stop")
    if len(stop) > MOST_STOPS:
        wrong("stop", list(stop), f"up to {MOST_STOPS} texts")

    def number(name: str, usual: float) -> float:
        value = asked.number(name)
        return usual if value is None else value

    try:
        return Sampling(
            temperature=number("temperature", 1.0),
            top_k=asked.whole("top_k"),
            top_p=number("top_p", 1.0),
            min_p=number("min_p", 0.0),
            repetition_penalty=number("repetition_penalty", 1.0),
            presence_penalty=number("presence_penalty", 0.0),
            frequency_penalty=number("frequency_penalty", 0.0),
            logit_bias=_biases(asked.take("logit_bias"), vocabulary_size),
            logprobs=logprobs,
            seed=_seed(asked),
            max_tokens=max_tokens,
            stop=stop,
        )
    except ValueError as error:  # it begins with the name of the field, mostly
        first = str(error).split(maxsplit=1)[0]
        param = first if first in Sampling.__dataclass_fields__ else None
        raise ApiError(400, str(error), param=param) from error


def _biases(value: Any, vocabulary_size: int) -> Mapping[int, float]:
    """Biases by token id; JSON writes the ids as strings."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong("logit_bias", value, "an object of numbers by token id")
    biases: dict[int, float] = {}
    for token, bias in cast("dict[str, Any]", value).items():
        if not (_DIGITS.fullmatch(token) and int(token) < vocabulary_size):
            wrong("logit_bias", token, f"a token id from 0 to {vocabulary_size - 1}")
        if isinstance(bias, bool) or not isinstance(bias, int | float) or not abs(bias) <= 100:
            wrong(f"logit_bias.{token}", bias, "a number from -100 to 100")
        biases[int(token)] = float(bias)
    return biases


def _seed(asked: Fields) -> int | None:
    """The seed; OpenAI's can be negative, ours are counted from the end then."""
    seed = asked.whole("seed")
    if seed is None or 0 <= seed < _SEEDS:
        return seed
    if not -_SEEDS <= seed < 0:
        wrong("seed", seed, "-(2**63) to 2**63 - 1")
    return seed + _SEEDS


def _count(asked: Fields) -> int:
    count = asked.whole("n")
    if count is not None and count < 1:
        wrong("n", count, "1 or more")
    return 1 if count is None else count


def _usage(asked: Fields, stream: bool) -> bool:
    options = asked.inner("stream_options")
    if options is None:
        return False
    if not stream:
        raise ApiError(400, "stream_options goes with stream: true", param="stream_options")
    tells = options.flag("include_usage")
    options.only("include_obfuscation", [False])
    options.close()
    return tells
