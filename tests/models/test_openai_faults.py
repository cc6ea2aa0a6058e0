import json
from datetime import UTC, datetime

import pytest

from agentkit.core.errors import (
    BadRequest,
    ContextOverflow,
    ProviderDown,
    QuotaExceeded,
    RateLimited,
    StreamCut,
)
from agentkit.models.openai_faults import Refusal, fault, retry_after
from agentkit.models.openai_terms import Terms

SENT = {"model": "m", "max_tokens": 5, "temperature": 0, "stream_options": {}, "stop": []}


def told(message, param=None, code=None):
    return json.dumps({"error": {"message": message, "param": param, "code": code}})


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "'max_tokens' or 'max_completion_tokens' is too large: 5. This model's maximum context length is 9",
        "the request exceeds the available context size. try increasing the context size",
        "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "input length exceeds maximum context length",
        "the input length exceeds the context length",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with",
        "The number of tokens to keep from the initial prompt is greater than the context length.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Prompt contains 70000 tokens, too large for model with 32768 maximum context length",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
    ],
)
def test_overflow_is_recognised_in_the_words_of_each_server(message):
    assert type(fault(400, f'{{"error": {{"message": "{message}"}}}}', {}, sent=SENT)) is ContextOverflow


@pytest.mark.parametrize(
    ("message", "window"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", 4096),
        ("request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it", 4096),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096),
        ("prompt is too long: 210000 tokens > 200000 maximum", 200_000),
        ("Prompt contains 70000 tokens, too large for model with 32768 maximum context length", 32_768),
        ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 0),
        ("input length exceeds maximum context length", 0),
    ],
)
def test_the_window_that_a_server_names_is_taken_from_its_words(message: str, window: int) -> None:
    error = fault(400, f'{{"error": {{"message": "{message}"}}}}', {}, sent=SENT)
    assert isinstance(error, ContextOverflow)
    assert error.window == window


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error": {"message": "no", "type": "exceed_context_size_error"}}', ContextOverflow),
        (413, "Payload Too Large", ContextOverflow),
        (500, '{"error": "the request exceeds the available context size"}', ContextOverflow),
        (429, '{"error": {"message": "m", "type": "insufficient_quota"}}', QuotaExceeded),
        (429, '{"error": {"message": "Request too large: context window exceeded per minute"}}', RateLimited),
        (0, '{"error": {"message": "m", "code": "rate_limit_exceeded"}}', RateLimited),
        (0, '{"error": {"message": "m", "code": 503}}', ProviderDown),
        (0, '{"object": "error", "message": "m", "code": 400}', BadRequest),
        (0, '{"error": "GPU lost"}', StreamCut),
    ],
)
def test_kinds(status, body, kind):
    assert type(fault(status, body, {}, sent={})) is kind


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": {"message": "Bad."}}', "Bad. (HTTP 400)"),
        ('{"error": "Bad."}', "Bad. (HTTP 400)"),
        ('{"message": "Bad."}', "Bad. (HTTP 400)"),
        ('{"detail": [{"msg": "Bad."}]}', '[{"msg": "Bad."}] (HTTP 400)'),
        ("<h1>Bad</h1>\n<p>request", "Bad request (HTTP 400)"),
        ("", "nothing (HTTP 400)"),
        ('{"error": {}}', '{"error": {}} (HTTP 400)'),
    ],
)
def test_the_servers_own_words_are_shown(body, said):
    assert str(fault(400, body, {}, sent={})) == said


@pytest.mark.parametrize(
    ("status", "body", "parameter"),
    [
        (400, told("'max_tokens' is not supported. Use 'max_completion_tokens' instead."), "max_tokens"),
        (400, told("Not with this model.", "max_tokens", "unsupported_parameter"), "max_tokens"),
        (400, told("'temperature' does not support 0.0", "temperature", "unsupported_value"), "temperature"),
        (400, '{"error": {"message": "Unrecognized request argument supplied: max_tokens"}}', "max_tokens"),
        (
            422,
            '{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}',
            "stream_options",
        ),
        (
            400,
            '{"error": {"message": "stream_options: invalid", "param": "stream_options"}}',
            "stream_options",
        ),
    ],
)
def test_a_refused_parameter_is_named(status, body, parameter):
    refusal = fault(status, body, {}, sent=SENT)
    assert isinstance(refusal, Refusal)
    assert refusal.parameter == parameter


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "max_tokens is too large: 5. It is at most 3", "param": "max_tokens"}}',
        '{"error": {"message": "stop is not supported", "param": "stop"}}',
        '{"error": {"message": "model m does not support tools"}}',
        '{"error": {"message": "top_p is not supported", "param": "top_p"}}',
    ],
)
def test_what_dropping_a_parameter_would_not_mend_is_a_bad_request(body):
    assert type(fault(400, body, {}, sent=SENT)) is BadRequest


def test_each_parameter_is_given_in_once():
    terms = Terms()
    names = ["seed", "seed", "max_tokens", "max_completion_tokens", "stop"]
    assert [name for name in names if terms.give_in(name)] == ["seed", "max_tokens"]
    assert terms.applied({"seed": 1, "max_tokens": 2, "stop": []}) == {"max_completion_tokens": 2, "stop": []}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:09 GMT"}, 9.0),
        ({"retry-after": "Thu, 01 Jan 2025 00:00:09 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "nan", "retry-after": "1"}, 1.0),
    ],
)
def test_retry_after_in_each_of_its_forms(headers, seconds):
    assert retry_after(headers, datetime(2026, 1, 1, tzinfo=UTC)) == seconds


def test_a_refusal_nested_without_end_is_told_as_it_is():
    error = fault(400, "[" * 100_000, {}, sent=SENT)
    assert type(error) is BadRequest
    assert "[[[" in str(error)
