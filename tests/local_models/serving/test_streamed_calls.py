"""Calls, and words beside tools, in the pieces that OpenAI's own client puts together."""

import json

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from .running import NAME, Running, fresh, spoken
from .test_chat import LOOK, PORT, TALK

SAY = {
    "type": "function",
    "function": {
        "name": "say",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"loud": {"type": "boolean"}, "what": {"type": "string"}},
            "required": ["loud", "what"],
            "additionalProperties": False,
        },
    },
}
FORM = {"type": "json_schema", "json_schema": {"name": "port", "schema": PORT}}


@pytest.fixture(scope="module", params=["lines", "python"])
def client(tiny, request):
    with Running(spoken(fresh(tiny), request.param)) as running:
        yield running.client()


def ask(client, **more):
    drawn = {"temperature": 0.9, "seed": 3, "max_tokens": 40}
    return client.chat.completions.create(**{"model": NAME, "messages": TALK, **drawn, **more})


def test_the_official_client_puts_a_call_together(client):
    more = {"tools": [SAY], "tool_choice": "required"}
    (call,) = ask(client, **more).choices[0].message.tool_calls
    pieces, state = [], ChatCompletionStreamState()
    with ask(client, stream=True, **more) as chunks:
        for chunk in chunks:
            pieces += chunk.choices[0].delta.tool_calls or []
            state.handle_chunk(chunk)
    (joined,) = state.current_completion_snapshot.choices[0].message.tool_calls
    assert (joined.id, joined.type) == (call.id, "function")
    assert (joined.function.name, joined.function.arguments) == ("say", call.function.arguments)
    assert (pieces[0].id, pieces[0].function.name, pieces[0].function.arguments) == (call.id, "say", "")
    texts = [text for one in pieces[1:] if (text := one.function.arguments)]
    assert len(texts) > 5  # a text comes while it is made
    assert not any(one.id or one.function.name for one in pieces[1:])


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_cut_is_the_beginning_of_its_arguments(client, stream):
    # a random model does not end its text; where the form needs an end, the call is cut
    answer = ask(client, tools=[SAY], tool_choice="required", stream=stream)
    if stream:
        with answer as chunks:
            deltas = [chunk.choices[0].delta for chunk in chunks]
        functions = [one.function for delta in deltas for one in delta.tool_calls or ()]
        arguments = "".join(one.arguments or "" for one in functions)
    else:
        (call,) = answer.choices[0].message.tool_calls
        arguments = call.function.arguments
    assert arguments.startswith('{"loud": ')
    assert '"what": "' in arguments


def held(client, **more):
    """The words of an answer of tools and a schema; of the first that is no call."""
    for seed in range(12):
        choice = ask(client, tools=[LOOK], response_format=FORM, seed=seed, max_tokens=60, **more).choices[0]
        if choice.message.tool_calls is None:
            return seed, choice
        assert choice.message.tool_calls[0].function.name == "look"
    raise AssertionError("every answer was a call")


def test_beside_tools_the_words_fit_their_schema_and_are_told_of(client):
    seed, choice = held(client, logprobs=True, top_logprobs=1)
    assert set(json.loads(choice.message.content)) == {"port", "open"}
    told = choice.logprobs.content
    spelt = b"".join(bytes(one.bytes) for one in told).decode()
    assert spelt.strip() == choice.message.content
    texts, pieces = "", []
    more = {"tools": [LOOK], "response_format": FORM, "seed": seed, "max_tokens": 60}
    with ask(client, **more, stream=True, logprobs=True, top_logprobs=1) as chunks:
        for chunk in chunks:
            texts += chunk.choices[0].delta.content or ""
            pieces += chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else []
    assert texts == choice.message.content
    assert pieces == told


def test_nothing_is_told_of_the_tokens_of_a_call(client):
    choice = ask(client, tools=[LOOK], tool_choice="required", logprobs=True, max_tokens=60).choices[0]
    assert choice.message.tool_calls
    assert choice.logprobs.content == []
