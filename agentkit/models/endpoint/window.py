"""How long a conversation may be: as the server says, as it refuses, or until it forgets."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.core.diagnosis import Diagnosis, State
from agentkit.core.errors import BadRequest, ModelError
from agentkit.models.endpoint.contract import Learnt, heard, question
from agentkit.models.openai_api import OpenAIModel
from agentkit.models.openai_faults import window_in

TOLD = ("max_model_len", "context_length", "max_context_length", "context_window", "n_ctx")
"""Under these names vLLM, OpenRouter, LM Studio, Groq and llama.cpp list the window of a model."""
OUTPUT = re.compile(r"at most ([\d,]{3,9}) completion tokens", re.IGNORECASE)
TOO_MANY = 100_000_000
"""Tokens that no model can write: a server that checks says how many it could."""
SMALLEST = 1000
LONGEST = 8000
"""Tokens of the longest conversation that is tried where a server says nothing."""
SECRET = "kiwi-731"  # noqa: S105 - a word to be remembered


async def window(model: OpenAIModel, listed: Sequence[Mapping[str, Any]], name: str) -> Learnt:
    """The model's window, and what told it."""
    if (told := listed_window(listed, name)) is not None:
        return _known(told, "the server's list says")
    output: dict[str, Any] = {}
    try:
        await heard(model, question("Say ok.", max_tokens=TOO_MANY))
    except BadRequest as error:
        if told := window_in(str(error)):
            return _known(told, "a request that was too long was told")
        if found := OUTPUT.search(str(error)):
            output = {"max_output_tokens": int(found[1].replace(",", ""))}
    except ModelError as error:
        return Learnt(Diagnosis("context length", State.UNKNOWN, f"{type(error).__name__}: {error}"))
    learnt = await _remembered(model)
    return Learnt(learnt.diagnosis, {**output, **learnt.settings})


def listed_window(listed: Sequence[Mapping[str, Any]], name: str) -> int | None:
    """What a server's list says of the model's window."""
    for entry in listed:
        if entry.get("id") != name:
            continue
        inner: Any = entry.get("meta")
        places = [entry, cast("Mapping[str, Any]", inner)] if isinstance(inner, dict) else [entry]
        told: list[Any] = [place.get(key) for place in places for key in TOLD]
        return next((value for value in told if isinstance(value, int) and value > 0), None)
    return None


async def _remembered(model: OpenAIModel) -> Learnt:
    """Until which length a model still knows how its conversation began."""
    held = 0
    size = SMALLEST
    while size <= LONGEST:
        filler = " ".join(str(number % 10) for number in range(size))
        words = f"The password is {SECRET}.\n{filler}\nWhat is the password? Say it and nothing else."
        try:
            said = (await heard(model, question(words))).text
        except BadRequest as error:
            if told := window_in(str(error)):
                return _known(told, "a request that was too long was told")
            return _bounded(held, f"{size} tokens are refused: {error}")
        except ModelError as error:
            found = f"at {size} tokens {type(error).__name__}: {error}"
            return Learnt(Diagnosis("context length", State.UNKNOWN, found))
        if SECRET not in said:
            return _bounded(held, f"of {size} tokens the beginning is lost without a word")
        held, size = size, 2 * size
    found = f"at least {held} tokens; the server does not say how many"
    mend = "say it with --context-window if you know it"
    return Learnt(Diagnosis("context length", State.UNKNOWN, found, mend))


def _known(tokens: int, source: str) -> Learnt:
    return Learnt(
        Diagnosis("context length", State.OK, f"{tokens} tokens, {source}"), {"context_window": tokens}
    )


def _bounded(held: int, why: str) -> Learnt:
    settings = {"context_window": held} if held else {}
    mend = "start the server with a longer context"
    return Learnt(Diagnosis("context length", State.LACKS, f"{held} tokens hold; {why}", mend), settings)
