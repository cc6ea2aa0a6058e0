"""Chats that cannot be answered as they ask, and what they are told."""

import json

import openai
import pytest

from .test_chat import LOOK, ask


def taking(parameters):
    """A tool that takes what this schema says."""
    return {"tools": [{"type": "function", "function": {"name": "x", "parameters": parameters}}]}


DEEP = json.loads('{"items":' * 400 + "{}" + "}" * 400)
BAD_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nothing"}}}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"model": "gpt-4"}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "name": "Ana"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
         "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "tool", "name": "x", "tool_call_id": "c", "content": "x", "failed": 1}]},
         "messages[0].failed"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, "messages"),
        ({"temperature": -1}, "temperature"), ({"temperature": "hot"}, "temperature"),
        ({"presence_penalty": 1e300}, "presence_penalty"),
        ({"frequency_penalty": -1e300}, "frequency_penalty"),
        ({"top_p": -0.1}, "top_p"), ({"top_p": 1.1}, "top_p"),
        ({"n": 0}, "n"), ({"n": 1000}, "n"), ({"seed": 1 << 63}, "seed"),
        ({"max_tokens": 0}, "max_tokens"), ({"max_completion_tokens": 9}, "max_tokens"),
        ({"stop": ["a"] * 17}, "stop"), ({"stop": [1]}, "stop"), ({"stop": ""}, "stop"),
        ({"logit_bias": {"999999": 1}}, "logit_bias"), ({"logit_bias": {"1": 101}}, "logit_bias.1"),
        ({"logit_bias": {"9" * 5000: 1}}, "logit_bias"),
        ({"top_logprobs": 2}, "top_logprobs"), ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"reasoning_effort": "low"}, "reasoning_effort"), ({"store": True}, "store"),
        ({"functions": [{"name": "x"}]}, "functions"), ({"metadata": {"a": "b"}}, "metadata"),
        ({"service_tier": "flex"}, "service_tier"), ({"extra_body": {"foo": 1}}, "foo"),
        ({"tool_choice": "required"}, "tool_choice"), ({"tools": [LOOK, LOOK]}, "tools"),
        ({"tools": [LOOK], "tool_choice": {"type": "function", "function": {"name": "x"}}},
         "tool_choice.function.name"),
        ({"tools": [{"type": "function", "function": {"name": "no space"}}]}, "tools[0].function.name"),
        (taking({"required": ["a"]}), "tools[0].function.parameters.required"),
        (taking({"properties": {"a": {}}, "required": [["a"]]}), "tools[0].function.parameters.required"),
        (taking({"properties": {"a": {"enum": 5}}}), "tools[0].function.parameters.properties.a.enum"),
        ({"tools": [LOOK], "response_format": BAD_SCHEMA}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": BAD_SCHEMA}, "response_format"),
        (taking(DEEP), "tools[0].function.parameters"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": DEEP}}},
         "response_format.json_schema.schema"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(client, more, param):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **more)
    assert refused.value.param == param
    assert refused.value.type == "invalid_request_error"
