"""What a server's refusal means: a status and a body to one of our errors, in the server's words."""

import email.utils
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from agentkit.core.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextOverflow,
    ModelError,
    ProviderDown,
    QuotaExceeded,
    RateLimited,
    StreamCut,
)
from agentkit.models.openai_terms import ADAPTABLE

MOST_QUOTED = 300
"""Characters of a body that is not JSON."""

NO_MONEY = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
)
OVERFLOW_CODES = frozenset(
    {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
)
OVERFLOW = re.compile(
    r"maximum context length"  # OpenAI, vLLM, SGLang
    r"|exceeds? (the |its )?(available |maximum |model'?s )*context"  # llama.cpp, Ollama
    r"|(longer|greater|larger) than the (model'?s )?(maximum )?context"  # SGLang, LM Studio
    r"|when context the overflows|context (window|size|length) (is )?(exceeded|overflow)"  # LM Studio
    r"|(prompt|input|request) is too long"  # Anthropic and proxies
    r"|too large for model with \d+ maximum context"  # Mistral
    r"|token count .{0,40}exceeds the maximum"  # Gemini
    r"|`?inputs`? tokens \+ `?max_new_tokens`?",  # TGI
    re.IGNORECASE,
)
WINDOW = re.compile(
    r"(?:maximum context length (?:is |of )?|context (?:size|window|length) (?:\(|of |is )?(?:only )?)"
    r"(\d[\d,]{2,9})\b"
    r"|\b(\d{3,8}) maximum context length"  # Mistral
    r"|\btokens? > (\d{3,8}) maximum",  # Anthropic
    re.IGNORECASE,
)
"""Where the refusal says how many tokens would have been taken."""
REFUSED_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
REFUSED = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected"
    r"|extra (inputs|fields)|not (permitted|allowed)",
    re.IGNORECASE,
)

NO_TOOLS = re.compile(
    r"not support tools"  # Ollama
    r"|tools param requires"  # llama.cpp
    r"|requires --enable-auto-tool-choice"  # vLLM
    r"|(function calling|tool use|tool call(ing|s)?|tools) (is|are) (not |un)(supported|available|enabled)",
    re.IGNORECASE,
)


class Refusal(BadRequest):
    """The server does not take a parameter of the request; without it, it might."""

    parameter = ""


def fault(status: int, body: str, headers: Mapping[str, str], *, sent: Mapping[str, Any]) -> ModelError:
    """The error that a response stands for, with the server's own message in it.

    Args:
        status: Its HTTP status; 0 for a fault told inside a stream, where only the body speaks.
        body: Its text.
        headers: Its headers, by lower-case name.
        sent: The body of the request, to see which of its parameters the server speaks of.
    """
    told = _Told(body)
    status = status or told.status
    said = f"{told.message} (HTTP {status})" if status else told.message
    error = _kind(status, told)(said)
    refused = told.refused(sent) if type(error) is BadRequest and status in (400, 422) else ""
    if sent.get("tools") and NO_TOOLS.search(told.message):
        refused = "tools"  # llama.cpp says so with status 500
    if refused:
        error = Refusal(said)
        error.parameter = refused
    if isinstance(error, ContextOverflow):
        error.window = window_in(told.message)
    error.retry_after = retry_after(headers, datetime.now(UTC))
    return error


def window_in(message: str) -> int:
    """The tokens that a model can take, where a refusal speaks of them; else 0.

    >>> window_in("This model's maximum context length is 8,192 tokens.")
    8192
    """
    found = WINDOW.search(message)
    return int(next(filter(None, found.groups())).replace(",", "")) if found else 0


def _kind(status: int, told: "_Told") -> type[ModelError]:
    if told.codes & NO_MONEY or status == 402 or "exceeded your current quota" in told.message.lower():
        return QuotaExceeded
    overflow = bool(told.codes & OVERFLOW_CODES or OVERFLOW.search(told.message))
    if (overflow and status < 500 and status != 429) or status == 413:
        return ContextOverflow
    match status:
        case 401 | 403 | 407:
            return AuthenticationFailed
        case 429:
            return RateLimited
        # 408: it waited for our request; 409: OpenAI's locks; both pass
        case 408 | 409 | 425:
            return ProviderDown
        case _ if status >= 500:
            return ContextOverflow if overflow else ProviderDown
        case 0:
            return RateLimited if "rate_limit_exceeded" in told.codes else StreamCut
        case _:
            return BadRequest


class _Told:
    """What a body says of a fault, whichever of the known shapes it has."""

    def __init__(self, body: str) -> None:
        self.message = quoted(body)
        self.codes: set[str] = set()
        self.status = 0
        self.parameter = ""
        try:
            value: Any = json.loads(body)
        except (ValueError, RecursionError):
            return
        if not isinstance(value, dict):
            return
        # {"error": {…}}, {"error": "…"}, or the fields alone; FastAPI says "detail"
        inner = cast("dict[str, Any]", value)
        if isinstance(inner.get("error"), dict):
            inner = cast("dict[str, Any]", inner["error"])
        message = inner.get("message") or inner.get("error") or inner.get("detail")
        if message:
            self.message = message if isinstance(message, str) else quoted(json.dumps(message))
        for code in (inner.get("code"), inner.get("type")):
            if isinstance(code, str):
                self.codes.add(code)
            elif isinstance(code, int) and 400 <= code < 600:
                self.status = code
        if isinstance(parameter := inner.get("param"), str):
            self.parameter = parameter

    def refused(self, sent: Mapping[str, Any]) -> str:
        """The parameter that the server does not take, if that is what it says."""
        candidates = [name for name in sent if name in ADAPTABLE]
        if not (self.codes & REFUSED_CODES or REFUSED.search(self.message)):
            # no wording that names this one can mean anything else
            candidates = [name for name in candidates if name == "stream_options"]
        told = self.parameter.split(".")[0] or self.message
        named = [name for name in candidates if re.search(rf"\b{name}\b", told)]
        return min(named, key=told.index, default="")


def quoted(text: str) -> str:
    """The beginning of a text, on one line; a page of markup without its tags."""
    plain = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text) if "<" in text[:200] else text
    line = " ".join(plain.split()) or " ".join(text.split()) or "nothing"
    return f"{line[:MOST_QUOTED]}…" if len(line) > MOST_QUOTED else line


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the headers ask to wait: `retry-after-ms`, or `Retry-After` in either of its forms."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get("retry-after", "")
    seconds = _number(given)
    if seconds is not None:
        return seconds
    try:
        when = email.utils.parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text) else None
