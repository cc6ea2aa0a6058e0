"""Chat completions as OpenAI's own client sees them, streamed and not, beside the engine's own answers."""

import json
from dataclasses import replace

import pytest

from agentkit_local_models.answer import Completion
from agentkit_local_models.chat_template import ChatTemplate, encode_chat
from agentkit_local_models.sampling import Sampling

from .running import NAME, fresh

TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a port. 你好"}]
DRAWN = {"temperature": 0.9, "seed": 7, "max_tokens": 12}
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look at a thing.",
        "parameters": {
            "type": "object",
            "properties": {
                "what": {"enum": ["sky", "sea"]},
                "times": {"type": "integer"},
                "near": {"type": "boolean"},
            },
            "required": ["what", "times", "near"],
        },
    },
}
WAIT = {"type": "function", "function": {"name": "wait"}}
PORT = {
    "type": "object",
    "properties": {"port": {"type": "integer", "minimum": 1, "maximum": 9}, "open": {"type": "boolean"}},
    "required": ["port", "open"],
    "additionalProperties": False,
}


def ask(client, **more):
    return client.chat.completions.create(**{"model": NAME, "messages": TALK, **DRAWN, **more})


@pytest.fixture(scope="module")
def plain(client):
    """The answer to the plain question."""
    return ask(client).choices[0].message


def joined(client, **more):
    """What the pieces of a stream come to: texts, calls and finish reasons by choice, and the usage."""
    texts, calls, finishes, usage = {}, {}, {}, None
    with ask(client, stream=True, **more) as stream:
        for chunk in stream:
            usage = chunk.usage or usage
            for choice in chunk.choices:
                assert choice.index not in finishes
                if choice.finish_reason:
                    finishes[choice.index] = choice.finish_reason
                delta = choice.delta
                assert delta.role == ("assistant" if choice.index not in texts else None)
                texts[choice.index] = texts.get(choice.index, "") + (delta.content or "")
                calls.setdefault(choice.index, []).extend(delta.tool_calls or [])
    return texts, calls, finishes, usage


def direct(server, sampling, messages=TALK) -> Completion:
    """What the model answers without a server."""
    checkpoint = server.engine.checkpoint
    template = ChatTemplate(checkpoint.chat_template, checkpoint.special_texts)
    prompt = encode_chat(template, server.engine.tokenizer, messages)
    *_, done = fresh(server.engine).generate(prompt, sampling)
    return done


@pytest.mark.parametrize("drawn", [DRAWN, {"temperature": 0, "seed": None, "max_tokens": 12}])
def test_an_answer_is_the_engines_streamed_and_not(server, client, drawn):
    done = direct(server, Sampling(**drawn))
    whole = ask(client, **drawn)
    texts, _, finishes, _ = joined(client, **drawn)
    assert whole.choices[0].message.content == texts[0] == done.text != ""
    assert whole.choices[0].finish_reason == finishes[0] == "length"
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (done.prompt_tokens, 12)


def test_top_p_zero_is_the_likeliest_answer(client):
    likeliest = ask(client, temperature=0).choices[0].message
    assert ask(client, temperature=1, top_p=0).choices[0].message == likeliest
    assert ask(client, temperature=1).choices[0].message != likeliest


def test_several_answers_have_the_seeds_after_the_first(server, client):
    expected = [direct(server, replace(Sampling(**DRAWN), seed=seed)).text for seed in (7, 8, 9)]
    assert len(set(expected)) == 3
    assert [choice.message.content for choice in ask(client, n=3).choices] == expected
    texts, _, finishes, _ = joined(client, n=3)
    assert [texts[number] for number in range(3)] == expected
    assert finishes == dict.fromkeys(range(3), "length")


def test_the_largest_seed_is_followed_by_the_first_and_negative_ones_count_from_the_end(client, server):
    largest = (1 << 63) - 1
    expected = [direct(server, replace(Sampling(**DRAWN), seed=seed)).text for seed in (largest, 0)]
    for seed in (largest, -1):
        assert [choice.message.content for choice in ask(client, n=2, seed=seed).choices] == expected


def test_a_stop_text_ends_the_answer_and_is_not_sent(client, plain):
    text = plain.content
    stop = text[6:9]
    whole = ask(client, stop=[stop, "never"])
    texts, _, finishes, _ = joined(client, stop=stop)
    assert whole.choices[0].message.content == texts[0] == text[: text.index(stop)]
    assert whole.choices[0].finish_reason == finishes[0] == "stop"


@pytest.mark.parametrize(
    "more",
    [
        {"top_p": 0.3}, {"presence_penalty": -20}, {"frequency_penalty": -20}, {"logit_bias": {"40": 100}},
        {"seed": 8}, {"temperature": 0.1}, {"extra_body": {"top_k": 1}}, {"extra_body": {"min_p": 0.9}},
        {"extra_body": {"repetition_penalty": 0.01}},
    ],
)  # fmt: skip
def test_each_rule_of_drawing_changes_the_answer(client, plain, more):
    assert ask(client, **more).choices[0].message != plain


def test_max_completion_tokens_is_max_tokens(client):
    whole = ask(client, max_tokens=None, max_completion_tokens=5)
    assert whole.usage.completion_tokens == 5


def test_usage_is_told_and_what_was_computed_before_is_counted(client):
    messages = [*TALK, {"role": "user", "content": "Only this test says so."}]
    first = ask(client, messages=messages, n=2).usage
    *_, usage = joined(client, messages=messages, n=2, stream_options={"include_usage": True})
    assert first.total_tokens == first.prompt_tokens + first.completion_tokens
    assert first.completion_tokens == 24
    assert usage.prompt_tokens == first.prompt_tokens
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens - 1
    assert first.prompt_tokens_details.cached_tokens < first.prompt_tokens // 2 + 16
    assert joined(client)[3] is None


def test_logprobs_are_told_of_each_token_in_pieces_too(server, client):
    done = direct(server, Sampling(**DRAWN, logprobs=2))
    whole = ask(client, logprobs=True, top_logprobs=2).choices[0].logprobs.content
    pieces = []
    with ask(client, logprobs=True, top_logprobs=2, stream=True) as stream:
        for chunk in stream:
            pieces += chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else []
    assert pieces == whole
    assert [bytes(one.bytes) for one in whole] == [
        server.engine.tokenizer.token_bytes(token) for token in done.token_ids
    ]
    assert [one.logprob for one in whole] == pytest.approx([one.logprob for one in done.logprobs])
    assert {len(one.top_logprobs) for one in whole} == {2}


@pytest.mark.parametrize("seed", range(3))
def test_a_call_fits_its_schema_streamed_and_not(client, seed):
    more = {"tools": [LOOK, WAIT], "tool_choice": "required", "seed": seed, "max_tokens": 80}
    choice = ask(client, **more).choices[0]
    texts, calls, finishes, _ = joined(client, **more)
    (call,) = choice.message.tool_calls
    assert choice.finish_reason == finishes[0] == "tool_calls"
    assert choice.message.content is None
    assert texts[0] == ""
    if call.function.name == "look":
        arguments = json.loads(call.function.arguments)
        assert arguments["what"] in ("sky", "sea")
        assert isinstance(arguments["times"], int)
        assert isinstance(arguments["near"], bool)
    assert "".join(one.function.arguments for one in calls[0]) == call.function.arguments
    assert [(one.id, one.function.name, one.function.arguments) for one in calls[0][:1]] == [
        (call.id, call.function.name, "")
    ]


@pytest.mark.parametrize("name", ["look", "wait"])
def test_the_named_tool_is_called(client, name):
    choice = {"type": "function", "function": {"name": name}}
    answer = ask(client, tools=[LOOK, WAIT], tool_choice=choice, max_tokens=80).choices[0]
    assert [call.function.name for call in answer.message.tool_calls] == [name]


def test_no_tool_is_called_where_none_may_be(client, plain):
    assert ask(client, tools=[LOOK], tool_choice="none").choices[0].message == plain


def test_text_beside_tools_is_the_same_streamed_and_not(client):
    more = {"tools": [LOOK], "logit_bias": {}, "max_tokens": 60}
    for seed in range(4):
        message = ask(client, **more, seed=seed).choices[0].message
        texts, calls, _, _ = joined(client, **more, seed=seed)
        assert texts[0] == (message.content or "")
        assert {one.index for one in calls[0]} == set(range(len(message.tool_calls or [])))


def test_a_conversation_with_results_goes_on(server, client):
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"what": "sky"}'}}
    talk = [
        *TALK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "blue"},
        {"role": "tool", "tool_call_id": "c1", "content": "Error: too dark"},
    ]
    told = [
        *TALK,
        {"role": "assistant", "content": "look\nwhat: sky"},
        {"role": "user", "content": "Result: blue\nError: too dark"},
    ]
    assert (
        ask(client, messages=talk).choices[0].message.content == direct(server, Sampling(**DRAWN), told).text
    )


def test_parts_of_text_are_one_text_and_a_developer_is_the_system(client, plain):
    parts = [{"type": "text", "text": "Name a port. "}, {"type": "text", "text": "你好"}]
    talk = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    assert ask(client, messages=talk).choices[0].message == plain


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_is_held_to_its_schema(client, seed):
    form = {"type": "json_schema", "json_schema": {"name": "port", "strict": True, "schema": PORT}}
    text = ask(client, response_format=form, seed=seed, max_tokens=60).choices[0].message.content
    assert joined(client, response_format=form, seed=seed, max_tokens=60)[0][0] == text
    port = json.loads(text)
    assert set(port) == {"port", "open"}
    assert 1 <= port["port"] <= 9
    assert isinstance(port["open"], bool)


def test_an_answer_can_be_any_object(client):
    text = ask(client, response_format={"type": "json_object"}, max_tokens=12).choices[0].message.content
    assert text.startswith("{")


def test_what_asks_for_nothing_else_is_taken(client, plain):
    more = {
        "store": False, "service_tier": "auto", "parallel_tool_calls": True, "user": "ana", "n": 1,
        "modalities": ["text"], "reasoning_effort": None,
    }  # fmt: skip
    assert ask(client, **more).choices[0].message == plain
    assert ask(client, model=f"local:{NAME}").model == NAME
